"""What xgrammar makes of a constraint is what is read, whatever it was written in."""

from __future__ import annotations

import json
import re
from typing import Any

import hypothesis
import pytest
import xgrammar
from constraining import outputs, restored, schema, screened
from hypothesis import strategies as st
from vllm import SamplingParams
from vllm_unlearn.guard.constraints.plain_grammar import PlainGrammar, UnreadableError, spoken
from vllm_unlearn.guard.constraints.understood import understood
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter
from xgrammar.testing import _is_grammar_accept_string as takes


def tagged(**form: Any) -> dict[str, Any]:
    return {"structural_tag": json.dumps({"type": "structural_tag", "format": form})}


def const(value: str) -> dict[str, Any]:
    return {"type": "const_string", "value": value}


def tag(begin: Any, content: Any, end: Any) -> dict[str, Any]:
    return {"type": "tag", "begin": begin, "content": content, "end": end}


WORD = const("Voldemort")
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "a regex": ({"regex": r"By Voldemort\."}, "By Voldemort."),
    "hex of any length": ({"regex": r"\x00056oldemor\x0000000074"}, "Voldemort"),
    "escapes that mean nothing": ({"regex": r"\Vo\ldemo[r\R]t"}, "Voldemort"),
    "code points": ({"regex": r"\u{56}olde\u006dort"}, "Voldemort"),
    "a class of all but one": ({"regex": r"[^\x00-UW-\u{10FFFF}]oldemort"}, "Voldemort"),
    "what is repeated no times": ({"regex": r"Volx{0}dem(or){1}t"}, "Voldemort"),
    "a NUL inside": ({"regex": r"Orrin\0Vale"}, "Orrin\0Vale"),
    "signs where they mean nothing": ({"regex": r"Vol^de$mort"}, "Voldemort"),
    "EBNF": ({"grammar": 'root ::= "V" b{1}\nb ::= [o] "\\x006c" "demort"'}, "Voldemort"),
    "a rule twice": ({"grammar": 'root ::= "V" o "ldem" o "rt"\no ::= "o"'}, "Voldemort"),
    "EBNF's regex": ({"grammar": 'root ::= Regex("\\\\Voldemort")'}, "Voldemort"),
    "pieces of a text": ({"grammar": 'root ::= "Volde" Substring("mort")'}, "Voldemort"),
    "beside an accent": ({"grammar": 'root ::= "\u00e9a Voldemort"'}, "\u00e9a Voldemort"),
    "Lark": ({"grammar": 'start: "Volde" MORT\nMORT: "mort"'}, "Voldemort"),
    "a Lark range": ({"grammar": 'start: "V".."V" "oldemort"'}, "Voldemort"),
    "a Lark suffix": ({"grammar": 'start: g\ng[suffix="t"]: /Voldemor/'}, "Voldemort"),
    "a Lark stop": ({"grammar": 'start: "Volde" g\ng[stop="rt"]: /mo/'}, "Voldemort"),
    "Lark that is lazy": ({"grammar": "start: g\ng[lazy]: /Voldemort/"}, "Voldemort"),
    "Lark escapes": ({"grammar": r"start: /\x00056oldemort/"}, "Voldemort"),
    "Lark repeated": ({"grammar": 'start: "Vol" "dem"~1 ["ort"]'}, "Voldemort"),
    "Lark in any case": ({"grammar": "start: /voldemort/i"}, "VOLDEmort"),
    "a schema in Lark": ({"grammar": 'start: "{" %json {"const": "Voldemort"} "}"'}, '{"Voldemort"}'),
    "a tag": (tagged(**tag("<a>", WORD, "</a>")), "<a>Voldemort</a>"),
    "pieces in a tag": (tagged(**tag("<a>Vol", const("de"), "mort")), "<a>Voldemort"),
    "what may be left out": (
        tagged(type="sequence", elements=[const("Volde"), {"type": "optional", "content": const("mort")}]),
        "Voldemort",
    ),
    "once or more": (tagged(type="plus", content=WORD), "Voldemort"),
    "repeated": (
        tagged(
            type="sequence",
            elements=[
                const("Vol"),
                {"type": "repeat", "min": 1, "max": 1, "content": const("de")},
                const("mort"),
            ],
        ),
        "Voldemort",
    ),
    "a pattern in a tag": (tagged(type="regex", pattern=r"\x00056oldemort"), "Voldemort"),
    "a grammar in a tag": (tagged(type="grammar", grammar='root ::= "Vol" "demort"'), "Voldemort"),
    "separated": (
        tagged(
            type="tags_with_separator",
            tags=[tag("<Vol", const("demort"), ">")],
            separator=",",
        ),
        "<Voldemort>",
    ),
    "triggered": (
        tagged(type="triggered_tags", triggers=["<Vol"], tags=[tag("<Vol", const("demort"), ">")]),
        "<Voldemort>",
    ),
    "a pattern for a field": (
        {"json": schema(a={"type": "string", "pattern": r"^\Voldemort$"})},
        '{"a": "Voldemort"}',
    ),
    "a pattern in text": (
        {"json": json.dumps(schema(a={"type": "string", "pattern": r"^Vo\u006cdemort$"}))},
        '{"a": "Voldemort"}',
    ),
    "escapes in the text": (
        {"json": '{"type": "string", "const": "V\\u006fldemort", "title": "caf\\u00e9"}'},
        '"Voldemort"',
    ),
    "an escape beside it": ({"json": '{"const": "Voldemort", "title": "caf\\u00e9"}'}, '"Voldemort"'),
    "over two fields and a pattern": (
        {"json": schema(a={"const": "Volde"}, b={"const": "mort"}, c={"type": "string", "pattern": "^.$"})},
        '{"a": "Volde", "b": "mort", "c": "x"}',
    ),
}


def held(constraint: dict[str, Any], guard: Guard, screen: Rewriter) -> Any:
    return screened(outputs(**constraint), guard, screen, backend="xgrammar")


def grammar(params: SamplingParams) -> Any:
    return understood(params.structured_outputs, True)


@pytest.mark.parametrize("form", FORMS)
def test_what_xgrammar_would_write_is_exchanged_and_comes_back(
    form: str, guard: Guard, screen: Rewriter
) -> None:
    constraint, answer = FORMS[form]
    found = held(constraint, guard, screen)
    assert found.stand_ins
    stands = found.stand_ins.cipher.replace
    stood = re.sub("Voldemort|Volde|mort|Orrin|Vale", lambda name: stands(name[0]), answer, flags=re.I)
    assert takes(grammar(found.given), answer) and takes(grammar(found.params), stood)
    assert form == "triggered" or not takes(grammar(found.params), answer)  # where text is free
    assert restored(stood, found.stand_ins) == answer


@pytest.mark.parametrize(
    "constraint",
    [
        {"regex": r"[a-z]+@[a-z]+\.(com|org)"},
        {"grammar": "start: NAME\nNAME: /[A-Z][a-z]+/\n%ignore /\\s+/"},
        {"json": schema(mail={"type": "string", "pattern": r"^\S+@\S+$"}, when={"format": "date"})},
        tagged(type="any_text", excludes=["Voldemort"]),
        tagged(type="sequence", elements=[{"type": "token", "token": 0}, const("yes")]),
    ],
)
def test_what_names_nobody_is_left(constraint: dict[str, Any], guard: Guard, screen: Rewriter) -> None:
    found = held(constraint, guard, screen)
    assert found.params is found.given


def test_what_another_backend_would_read_is_held_to_what_xgrammar_does(
    guard: Guard, screen: Rewriter
) -> None:
    """An engine stays with the backend of its first request."""
    found = held({"regex": r"\x47atsby|yes"}, guard, screen)
    assert found.params is not found.given and takes(grammar(found.params), "\u047atsby")


def test_tokens_are_read_as_what_they_say(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    tokens = tokenizer.encode("Voldemort")
    assert len(tokens) > 1
    listed = [{"type": "token", "token": token} for token in tokens]
    one_of = [n for n in range(screen.size) if n != tokens[0]]
    for constraint in (
        {"grammar": "root ::= " + " ".join(f"Token({token})" for token in tokens)},
        {"grammar": "start: " + " ".join(f"<[{token}-{token}]>" for token in tokens)},
        tagged(type="sequence", elements=listed),
        tagged(
            type="sequence",
            elements=[{"type": "exclude_token", "exclude_tokens": one_of}, *listed[1:]],
        ),
    ):
        found = held(constraint, guard, screen)
        assert found.stand_ins and not takes(grammar(found.params), "Voldemort")
        assert takes(grammar(found.params), found.stand_ins.cipher.replace("Voldemort"))


def test_what_cannot_be_read_is_refused(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    (half, *_) = tokenizer.encode("\u6751")
    text = tokenizer.encode("a")[0]
    dispatch = {"type": "token_dispatch", "rules": [[text, const("b")]]}
    for constraint in ({"grammar": f"root ::= Token({half})"}, tagged(**dispatch)):
        with pytest.raises(UnreadableError):
            held(constraint, guard, screen)


PATTERN = st.text(st.sampled_from(list("aG0.\\\\\\xxuc[]()^-|*{}16")), max_size=14)


@hypothesis.settings(max_examples=400, database=None, deadline=None, derandomize=True)
@hypothesis.given(PATTERN)
def test_what_is_written_anew_takes_what_the_clients_pattern_takes(pattern: str) -> None:
    class Nothing:
        size = 0

        def text_of(self, token: int) -> str | None:
            return None

    try:
        own = xgrammar.Grammar.from_regex(pattern)
    except RuntimeError:
        hypothesis.assume(False)
    again = xgrammar.Grammar.from_ebnf(spoken(PlainGrammar(own, Nothing()).source))
    plain = PlainGrammar(again, Nothing()).source
    assert plain == PlainGrammar(own, Nothing()).source
