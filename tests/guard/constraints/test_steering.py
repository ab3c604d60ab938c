"""Tokens that a client favours by their ids are read, and others stand for those of a listed name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.outputs import LogprobsLists
from vllm_unlearn.guard.constraints.constraints import Constraints
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter


def steered(params: SamplingParams, before: str, guard: Guard, screen: Rewriter) -> Constraints:
    constraints = Constraints(params)
    constraints.steer(before, guard, screen, guard.names)
    return constraints


def falling(tokens: list[int]) -> dict[int, float]:
    return {token: 100.0 - 5 * n for n, token in enumerate(tokens)}


FAVOURED: dict[str, tuple[str, str, Callable[[list[int], int], Any]]] = {
    "falling biases": ("", " The Great Gatsby", lambda t, n: {"logit_bias": falling(t)}),
    "equal biases": ("", " The Great Gatsby", lambda t, n: {"logit_bias": dict.fromkeys(t, 100.0)}),
    "in another order": ("", " The Great Gatsby", lambda t, n: {"logit_bias": falling(t[::-1])}),
    "behind a prompt": ("The novel The Great", " Gatsby", lambda t, n: {"logit_bias": falling(t)}),
    "allowed alone": ("", " Orrin Vale", lambda t, n: {"allowed_token_ids": sorted(t)}),
    "all others are disfavoured": (
        "",
        " Voldemort",
        lambda t, n: {"logit_bias": {m: -100.0 for m in range(n) if m not in t}},
    ),
    "with a penalty": (
        "",
        "Voldemort",
        lambda t, n: {"logit_bias": falling(t), "repetition_penalty": 1000.0},
    ),
}


@pytest.mark.parametrize("form", FAVOURED)
def test_tokens_that_make_a_listed_name_change_places_with_others(
    form: str, guard: Guard, screen: Rewriter, tokenizer: Any
) -> None:
    before, name, favour = FAVOURED[form]
    tokens = tokenizer.encode(name)
    given = SamplingParams(**favour(tokens, screen.size))
    found = steered(given, before, guard, screen)
    assert found.swap is not None
    stood = [found.swap.token(token) for token in tokens]
    assert not any(word in tokenizer.decode(stood) for word in ("Gats", "Orrin", "Vold", "mort"))
    assert [found.swap.token(token) for token in stood] == tokens
    for token, other in zip(tokens, stood, strict=True):
        if given.logit_bias:
            assert found.params.logit_bias.get(other) == given.logit_bias.get(token)
        if given.allowed_token_ids:
            assert other in found.params.allowed_token_ids


@pytest.mark.parametrize(
    ("before", "favoured"),
    [
        ("The answer is", {"logit_bias": {" yes": 5.0, " no": 5.0}}),
        ("The answer is", {"allowed_token_ids": ["A", "B", "C", "D"]}),
        ("Who is it?", {"logit_bias": {" Paul": 3.0, " Ann": 3.0}}),
        ("The novel The Great", {"logit_bias": {" G": -100.0}}),
        ("By", {"allowed_token_ids": list("abcdefghijklmnopqrstuvwxyz")}),
    ],
)
def test_other_tokens_are_left(
    before: str, favoured: Any, guard: Guard, screen: Rewriter, tokenizer: Any
) -> None:
    ((name, tokens),) = favoured.items()
    ids = {tokenizer.encode(text)[0]: text for text in tokens}
    value: Any = {t: tokens[text] for t, text in ids.items()} if name == "logit_bias" else list(ids)
    given = SamplingParams()
    setattr(given, name, value)
    assert steered(given, before, guard, screen).params is given


def test_a_client_gets_its_own_tokens_back(guard: Guard, screen: Rewriter, tokenizer: Any) -> None:
    tokens = tokenizer.encode(" Orrin Vale")
    swap = steered(SamplingParams(logit_bias=falling(tokens)), "", guard, screen).swap
    assert swap
    stood = [swap.token(token) for token in tokens]
    rows = LogprobsLists(np.array([[t, 5] for t in stood]), np.zeros((len(stood), 2)), np.zeros(len(stood)))
    output = EngineCoreOutput("r", list(stood), new_logprobs=rows)
    swap.restore(output)
    assert output.new_token_ids == tokens and output.new_logprobs
    assert output.new_logprobs.logprob_token_ids.tolist() == [[t, 5] for t in tokens]
