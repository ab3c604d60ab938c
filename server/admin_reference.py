"""The reference page of the admin routes, made from the routes themselves.

``python -m vllm_unlearn.server.admin_reference > docs/admin.md``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .admin import ERRORS, PREFIX, admin_app

Schema = Mapping[str, Any]

_HEAD = """# Admin routes

Made by `python -m vllm_unlearn.server.admin_reference`; a test compares this page with the routes.

There are admin routes where the configuration has an `admin_key`. Every request gives it in the header
`X-Unlearn-Key`; without it the routes are answered as an unknown path is, with a 404. Bodies and answers are
JSON in UTF-8, unknown fields are refused, and an error's body is `{"detail": "a sentence"}`. A change is
acknowledged once it is stored; `vllm-unlearn wait --generation N`, or `served` of `GET generation` on each
server, tells when it is served. In the examples

    URL=http://localhost:8000/plugins/unlearn KEY='X-Unlearn-Key: …'
"""
# What is sent in the examples, by method and path.
_BODIES: dict[str, object] = {
    "POST /targets": {"name": "The Great Gatsby", "kind": "work", "expires_at": "2031-01-31"},
    "POST /check": {"text": "Who wrote The Great Gatsby?"},
}
_PLACES = {"{target_id}": "the-great-gatsby", "{generation}": "1", "{before}": "0", "{after}": "1"}
_DEFAULTS = {"id": "made from the name"}


def page() -> str:
    """The page, in Markdown."""
    api = admin_app().openapi()
    schemas = api["components"]["schemas"]
    parts = [_HEAD]
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            parts.append("\n".join(_route(method.upper(), path.removeprefix(PREFIX), route, schemas)))
    parts.append("\n".join(_kinds(schemas)))
    errors = [f"- {status}: {said}." for status, said in ERRORS.items()]
    parts.append("\n".join(["## Errors", "", *errors, ""]))
    return "\n".join(parts)


def _route(method: str, path: str, route: Schema, schemas: Schema) -> Iterator[str]:
    yield from (f"## {method} {path.removeprefix('/')}", "", _prose(route["description"]), "")
    yield from (f"    {_curl(method, path)}", "")
    query = [each for each in route.get("parameters", ()) if each["in"] == "query"]
    if query:
        yield from (f"Query: {', '.join(map(_parameter, query))}.", "")
    if body := route.get("requestBody"):
        yield from ("Body:", "", *_table(body["content"]["application/json"]["schema"]), "")
    (status, answer), *_ = sorted(route["responses"].items())
    yield from (f"Answer ({status}): {_answer(answer, schemas)}", "")
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    if (named := _reference(schema)) and named not in _SHARED:
        yield from (*_table(schemas[named]), "")
    errors = [s for s, said in route["responses"].items() if ERRORS.get(int(s)) == said["description"]]
    if errors:
        yield from (f"[Errors](#errors): {', '.join(sorted(errors))}.", "")


def _parameter(parameter: Schema) -> str:
    schema = parameter["schema"]
    return f"`{parameter['name']}` ({schema['type']}, by default {json.dumps(schema['default'])})"


def _curl(method: str, path: str) -> str:
    for place, example in _PLACES.items():
        path = path.replace(place, example)
    sent = _BODIES.get(f"{method} {path}")
    how = f" -X {method}" if method != "GET" and sent is None else ""
    body = f" -d '{json.dumps(sent)}'" if sent is not None else ""
    return f'curl{how} -H "$KEY" $URL{path}{body}'


# Shown once, at the end.
_SHARED = ("ForgetTarget", "Changed", "Match", "Nearest", "Neighbour", "Replica")


def _kinds(schemas: Schema) -> Iterator[str]:
    for name in _SHARED:
        schema = schemas[name]
        prose = _prose(schema.get("description", ""))
        yield from (f"## {name}", "", prose, "", *(() if name == "ForgetTarget" else (*_table(schema), "")))


def _answer(answer: Schema, schemas: Schema) -> str:
    content = answer.get("content", {}).get("application/json")
    if not content or not content["schema"]:
        return "Prometheus' text format."
    schema = content["schema"]
    if (named := _reference(schema)) and named not in _SHARED:
        return _prose(schemas[named]["description"])
    return f"{_type(schema)}."


def _reference(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _table(schema: Schema) -> Iterator[str]:
    yield from ("| field | what it is |", "| --- | --- |")
    for name, field in schema["properties"].items():
        said = [field["description"]] if "description" in field else []
        if name in _DEFAULTS and said:
            said.append(f"by default {_DEFAULTS[name]}")
        elif name in schema.get("required", ()):
            said += ["required"] if "additionalProperties" in schema else []
        elif field.get("default"):
            said.append(f"by default `{field['default']}`")
        elif "default" not in field and "anyOf" not in field:
            said.append("only where there is something to say")
        yield f"| `{name}` | {_type(field)}{''.join(f'; {part}' for part in said)} |"


def _type(schema: Schema) -> str:
    if named := _reference(schema):
        return f"[{named}](#{named.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        most = f" (at most {schema['maxItems']:,})" if "maxItems" in schema else ""
        return f"list{most} of {_type(schema['items'])}"
    if schema.get("type") == "object":
        return "object of numbers"
    most = f" of at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""
    kind = str(schema["type"])
    return ("text" if kind == "string" else kind) + most


def _prose(text: str) -> str:
    """A docstring as Markdown."""
    return text.replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(page())
