"""What guidance reads, where vLLM gives it a constraint."""

from __future__ import annotations

import re
from typing import Any

import pytest
from constraining import constraint, outputs, screened
from vllm_unlearn.guard.constraints.plain_grammar import UnreadableError
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter

HEAD = "%llguidance {}\n"


def held(given: dict[str, Any], guard: Guard, screen: Rewriter) -> Any:
    return screened(outputs(**given), guard, screen, backend="guidance")


@pytest.mark.parametrize(
    "given",
    [
        {"regex": r"(?i)Voldemort by .*"},
        {"regex": r"\x56oldemort"},
        {"grammar": HEAD + 'start: "Volde" <|endoftext|> /mort/'},
        {"grammar": 'root ::= "Vol" "demort"'},
        {"grammar": HEAD + "start: g\ng[lazy]: /Voldemort/"},
        {"grammar": HEAD + 'start: "V".."V" "oldemort"'},
        {"json": {"x-guidance": {"key_separator": "Voldemort"}, "type": "object"}},
    ],
)
def test_what_can_be_exchanged_where_it_stands_is(given: Any, guard: Guard, screen: Rewriter) -> None:
    found = held(given, guard, screen)
    assert found.stand_ins and not re.search("Vol|dem|mort", str(constraint(found.params)))


@pytest.mark.parametrize(
    "given",
    [
        {"regex": "(?x) V o l d e m o r t"},
        {"regex": "[V&&V]oldemort"},
        {"regex": "[[V]]oldemort"},
        {"grammar": HEAD + 'start: %regex {"substring_words": "Voldemort"}'},
        {"grammar": HEAD + "start: A\nA: /[A-Z].*/ & /Voldemort/"},
    ],
)
def test_what_cannot_be_told_is_refused(given: Any, guard: Guard, screen: Rewriter) -> None:
    with pytest.raises(UnreadableError):
        held(given, guard, screen)


def test_tokens_are_refused_where_they_name_somebody(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    tokens = " ".join(f"<[{token}]>" for token in tokenizer.encode("Voldemort"))
    with pytest.raises(UnreadableError):
        held({"grammar": f"{HEAD}start: {tokens}"}, guard, screen)


@pytest.mark.parametrize(
    "given",
    [
        {"regex": r"(?i)yes|no"},
        {"regex": r"\p{L}+, [^\[\]]*"},
        {"grammar": HEAD + 'start: <|endoftext|> "yes" | /[a-z-]+/'},
        {"grammar": HEAD + 'start: "a".."f" <[17]>'},
        {"grammar": 'root ::= "yes" | [a-z]+'},
        {"grammar": 'start: A "@" A\nA: /[a-z&]+/\n%ignore / /'},
    ],
)
def test_other_constraints_are_left(given: Any, guard: Guard, screen: Rewriter) -> None:
    found = held(given, guard, screen)
    assert found.params is found.given
