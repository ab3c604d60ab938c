"""A request that goes on with an answer: what it asks of the engine, and what no engine survives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch
from vllm import SamplingParams, envs
from vllm.v1.engine import EngineCoreRequest
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.engine.continuation import answer_length, continuation

PROMPT = [5, 6, 7]
ANSWER = [10, 11, 12]


def made(banned: Any = (), answer: Any = ANSWER, more: int = 0, embeds: Any = None, **params: Any) -> Any:
    sampling = SamplingParams(**({"max_tokens": 20} | params))
    mask = None if embeds is None or isinstance(embeds, CorruptedPrompt) else [True, False, True]
    request = EngineCoreRequest(
        "r", list(PROMPT), None, sampling, None, 0.0, None, "salt", None, embeds, mask
    )
    before = msgspec.msgpack.encode(sampling)
    result = continuation(request, 2, answer, banned=banned, more=more)
    assert request.request_id == "r" and request.prompt_token_ids == PROMPT
    assert msgspec.msgpack.encode(request.sampling_params) == before, "the client's own are changed"
    return result


def test_its_prompt_ends_with_the_answer_and_its_id_says_so() -> None:
    request = made()
    assert request.prompt_token_ids == PROMPT + ANSWER
    assert answer_length(request.request_id) == len(ANSWER)
    assert request.cache_salt == "salt"


@pytest.mark.parametrize("name", ["r", "", "-unlearn-", "r-unlearn-", "r-unlearn-1", "r-unlearn-x-3", "1-2"])
def test_no_other_id_is_taken_for_one(name: str) -> None:
    assert answer_length(name) == 0


@pytest.mark.parametrize("banned", [(), (3,)])
@pytest.mark.parametrize("min_tokens", [0, 3, 4, 20])
@pytest.mark.parametrize("length", [0, 1, 3, 19])
@pytest.mark.parametrize("more", [0, 8])
def test_the_least_is_never_above_the_most(banned: Any, min_tokens: int, length: int, more: int) -> None:
    """The engine's input thread reads the parameters anew, and dies of what it refuses."""
    params = made(banned, [9] * length, more, min_tokens=min_tokens).sampling_params
    msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=SamplingParams)
    assert params.max_tokens == (more or (1 if banned else 20 - length))
    assert params.min_tokens <= params.max_tokens


def test_what_is_banned_is_no_first_token_and_then_the_clients_words_are_again() -> None:
    sampling = SamplingParams(max_tokens=20, logprobs=0, bad_words=["x"])
    sampling._bad_words_token_ids = [[4], [12, 8], [11, 8], [11, 12, 9]]
    request = EngineCoreRequest("r", list(PROMPT), None, sampling, None, 0.0, None, None, None)
    banned = continuation(request, 1, ANSWER, banned=[30, 31]).sampling_params
    free = continuation(request, 1, ANSWER).sampling_params
    assert banned and free
    assert banned.bad_words_token_ids == [[30], [31], [4], [8], [9]]
    assert free.bad_words_token_ids == sampling.bad_words_token_ids
    assert (free.logprobs, free.max_tokens) == (0, 17)
    assert banned.logprobs


def test_no_more_is_banned_than_an_engine_survives() -> None:
    params = made(range(500), logit_bias={3: 5.0}).sampling_params
    most = envs.VLLM_MAX_NUM_BAD_WORDS
    assert params.bad_words_token_ids == [[token] for token in range(most)]
    assert params.logit_bias == {3: 5.0} | dict.fromkeys(range(most, 500), -100.0)


@pytest.mark.parametrize(
    ("given", "bias"),
    [
        ({"presence_penalty": 1.0}, {10: -1.0, 11: -1.0}),
        ({"frequency_penalty": 0.5}, {10: -1.0, 11: -0.5}),
        ({"presence_penalty": 2.0, "logit_bias": {10: -99.0, 4: 1.0}}, {10: -100.0, 4: 1.0, 11: -2.0}),
        ({"repetition_penalty": 1.5}, None),
        ({}, None),
    ],
)
def test_penalties_go_on_from_what_is_written(given: Any, bias: Any) -> None:
    assert made(answer=[10, 11, 10], **given).sampling_params.logit_bias == bias


def test_no_more_penalties_are_given_than_an_engine_survives() -> None:
    answer = [*range(2_000), 1_999]
    params = made(answer=answer, max_tokens=9_000, frequency_penalty=0.5, logit_bias={5_000: 7.0})
    bias = params.sampling_params.logit_bias
    assert len(bias) == 1_024
    assert (bias[5_000], bias[1_999]) == (7.0, -1.0)


@pytest.mark.parametrize("seed", [0, 7, -4, -1 - len(ANSWER), 2**63 - 1, -(2**63)])
def test_it_draws_anew_from_a_seed_that_an_engine_takes(seed: int) -> None:
    params = made(seed=seed).sampling_params
    drawn = msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=SamplingParams).seed
    assert drawn not in (None, seed) and -(2**63) <= drawn < 2**63
    assert drawn == made(seed=seed).sampling_params.seed


def test_a_corrupted_prompt_stays_corrupted_where_it_was() -> None:
    corrupted = CorruptedPrompt.of({1: torch.ones(4)}, len(PROMPT))
    request = made(embeds=corrupted)
    assert request.prompt_embeds.positions.tolist() == [1]
    assert len(request.prompt_embeds) == len(request.prompt_token_ids) == 6
    assert corrupted.tokens == 3


def test_a_clients_own_embeddings_go_before_the_answers_tokens() -> None:
    request = made(embeds=torch.ones(3, 4))
    assert request.prompt_embeds.shape == (6, 4)
    assert request.prompt_is_token_ids == [True, False, True, True, True, True]
