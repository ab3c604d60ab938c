"""Where the text is in a request's sampling parameters, and how it is exchanged there."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any, Literal, TypeVar

from vllm import SamplingParams

# A literal is a text of a structural tag.
Kind = Literal["text", "literal", "pattern", "grammar"]
# What a text is to the answer: the name of a field, or what stands in one: the only value, the first, last or
# another one of several that the model has to choose from; or nothing that the model is made
# to write, such as a description or a stop string: that is read, and exchanged only beside the same text.
Place = Literal["name", "value", "first", "last", "among", "kept"]
# Is given each text in the order in which an answer would have them, and returns what is to stand there.
Visit = Callable[[Kind, str, Place], str]

Whole = TypeVar("Whole")

_NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired"}
_DEFINED = ("$defs", "definitions")
_VALUES = {"const", "enum", "default", "examples"}
_NAMES = {"required", "propertyOrdering"}
_KEYWORDS = {"type", "format", "$schema", "style"}
_PATTERNS = {"pattern", "regex"}
_SCHEMAS = {"schema", "json_schema"}
_OUTPUTS = ("json", "regex", "choice", "grammar", "structural_tag", "whitespace_pattern")
# Of an operator's own connectors, between machines.
_TRANSFERS = {"kv_transfer_params", "ec_transfer_params"}
# vLLM refuses schemas of more than 64 levels and structural tags of more than 80.
_MAX_DEPTH = 100


class TooDeepError(ValueError):
    """A parameter is nested too deeply to be read."""


def exchanged(params: SamplingParams, visit: Visit) -> SamplingParams:
    """``params`` with every text as ``visit`` returns it: the same object where it returns all as they are.

    Raises ``TooDeepError``. What is not read is what vLLM itself refuses.
    """
    changes: dict[str, Any] = {}
    for kept in (params.stop, params.bad_words):
        for text in kept or ():
            visit("text", text, "kept")
    if params.structured_outputs is not None:
        outputs = _outputs(params.structured_outputs, visit)
        if outputs is not params.structured_outputs:
            changes["structured_outputs"] = outputs
    if params.extra_args:
        extra = _mapped(
            params.extra_args,
            lambda key: key,
            lambda key, value: value if key in _TRANSFERS else _values(value, visit, "value"),
        )
        if extra is not params.extra_args:
            changes["extra_args"] = extra
    return _with(params, changes)


def pinned(params: SamplingParams, grammar: str) -> SamplingParams:
    """``params`` with a ``grammar`` in the place of what else an answer is held to."""
    others = dict.fromkeys(_OUTPUTS) | {"grammar": grammar}
    return _with(params, {"structured_outputs": _with(params.structured_outputs, others)})


def extent(params: Any) -> int:
    """About how many characters of text ``params`` have: nothing is parsed, and nothing raised."""
    waiting: list[Any] = [getattr(params, name, None) for name in ("stop", "bad_words", "extra_args")]
    outputs = getattr(params, "structured_outputs", None)
    waiting += [getattr(outputs, name, None) for name in _OUTPUTS]
    characters = len(getattr(params, "trace_decode_token_ids", None) or ())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return characters


def _with(whole: Whole, changes: dict[str, Any]) -> Whole:
    if not changes:
        return whole
    copied = copy.copy(whole)  # shared by a client's other prompts
    for name, value in changes.items():
        setattr(copied, name, value)
    return copied


def _outputs(outputs: Any, visit: Visit) -> Any:
    changed: dict[str, Any] = {}
    if isinstance(outputs.json, str):
        changed["json"] = _json(outputs.json, lambda value: _Schema(value, visit).exchanged(), visit)
    elif outputs.json is not None:
        changed["json"] = _Schema(outputs.json, visit).exchanged()
    if isinstance(outputs.choice, list):
        changed["choice"] = _values(outputs.choice, visit, "among")
    if outputs.regex:
        changed["regex"] = visit("pattern", outputs.regex, "value")
    if outputs.grammar:
        changed["grammar"] = visit("grammar", outputs.grammar, "value")
    if outputs.structural_tag:
        changed["structural_tag"] = _json(outputs.structural_tag, lambda value: _tag(value, visit), visit)
    if outputs.whitespace_pattern:
        changed["whitespace_pattern"] = visit("pattern", outputs.whitespace_pattern, "value")
    return _with(outputs, {k: v for k, v in changed.items() if v is not getattr(outputs, k)})


def _json(source: str, walk: Callable[[Any], Any], visit: Visit) -> str:
    """A JSON text. Of a name that an object has twice the last counts; what was read is what goes down."""
    lost: list[Any] = []

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        last = dict(pairs)
        if len(last) < len(pairs):
            lost.extend(value for key, value in pairs if value is not last[key])
        return last

    try:
        value = json.loads(source, object_pairs_hook=kept)
    except RecursionError:
        return source
    except ValueError:
        return visit("text", source, "value")
    changed = walk(value)
    if changed is value and _values(lost, visit, "value") is lost:
        return source
    return json.dumps(changed, ensure_ascii=False)


def _values(value: Any, visit: Visit, place: Place, depth: int = 0) -> Any:
    """Every string inside of ``value``, keys too."""
    if depth > _MAX_DEPTH:
        raise TooDeepError("a parameter is nested too deeply")
    if isinstance(value, str):
        return visit("text", value, place)
    if isinstance(value, (list, tuple)):
        return _listed(value, lambda inner: _values(inner, visit, place, depth + 1))
    if isinstance(value, dict):
        return _mapped(
            value,
            lambda key: _values(key, visit, place, depth + 1),
            lambda _, inner: _values(inner, visit, place, depth + 1),
        )
    return value


def _listed(values: Any, exchange: Callable[[Any], Any]) -> Any:
    """A list or tuple with every item exchanged: the same object where all are as they were."""
    exchanged = [exchange(value) for value in values]
    same = all(one is other for one, other in zip(values, exchanged, strict=True))
    return values if same else type(values)(exchanged)


def _mapped(
    values: dict[Any, Any], name: Callable[[Any], Any], exchange: Callable[[Any, Any], Any]
) -> dict[Any, Any]:
    """The mapping with its names and values exchanged; the same object where nothing changed."""
    exchanged = [(name(key), exchange(key, value)) for key, value in values.items()]
    old = values.items()
    same = all(k is key and v is value for (k, v), (key, value) in zip(old, exchanged, strict=True))
    return values if same else dict(exchanged)


class _Schema:
    """One JSON schema; definitions are read where they are first asked for, as an answer has them."""

    def __init__(self, root: Any, visit: Visit) -> None:
        self._root, self._visit = root, visit
        self._asked: set[tuple[str, str]] = set()

    def exchanged(self) -> Any:
        """The schema, with every text exchanged."""
        return self._node(self._root, 0)

    def _node(self, node: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return node
        if isinstance(node, list):
            return _listed(node, lambda inner: self._node(inner, depth + 1))
        if not isinstance(node, dict):
            return node
        return _mapped(node, lambda key: key, lambda key, value: self._keyword(key, value, depth + 1))

    def _keyword(self, key: str, value: Any, depth: int) -> Any:
        if key in _NAMED and isinstance(value, dict):
            return self._named(key, value, depth)
        if key == "enum" and isinstance(value, list) and len(value) > 1:
            places: Iterator[Place] = chain(("first",), repeat("among", len(value) - 2), ("last",))
            return _listed(value, lambda inner: _values(inner, self._visit, next(places), depth))
        if key in _VALUES:
            return _values(value, self._visit, "value", depth)
        if key == "x-guidance":  # how its fields are parted
            return self._separators(value)
        if key in _NAMES:
            return _values(value, self._visit, "kept", depth)
        if isinstance(value, str):
            return self._text(key, value, depth)
        return self._node(value, depth)

    def _separators(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._visit("pattern", value, "value")
        return (
            _mapped(value, lambda key: key, lambda _, inner: self._separators(inner))
            if isinstance(value, dict)
            else value
        )

    def _named(self, key: str, named: dict[str, Any], depth: int) -> dict[str, Any]:
        kind: Kind = "pattern" if key == "patternProperties" else "text"
        place: Place = "kept" if key in _DEFINED else "name"
        if key == "dependentRequired":
            return _values(named, self._visit, "kept", depth)  # type: ignore[no-any-return]
        return _mapped(
            named, lambda name: self._visit(kind, name, place), lambda _, value: self._node(value, depth)
        )

    def _text(self, key: str, value: str, depth: int) -> str:
        if key in _KEYWORDS:
            return value
        if key in _PATTERNS:
            return self._visit("pattern", value, "value")
        if key.endswith("$ref"):
            return self._pointer(value, depth)
        return self._visit("text", value, "kept")

    def _pointer(self, pointer: str, depth: int) -> str:
        parts = pointer.split("/")
        if len(parts) == 3 and parts[0] == "#" and (asked := (parts[1], parts[2])) not in self._asked:
            self._asked.add(asked)
            if parts[1] in _DEFINED and isinstance(self._root, dict):
                defined = self._root.get(parts[1])
                self._node(defined.get(parts[2]) if isinstance(defined, dict) else None, depth)
        exchanged = "/".join(self._visit("text", part, "kept") for part in parts)
        return pointer if exchanged == pointer else exchanged


def _tag(value: Any, visit: Visit, key: str = "", depth: int = 0) -> Any:
    """A structural tag: texts, patterns, grammars and schemas between which a model goes to and fro."""
    if depth > _MAX_DEPTH:
        return value
    if key in _SCHEMAS and isinstance(value, dict):
        return _Schema(value, visit).exchanged()
    if isinstance(value, dict):
        return _mapped(value, lambda name: name, lambda name, inner: _tag(inner, visit, name, depth + 1))
    if isinstance(value, list):
        return _listed(value, lambda inner: _tag(inner, visit, key, depth + 1))
    if not isinstance(value, str) or key in _KEYWORDS:
        return value
    if key in _SCHEMAS:
        return _json(value, lambda inner: _Schema(inner, visit).exchanged(), visit)
    kind: Kind = "pattern" if key in _PATTERNS else "grammar" if key in ("grammar", "ebnf") else "literal"
    return visit(kind, value, "kept" if key == "excludes" else "value")
