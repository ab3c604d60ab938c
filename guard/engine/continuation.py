"""An engine's request that goes on with an answer which another began."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace

import torch
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreRequest

from ...corruption.corrupted_prompt import CorruptedPrompt

_MARK = "-unlearn-"
_MORE = 8
# What vLLM takes as the least and the most of a bias.
_MOST_BIAS = 100.0


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
    _, mark, numbers = request_id.rpartition(_MARK)
    parts = numbers.split("-")
    return int(parts[1]) if mark and len(parts) == 2 and all(map(str.isdecimal, parts)) else 0


def _params(given: SamplingParams, answer: Sequence[int], banned: Collection[int]) -> SamplingParams:
    params = given.clone()
    params.prompt_logprobs = None
    params.max_tokens = None if given.max_tokens is None else given.max_tokens - len(answer)
    params.min_tokens = max(0, given.min_tokens - len(answer))
    if given.extra_args and "kv_transfer_params" in given.extra_args:
        params.extra_args = {k: v for k, v in given.extra_args.items() if k != "kv_transfer_params"}
    if given.presence_penalty or given.frequency_penalty:
        params.logit_bias = _penalties(given, answer)
    if given.seed is not None:
        params.seed = given.seed + len(answer)  # else it would draw what it drew at the start
    if banned:
        params.max_tokens = 1
        params.min_tokens = min(params.min_tokens, 1)  # no engine survives more than max_tokens
        if given.logprobs is not None and given.logprobs >= 0:
            params.logprobs = given.logprobs + _MORE  # some of them will not be shown
        params._bad_words_token_ids = [*(given._bad_words_token_ids or ()), *([token] for token in banned)]
    return params


def _penalties(given: SamplingParams, answer: Sequence[int]) -> dict[int, float]:
    """The bias that penalties give the tokens of the answer so far, which are of the prompt now."""
    bias = dict(given.logit_bias or {})
    for token in set(answer):
        penalty = given.presence_penalty + given.frequency_penalty * answer.count(token)
        bias[token] = min(_MOST_BIAS, max(-_MOST_BIAS, bias.get(token, 0.0) - penalty))
    return bias
