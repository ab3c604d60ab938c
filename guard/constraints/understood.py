"""What xgrammar makes of a request's structured outputs, as vLLM asks it to."""

from __future__ import annotations

import json
from typing import Any

import xgrammar
from vllm.v1.structured_output.utils import grammar_is_likely_lark


def understood(outputs: Any, any_whitespace: bool) -> Any:
    """The ``xgrammar.Grammar`` of structured outputs that vLLM has found valid; None where these are plain
    text, such as choices, or a schema without patterns."""
    grammar: Any = xgrammar.Grammar
    if outputs.regex:
        return grammar.from_regex(outputs.regex)
    if outputs.grammar:
        read = grammar.from_lark if grammar_is_likely_lark(outputs.grammar) else grammar.from_ebnf
        return read(outputs.grammar)
    if outputs.structural_tag:
        return _tagged(outputs.structural_tag)
    if outputs.json is None:
        return None
    schema = outputs.json if isinstance(outputs.json, str) else json.dumps(outputs.json, ensure_ascii=False)
    if "attern" not in schema and "\\u" not in schema:
        return None
    separators = None if any_whitespace else (",", ":")
    return grammar.from_json_schema(schema, any_whitespace=any_whitespace, separators=separators)


def _tagged(source: str) -> Any:
    tag = json.loads(source)
    if "structures" not in tag:
        return xgrammar.Grammar.from_structural_tag(source)
    items = [
        xgrammar.StructuralTagItem(begin=s["begin"], schema=json.dumps(s["schema"]), end=s["end"])
        for s in tag["structures"]
    ]
    return xgrammar.Grammar.from_structural_tag(items, tag["triggers"])
