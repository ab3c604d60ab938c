"""What the backends make of a request's structured outputs, as vLLM asks them to."""

from __future__ import annotations

import json
import re
from typing import Any

import xgrammar
from llguidance.gbnf_to_lark import any_to_lark
from vllm.v1.structured_output.utils import grammar_is_likely_lark

from .plain_grammar import UnreadableError

# What guidance has beside xgrammar's Lark, and makes a model write no letters.
_BESIDE = re.compile(r"%llguidance\s*\{[^{}]*\}|<(?!\[\^?\d)[^<>\s\"/]+>")
# In xgrammar's dialect of patterns an escape in hex goes on for as long as it can.
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\}|(.))", re.DOTALL)
# Of guidance's patterns: blanks that say nothing, and classes that are made of others.
STRANGE_PATTERN = re.compile(r"\(\?[a-zA-Z]*x|&&|--[^\]]*\]|~~|\[\^?(?:[^\]\\]|\\.)*\[(?!:)", re.DOTALL)
# Of its grammars: tokens, ranges, whole schemas, parts of texts, what is and is not another thing, flags.
_STRANGE = re.compile(r"%(?!ignore|import)|<\[\^?\d|\"\.\.\"|[&~@]|\b(?:suffix|stop)\s*=|/[imsu]*x")


def as_guidance(source: str) -> Any:
    """An ``xgrammar.Grammar`` that says what guidance's Lark or EBNF ``source`` does.

    None where xgrammar has no words for it, but a reader of ours has. Raises ``UnreadableError`` where
    neither has.
    """
    try:
        lark = _BESIDE.sub(" ", any_to_lark(source))
        return xgrammar.Grammar.from_lark(_ESCAPE.sub(_in_four, lark))
    except Exception:  # of either library, for whatever it does not take
        if _STRANGE.search(source) or STRANGE_PATTERN.search(source):
            raise UnreadableError("a grammar has what is not known here") from None
        return None


def _in_four(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return f"\\u{int(code, 16):04x}" if code and len(code) < 5 else escape[0]


def understood(outputs: Any, any_whitespace: bool, plain: bool = False) -> Any:
    """The ``xgrammar.Grammar`` of structured outputs that vLLM has found valid; None where these are plain
    text, such as choices, or a schema without patterns, unless ``plain`` ones are wanted, too."""
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
    if not plain and "attern" not in schema and "\\u" not in schema:
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
