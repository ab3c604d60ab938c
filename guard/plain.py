"""What is wrong with a value, in the words of a file: pydantic's are Python's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_CHOICE = "must be true or false"
_SETTINGS = "must hold names with values (name: value)"
_WORDS = {
    "missing": "is missing",
    "invalid_key": "is no name: a name is text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be text (a string)",
    "path_type": "must be a file's name",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _CHOICE,
    "bool_parsing": _CHOICE,
    "dict_type": _SETTINGS,
    "model_type": _SETTINGS,
    "model_attributes_type": _SETTINGS,
}
_QUOTED = re.compile("'([^']*)'")
# Of a name that somebody sends, compare.
_COMPARED_CHARS = 80
_SHOWN_CHARS = 40


def explain(error: ValidationError, model: type[BaseModel], whole: str, most: int = 5) -> str:
    """What is wrong in a ``model``, field by field; ``whole`` is what the object itself is called."""
    problems = error.errors(include_url=False)[:most]
    return "; ".join(f"{place(problem['loc'], whole)}: {plain(problem, model)}" for problem in problems)


def place(location: Sequence[int | str], whole: str) -> str:
    """Where a problem is, as it is written: "aliases.1"."""
    return ".".join(str(part)[:_SHOWN_CHARS] for part in location) or whole


def plain(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """The reason in ``problem``, one of the errors of a ``model``, and where it can be told the remedy;
    nothing of the value is repeated."""
    kind, limits, value = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "extra_forbidden":
        name, known = str(problem["loc"][-1]), _fields(model, problem["loc"][:-1])
        near = _suggest(name, known) or _suggest_path(model, name)
        return f"is not known{near or '; known are ' + ', '.join(known)}"
    if kind == "string_pattern_mismatch" and (said := _description(model, problem["loc"])):
        return f"must be {said}"
    if kind == "literal_error":
        near, said = (
            _suggest(str(value), _QUOTED.findall(limits["expected"])),
            _description(model, problem["loc"]),
        )
        return f"must be {limits['expected']}{near or (f' ({said})' if said else '')}"
    if kind == "union_tag_invalid":
        what, known = limits["discriminator"].strip("'"), _QUOTED.findall(limits["expected_tags"])
        tag = limits["tag"][:_SHOWN_CHARS]
        return f"there is no {what} {tag!r}; there are {', '.join(known)}{_suggest(tag, known)}"
    if kind == "union_tag_not_found":
        return f"needs {limits['discriminator']}, which says what it is"
    if kind in ("too_short", "string_too_short"):
        return f"must have at least {_count(limits['min_length'], value)}"
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {_count(limits['max_length'], value)}"
    message = problem["msg"].removeprefix("Value error, ")
    return _WORDS.get(kind) or re.sub(r"^\w+ should ", "must ", message)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Which of the ``known`` names is meant by ``name``, if one is."""
    lower = {other.lower(): other for other in known}
    names = get_close_matches(name[:_COMPARED_CHARS].lower(), lower, 1)
    return lower[names[0]] if names else None


def _suggest(name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def _count(number: int, value: object) -> str:
    return f"{number:,} {'character' if isinstance(value, str) else 'item'}{'s' * (number != 1)}"


def paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every field that has no fields of its own to name; of one of several models, its own."""
    for name, field in model.model_fields.items():
        inside = _models(field.annotation)
        if len(inside) == 1:
            yield from paths(inside[0], (*above, name))
        else:
            yield (*above, name)


def _suggest_path(model: type[BaseModel], name: str) -> str:
    for path in paths(model):
        if path[-1] == name.lower():
            return f"; did you mean {'.'.join(path)!r}?"
    return ""


def _fields(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    names: dict[str, None] = {}
    for part in _at(model, location):
        names |= dict.fromkeys(part.model_fields)
    return list(names)


def _description(model: type[BaseModel], location: Sequence[int | str]) -> str | None:
    for part in _at(model, location[:-1]):
        if field := part.model_fields.get(str(location[-1])):
            return field.description
    return None


def _at(model: type[BaseModel], location: Sequence[int | str]) -> list[type[BaseModel]]:
    """The models that may stand at a place within ``model``."""
    models = [model]
    for part in location:
        inside: list[type[BaseModel]] = []
        for each in models:
            if field := each.model_fields.get(str(part)):
                inside += _models(field.annotation)
        # Not a field: the number of an item, or the tag of one of several.
        models = inside or [each for each in models if _has_tag(each, part)] or models
    return models


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    return any(field.default == tag for field in model.model_fields.values())


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    models: list[type[BaseModel]] = []
    for inside in get_args(annotation):
        models += _models(inside)
    return models
