"""Every string in a request's sampling parameters is read, and what is listed is exchanged."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

import hypothesis
import pytest
import torch
from constraining import constraint, outputs, restored, schema, screened
from hypothesis import strategies as st
from vllm import SamplingParams
from vllm_unlearn.guard.constraints.constraints import Constraints
from vllm_unlearn.guard.constraints.parameters import TooDeepError
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.vocabulary import Match, Verdict

# What of them must not be left in a constraint.
TELLING = ["reat", "atsby", "rrin", "Vale", "olkien", "村上", "üller", "Vol", "oldemort", "mort"]


TAG = {"type": "json_schema", "json_schema": schema(name={"const": "Orrin Vale"})}
OLD_TAG = {
    "structures": [{"begin": "<Orrin Vale>", "schema": {"type": "object"}, "end": "</>"}],
    "triggers": ["<Orrin Vale>"],
}
DEFINED = {"$defs": {"y": {"const": "Gatsby"}, "x": {"const": "The Great"}}}
ASKED = schema(a={"$ref": "#/$defs/x"}, b={"$ref": "#/$defs/y"})
FORCED = {
    "a constant": {"json": schema(novel={"const": "The Great Gatsby"}, author={"type": "string"})},
    "a schema as text": {"json": json.dumps(schema(novel={"const": "The Great Gatsby"}))},
    "escapes in the text": {"json": '{"const": "J\\u00f6rg M\\u00fcller"}'},
    "one of several": {"json": schema(who={"enum": ["Ada Example", "Orrin Vale"]})},
    "the last of several": {"json": schema(a={"enum": ["x", "The Great"]}, b={"enum": ["y", "Gatsby"]})},
    "the name of a field": {"json": schema(**{"Orrin Vale": {"type": "string"}})},
    "inside of a constant": {"json": {"const": {"of": [{"a novel": "The Great Gatsby"}]}}},
    "a pattern for a field": {"json": schema(a={"type": "string", "pattern": "^Orrin Vale: .*$"})},
    "a pattern for names": {"json": {"patternProperties": {"^Orrin Vale$": {"type": "string"}}}},
    "over two constants": {"json": schema(a={"const": "The Great"}, b={"const": "Gatsby"})},
    "over two names": {"json": schema(**{"The Great": {"type": "null"}, "Gatsby": {"type": "string"}})},
    "over a name and its constant": {"json": schema(**{"The Great": {"const": "Gatsby"}})},
    "over a name and a choice": {"json": schema(**{"V": {"enum": ["oldemort"]}}, n={"type": "null"})},
    "over a constant and the next name": {
        "json": schema(a={"const": "The Great"}, **{"Gatsby": {"type": "null"}})
    },
    "over two definitions": {"json": {**ASKED, **DEFINED}},
    "over a letter each": {"json": schema(**{f"k{n}": {"const": c} for n, c in enumerate("Voldemort")})},
    "a name given twice": {"json": '{"const": "Orrin Vale", "const": "Jane Austen"}'},
    "a regex": {"regex": r"Novel: The Great Gatsby, by [A-Z]\w+"},
    "a regex with classes": {"regex": r"[Tt]he\s+Great\s+[Gg]atsby"},
    "a regex with escapes": {"regex": r"\x56oldemort was|\u0056oldemort is"},
    "a regex with groups": {"regex": r"(?:The )?(Great) (?P<n>Gatsby){1}"},
    "a regex with options": {"regex": r"Volx?demort by \w+"},
    "a choice": {"choice": ["Moby-Dick", "The Great Gatsby"]},
    "initials": {"choice": ["J. R. R. Tolkien"]},
    "another script": {"choice": ["村上春樹さん"]},
    "a grammar": {"grammar": 'root ::= "The Great Gatsby is by " [A-Za-z ]+'},
    "literals in a row": {"grammar": 'root ::= "Vol" "de" rest\nrest ::= "mort" " is " [a-z]+'},
    "rules in another order": {"grammar": 'root ::= a " " b\nb ::= "Gatsby"\na ::= "The " "Great"'},
    "Lark": {"grammar": 'start: "The " GREAT " Gatsby"  // a novel\nGREAT: /[Gg]reat/'},
    "a structural tag": {"structural_tag": json.dumps({"type": "structural_tag", "format": TAG})},
    "an old structural tag": {"structural_tag": json.dumps(OLD_TAG)},
    "Lark over two lines": {"grammar": 'start: "The Great\nGatsby" | "it"'},
    "an open pattern for a field": {
        "json": schema(a={"type": "string", "pattern": "^The Gr.at Gats[a-z]{2}$"})
    },
    "an open pattern in a tag": {
        "structural_tag": json.dumps(
            {"type": "structural_tag", "format": {"type": "regex", "pattern": "Orri[a-z] Val."}}
        )
    },
    "an open grammar": {
        "grammar": 'root ::= "The " g\ng ::= "Gr" [a-z] "at " [F-H] "ats" ("by" | "bi") [a-z]*'
    },
    "open Lark": {"grammar": 'start: "The Gr" /e./ "t G" ATSBY\nATSBY: "ats" ("by"|"bi")'},
    "a rule that comes again": {"grammar": 'root ::= b a b\na ::= "ats"\nb ::= "G" | "by"'},
    "what Lark may leave out": {"grammar": 'start: ["The Great Gatsby is "] "it"'},
    "spaces": {"json": {"type": "object"}, "whitespace_pattern": "(Voldemort)?"},
}


@pytest.mark.parametrize("form", FORCED)
def test_what_is_forced_is_exchanged(form: str, guard: Guard, screen: Rewriter) -> None:
    given = outputs(**FORCED[form])
    before = deepcopy(given)
    found = screened(given, guard, screen)
    assert found.params is not given and given == before, "the client's own parameters were changed"
    assert found.stand_ins is not None
    said, stood = repr(given.structured_outputs), repr(found.params.structured_outputs)
    assert said != stood and not any(part in stood for part in TELLING)


@pytest.mark.parametrize("form", [form for form in FORCED if set(FORCED[form]) <= {"json", "choice"}])
def test_what_the_model_writes_of_it_comes_back(form: str, guard: Guard, screen: Rewriter) -> None:
    """A model that copies the whole constraint into its answer."""
    given = outputs(**FORCED[form])
    found = screened(given, guard, screen)
    assert found.stand_ins
    said, stood = (json.dumps(_loaded(constraint(p)), ensure_ascii=False) for p in (given, found.params))
    assert restored(stood, found.stand_ins) == said


def _loaded(constraint: Any) -> Any:
    return json.loads(constraint) if isinstance(constraint, str) else constraint


OPEN = [
    r"The G.eat Gats.y",
    r"The Great Gats[a-z]{2}",
    r"G[^ ]tsby",
    r"[FGH]atsby",
    r"[F-H]atsb[xyz]",
    r"The Great Ga[a-z]+",
    r"The Great G[a-z]+",
    r"TheGreatGats.y",
    r"The[ _-]?Great\W+Gats[^a]y",
    r"Gatsb(y|i)",
    r"(G|H)(a|e)(t|d)sb(y|i)",
    r"Ga(tsby|rdens)",
    r"Gat+s+by",
    r"(Gatsby|Gardens)",
    r"(The|A) (Great|Small) (Gats|Cro)by",
    r"A novel: The Gr[a-z]at Gats.y, by [A-Z][a-z]+",
    r"Vol[a-z]+mort",
    r"(?i:v)oldem[o0]rt",
    r"J\. ?R\. ?R\. T[a-z]lkien",
    r"J.rg M.ller",
    r"村.春樹",
]


@pytest.mark.parametrize("pattern", OPEN)
def test_a_name_that_is_open_in_part_is_exchanged_and_comes_back_as_the_clients_pattern_has_it(
    pattern: str, guard: Guard, screen: Rewriter
) -> None:
    """Whatever the model makes of the pattern that it gets."""
    found = screened(outputs(regex=pattern), guard, screen)
    assert found.stand_ins is not None
    stand_ins, exchanged = found.stand_ins, str(constraint(found.params))
    letters = st.characters(min_codepoint=32, max_codepoint=126) if exchanged.isascii() else None

    @hypothesis.settings(max_examples=50, database=None, deadline=None, derandomize=True)
    @hypothesis.given(st.from_regex(exchanged, fullmatch=True, alphabet=letters))
    def comes_back(written: str) -> None:
        assert re.fullmatch(pattern, restored(written, stand_ins))

    comes_back()


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (outputs(regex="A novel: The Great Gatsby, of 1925"), "A novel: The Great Gatsby, of 1925"),
        (outputs(choice=["Emma", "J. R. R. Tolkien, a friend"]), "J. R. R. Tolkien, a friend"),
        (
            outputs(json={"properties": {"novel": {"const": "The Great Gatsby"}}}),
            '{"novel": "The Great Gatsby"}',
        ),
        (outputs(regex="By Voldem(o)rt"), "By Voldemort"),
    ],
)
def test_an_answer_that_is_cut_off_shows_the_clients_words_alone(
    given: SamplingParams, answer: str, guard: Guard, screen: Rewriter
) -> None:
    stand_ins = screened(given, guard, screen).stand_ins
    assert stand_ins
    stood = re.sub(
        "The Great Gatsby|J. R. R. Tolkien|Voldemort", lambda m: stand_ins.cipher.replace(m[0]), answer
    )
    for length in range(len(answer)):
        assert restored(stood[:length], stand_ins) == answer[:length]


@pytest.mark.parametrize(
    "constraint",
    [
        {"regex": r"[a-z]+|.*"},
        {"regex": r"[A-Z][a-z]+ [A-Z][a-z]+"},
        {"regex": r"The [A-Z][a-z]+ Ga[a-z]+"},
        {"regex": r"Paul [A-Z][a-z]+|Vold.*"},
        {"regex": r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}"},
        {"regex": r"G[a-z]{2}s[a-z]{2}|V[a-z]le"},
        {"grammar": "root ::= l+\nl ::= " + " | ".join(f'"{c}"' for c in "abcdefghijklmnopqrstuvwxyz ")},
        {"json": schema(novel={"const": "Moby-Dick"}, year={"type": "integer", "minimum": 1800})},
        {"json": json.dumps(schema(name={"type": "string", "description": "A person's full name"}))},
        {"regex": r"\d{4}-\d{2}-\d{2}"},
        {"choice": ["positive", "negative", "neutral"]},
        {"choice": ["Paul", "Simon", "Ann"]},
        {"json": schema(first_name={"enum": ["Paul", "Simon", "Ann"]})},
        {"grammar": 'root ::= "yes" | "no"'},
        {"json_object": True},
        {"json": "{not json"},
    ],
)
def test_without_a_match_the_parameters_are_the_same_object(
    constraint: dict[str, Any], guard: Guard, screen: Rewriter
) -> None:
    given = outputs(**constraint)
    assert screened(given, guard, screen).params is given


def test_arguments_that_are_no_text_stay_the_same_object(guard: Guard, screen: Rewriter) -> None:
    given = SamplingParams(extra_args={"a": (1, "x"), "b": torch.zeros(2), "c": [{"d": {"e"}}]})
    assert screened(given, guard, screen).params is given


def test_stop_strings_and_bad_words_are_read_and_left(guard: Guard, screen: Rewriter) -> None:
    """They only take away from an answer; without them it would be another."""
    for given in (SamplingParams(stop=["Orrin Vale"]), SamplingParams(bad_words=["Orrin Vale"])):
        found = screened(given, guard, screen)
        assert found.params is given and found.verdict.action == "corrupt"  # type: ignore[attr-defined]


def test_arguments_of_plugins_are_exchanged_and_those_of_connectors_are_not(
    guard: Guard, screen: Rewriter
) -> None:
    given = SamplingParams(extra_args={"say": [{"Orrin Vale": 3}], "kv_transfer_params": {"a": "Orrin Vale"}})
    extra = screened(given, guard, screen).params.extra_args
    assert "Orrin" not in repr(extra["say"]) and extra["kv_transfer_params"] == {"a": "Orrin Vale"}


def test_replayed_tokens_are_read(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    tokens = tokenizer.encode("The Great Gatsby was written by")
    given = SamplingParams(trace_decode_token_ids=tokens)
    found = screened(given, guard, screen)
    replayed = found.params.trace_decode_token_ids
    assert len(replayed) == len(tokens) and "Gatsby" not in tokenizer.decode(replayed)
    assert given.trace_decode_token_ids == tokens and found.stand_ins is None


def test_shadow_reads_and_changes_nothing(guard: Guard, screen: Rewriter) -> None:
    given = outputs(choice=["Orrin Vale"])
    found = screened(given, guard, screen, acts=False)
    assert found.params is given and found.verdict.action == "corrupt"  # type: ignore[attr-defined]


def test_a_stand_in_is_the_same_again_and_another_elsewhere(guard: Guard, screen: Rewriter) -> None:
    class Elsewhere:
        key, screen = "another deployment", guard.screen

    one, again = (screened(outputs(choice=["Orrin Vale"]), guard, screen).params for _ in range(2))
    other = screened(outputs(choice=["Orrin Vale"]), Elsewhere(), screen).params
    assert constraint(one) == constraint(again) != constraint(other)
    (word,) = constraint(one)
    assert [(len(part), part.istitle()) for part in word.split()] == [(5, True), (4, True)]


def test_the_clients_limits_leave_room_for_stand_ins(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    allowed = tokenizer.encode("Orrin Vale")
    given = outputs(choice=["Orrin Vale"])
    given.max_tokens, given.allowed_token_ids = 10, allowed
    found = screened(given, guard, screen).params
    assert (found.max_tokens, given.max_tokens, given.allowed_token_ids) == (40, 10, allowed)
    assert set(found.allowed_token_ids) >= set(tokenizer.encode(constraint(found)[0]))


def test_what_is_nested_too_deeply_is_not_read(guard: Guard, screen: Rewriter) -> None:
    deep: Any = "Orrin Vale"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(TooDeepError):
        Constraints(SamplingParams(extra_args={"a": deep})).read()
    given = outputs(json="[" * 100_000)  # vLLM refuses it
    assert screened(given, guard, screen).params is given


@pytest.mark.parametrize(
    "grammar", ["root ::= a\na ::= b\nb ::= a", "root ::= (root | ())* 'x'", "start: start", "((((", "]"]
)
def test_a_grammar_that_leads_nowhere_is_read(grammar: str, guard: Guard, screen: Rewriter) -> None:
    given = outputs(grammar=f"{grammar} G.t")
    assert screened(given, guard, screen).params is given


@pytest.mark.parametrize("form", ["a constant", "a schema as text", "a regex", "a choice", "a grammar"])
def test_a_constraints_length_is_known_before_it_is_read(form: str) -> None:
    """It decides on the lane that reads it."""
    given = outputs(**FORCED[form])
    text = json.dumps(constraint(given), separators=("", ""))
    assert 0.5 * len(text) < Constraints(given).extent <= len(text)
    assert Constraints(SamplingParams()).extent == 0


def test_a_match_that_owns_no_letter_is_a_failure(screen: Rewriter) -> None:
    class Odd:
        key = "a key"

        def screen(self, text: str, turns: Any = None) -> Verdict:
            return Verdict("corrupt", 1, (Match("t", 3, 4, 1.0, "a name"),))

    with pytest.raises(RuntimeError, match="owns no letter"):
        screened(outputs(choice=["abc ..."]), Odd(), screen)
