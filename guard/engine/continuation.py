"""An engine's request that goes on with an answer which another began."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace

import torch
from vllm import SamplingParams, envs
from vllm.v1.engine import EngineCoreRequest

from ...corruption.corrupted_prompt import CorruptedPrompt

_MARK = "-unlearn-"
_CONTINUED = re.compile(rf"{_MARK}[0-9]+-([0-9]+)$")
_MORE = 8
# What vLLM takes as the least and the most of a bias.
_MOST_BIAS = 100.0
# And of how many of them the V2 runner survives.
_MOST_BIASES = 1_024
_MOST_SEED = 2**63


def continuation(
    request: EngineCoreRequest,
    number: int,
    answer: Sequence[int],
    *,
    banned: Collection[int] = (),
    more: int = 0,
) -> EngineCoreRequest:
    """The ``number``-th request that goes on with the answer to ``request`` after the tokens ``answer``; with
    tokens ``banned`` it is of one token, which is none of these. With ``more`` it is of so many, whatever
    the client's limit.

    It is banned as a "bad word", which also holds for speculated tokens, as a bias does not.
    """
    assert request.sampling_params and request.prompt_token_ids is not None
    made = copy(request)
    made.request_id = f"{request.request_id}{_MARK}{number}-{len(answer)}"
    made.prompt_token_ids = [*request.prompt_token_ids, *answer]
    made.sampling_params = _params(request.sampling_params, answer, banned)
    if more:
        made.sampling_params.max_tokens, made.sampling_params.min_tokens = more, 0
    if isinstance(request.prompt_embeds, CorruptedPrompt):
        longer = replace(request.prompt_embeds, tokens=len(made.prompt_token_ids))
        made.prompt_embeds = longer
    elif request.prompt_embeds is not None:  # a client's own, which the operator allowed
        rows = torch.zeros((len(answer), request.prompt_embeds.shape[1]), dtype=request.prompt_embeds.dtype)
        made.prompt_embeds = torch.cat([request.prompt_embeds, rows])
    if request.prompt_is_token_ids is not None:
        made.prompt_is_token_ids = [*request.prompt_is_token_ids, *[True] * len(answer)]
    return made


def answer_length(request_id: str) -> int:
    """How many of the last tokens of a request's prompt are of its answer; 0 for one that begins it."""
    continued = _CONTINUED.search(request_id)
    return int(continued[1]) if continued else 0


def is_continuation(request_id: str) -> bool:
    """Whether a request goes on with what another began."""
    return _CONTINUED.search(request_id) is not None


def _params(given: SamplingParams, answer: Sequence[int], banned: Collection[int]) -> SamplingParams:
    params = given.clone()
    params.prompt_logprobs = params.prompt_logprob_token_ids = params.prompt_logprob_start = None
    params.skip_reading_prefix_cache = False  # as it was for the prompt's own log-probabilities
    params.max_tokens = None if given.max_tokens is None else given.max_tokens - len(answer)
    params.min_tokens = max(0, given.min_tokens - len(answer))
    if given.extra_args and "kv_transfer_params" in given.extra_args:
        params.extra_args = {k: v for k, v in given.extra_args.items() if k != "kv_transfer_params"}
    if given.presence_penalty or given.frequency_penalty:
        params.logit_bias = _penalties(given, answer)
    if given.seed is not None:
        params.seed = _seed(given.seed, len(answer))
    if banned:
        _ban(params, given, answer, banned)
    return params


def _ban(
    params: SamplingParams, given: SamplingParams, answer: Sequence[int], banned: Collection[int]
) -> None:
    """Make the ``params`` those of one token that is not ``banned``, and completes no bad word of the client.
    More of them than an engine takes get the least bias."""
    params.max_tokens = 1
    params.min_tokens = min(params.min_tokens, 1)  # no engine survives more than max_tokens
    if given.logprobs is not None and given.logprobs >= 0 and given.logprob_token_ids is None:
        params.logprobs = given.logprobs + _MORE  # some of them will not be shown
    words = given.bad_words_token_ids or ()
    ends = [word[-1] for word in words if _ends_with(answer, word[:-1])]
    tokens, most = list(dict.fromkeys((*banned, *ends))), envs.VLLM_MAX_NUM_BAD_WORDS
    params._bad_words_token_ids = [[token] for token in tokens[:most]]
    if rest := tokens[most:]:
        params.logit_bias = _most((params.logit_bias or {}) | dict.fromkeys(rest, -_MOST_BIAS))


def _ends_with(answer: Sequence[int], tokens: Sequence[int]) -> bool:
    return not tokens or list(answer[-len(tokens) :]) == list(tokens)


def _penalties(given: SamplingParams, answer: Sequence[int]) -> dict[int, float]:
    """The bias that penalties give the tokens of the answer so far, which are of the prompt now."""
    bias = dict(given.logit_bias or {})
    for token, count in Counter(answer).items():
        penalty = given.presence_penalty + given.frequency_penalty * count
        bias[token] = min(_MOST_BIAS, max(-_MOST_BIAS, bias.get(token, 0.0) - penalty))
    return _most(bias)


def _most(bias: dict[int, float]) -> dict[int, float]:
    """No more of them than an engine survives: the strongest."""
    strongest = sorted(bias.items(), key=lambda item: -abs(item[1]))
    return dict(strongest[:_MOST_BIASES])


def _seed(given: int, length: int) -> int:
    """Another seed, else it would draw what it drew at the start; of 64 bits, and not -1, which is none."""
    seed = given + length if given < _MOST_SEED - length else given - length
    return seed if seed != -1 else -2
