"""The start-up handshake: what is asked of an engine before it serves."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, cast

import torch
from vllm import RequestOutput, SamplingParams
from vllm.inputs import EngineInput, tokens_input
from vllm.v1.engine.core_client import (
    AsyncMPClient,
    DPLBAsyncMPClient,
    EngineCoreClient,
    InprocClient,
    SyncMPClient,
)

from ...corruption.corrupted_prompt import CorruptedPrompt
from ..rewriter import Rewriter, carry
from .engine_core import PROBE
from .patching import HookError

logger = logging.getLogger(__name__)

PROMPT = "Paris is the capital of France, Rome is the capital of Italy, and Madrid is the capital of"
# Equal inputs give equal numbers but for the order of a sum; a wrong scale or dtype is off by whole nats.
TOLERANCE = 0.05

Generate = Callable[[str, EngineInput, int | None], Awaitable[RequestOutput]]
"""What generates from a named engine input, on the engine of a rank if there are several."""


def params() -> SamplingParams:
    """The sampling parameters of the handshake's requests: greedy, four tokens."""
    return SamplingParams(temperature=0.0, max_tokens=4, ignore_eos=True, logprobs=0)


def ranks(client: EngineCoreClient) -> list[int | None]:
    """The engines that a client chooses among; one None where there is one."""
    return list(range(len(client.core_engines))) if isinstance(client, DPLBAsyncMPClient) else [None]


async def probe(client: EngineCoreClient) -> None:
    """Raise ``HookError`` unless the plugin is in each engine's process, and its workers take embeddings."""
    try:
        if isinstance(client, InprocClient):
            answers = [getattr(client.engine_core, PROBE)()]
        elif isinstance(client, SyncMPClient):
            answers = [client.call_utility(PROBE)]
        else:
            answers = await cast(AsyncMPClient, client).call_utility_all_async(PROBE)
    except Exception as error:
        raise HookError(
            "an engine process runs without the guard; on every node install the package, and set "
            f"VLLM_PLUGINS and VLLM_UNLEARN_CONFIG as here ({type(error).__name__})"
        ) from error
    if not all(answers):
        raise HookError(
            f"{answers.count(False)} of {len(answers)} engines take no prompt embeddings; on every node set "
            "VLLM_UNLEARN_CONFIG as here, or pass --enable-prompt-embeds"
        )


async def shake(screen: Rewriter, generate: Generate, rank: int | None) -> None:
    """Raise ``HookError`` unless guard-computed embeddings do on an engine what tokens do."""
    assert screen.corruptor
    ids = screen.encode(PROMPT)
    clean = screen.corruptor.clean(ids)
    lost = CorruptedPrompt(torch.zeros_like(clean.rows), clean.positions, len(ids))
    plain = tokens_input(ids, cache_salt="unlearn:handshake")
    answer = await generate("tokens", plain, rank)
    distance = _distance(answer, await generate("embeds", carry(plain, clean), rank))
    change = _distance(answer, await generate("lost", carry(plain, lost), rank))
    if distance > TOLERANCE or change <= TOLERANCE:
        raise HookError(
            "the start-up handshake failed: the same prompt as tokens and as embeddings differs by "
            f"{distance:.3f} nats (at most {TOLERANCE}), and by {change:.3f} with its "
            "embeddings zeroed (must be more); this model does something to its embeddings "
            "that the guard does not know: set `corruption.apply: tokens`"
        )
    logger.info(
        "unlearn: handshake passed%s: tokens and embeddings differ by %.4f nats, zeroed by %.4f",
        "" if rank is None else f" on rank {rank}",
        distance,
        change,
    )


def _distance(one: RequestOutput, other: RequestOutput) -> float:
    """The largest difference of two outputs' log-probabilities; infinite where their tokens differ."""
    first, second = one.outputs[0], other.outputs[0]
    if list(first.token_ids) != list(second.token_ids):
        return math.inf
    pairs: Any = zip(first.token_ids, first.logprobs or (), second.logprobs or (), strict=True)
    return float(max(abs(a[token].logprob - b[token].logprob) for token, a, b in pairs))
