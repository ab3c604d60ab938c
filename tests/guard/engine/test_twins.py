"""What a guarded engine's prefix cache says, beside a plain one's that was asked the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from arrivals import BLOCK, arrived, remember_vllms_own
from vllm import SamplingParams
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec, SlidingWindowSpec
from vllm.v1.request import Request
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.engine import engine_core
from vllm_unlearn.guard.engine.twins import Twins

NAME = (7, 8, 9)  # listed, as tokens
HEADS: dict[str, Any] = {"block_size": BLOCK, "num_kv_heads": 1, "head_size": 8, "dtype": torch.float32}
FULL = KVCacheGroupSpec(["full"], FullAttentionSpec(**HEADS))
SLIDING = KVCacheGroupSpec(["sliding"], SlidingWindowSpec(**HEADS, sliding_window=2 * BLOCK))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_vllms_own(monkeypatch)
    engine_core.install()


def flagged(ids: list[int]) -> CorruptedPrompt | None:
    """The prompt with each whole name in it corrupted."""
    begins = [n for n in range(len(ids)) if tuple(ids[n : n + len(NAME)]) == NAME]
    rows = {begin + n: torch.full((8,), float(n)) for begin in begins for n in range(len(NAME))}
    return CorruptedPrompt.of(rows, len(ids)) if rows else None


class Cache:
    """One engine's: what it says of each prompt that it is asked."""

    def __init__(self, groups: list[KVCacheGroupSpec], guarded: bool, blocks: int = 2_000) -> None:
        self.lists = guarded
        self.manager = KVCacheManager(
            KVCacheConfig(blocks, [], groups),
            max_model_len=1_024,
            scheduler_block_size=BLOCK,
            hash_block_size=BLOCK,
            log_stats=True,
        )
        self.running: list[Request] = []
        self.asked = 0

    def ask(self, ids: list[int], answer: list[int] = [], salt: str | None = None) -> tuple[Any, ...]:  # noqa: B006
        """What client and metrics are shown of a prompt that is answered so."""
        self.asked += 1
        embeds: Any = flagged(ids) if self.lists else None
        params = SamplingParams(max_tokens=100)
        made = EngineCoreRequest(
            f"{self.asked}", list(ids), None, params, None, 0.0, None, salt, None, embeds, None
        )
        request = arrived(made)
        blocks, found, _ = self.manager.get_computed_blocks(request)
        new = request.num_tokens - found
        assert self.manager.allocate_slots(request, new, found, blocks) is not None
        assert request.prefill_stats
        request.prefill_stats.set(request.num_prompt_tokens, found, 0)
        self.manager.record_prefix_cache_stats(request, found)
        request.num_computed_tokens += new
        request.prefill_stats.finalize(self.manager.estimate_cached_tokens(request))
        for token in answer:
            request.append_output_token_ids(token)
            assert self.manager.allocate_slots(request, 1) is not None
            request.num_computed_tokens += 1
        self.running.append(request)
        counted = self.manager.make_prefix_cache_stats()
        assert counted
        return request.prefill_stats, counted.queries, counted.hits

    def free(self, number: int) -> None:
        self.manager.free(self.running.pop(number % len(self.running)))


@pytest.fixture(params=[[FULL], [FULL, SLIDING], [SLIDING]], ids=["full", "hybrid", "sliding"])
def caches(request: pytest.FixtureRequest) -> tuple[Cache, Cache]:
    return Cache(request.param, guarded=False), Cache(request.param, guarded=True)


def cached(said: tuple[Any, ...]) -> int:
    return int(said[0].num_cached_tokens)


def prompts(chance: random.Random, count: int) -> Iterator[tuple[list[int], list[int]]]:
    """Prompts that begin alike, go on from each other's answers and end anywhere, also within a name."""
    said = [[1] * 6]
    for _ in range(count):
        words = [chance.choice([[chance.randrange(3)], list(NAME), list(NAME[:-1])]) for _ in range(6)]
        text = [*chance.choice(said), *(token for word in words for token in word)]
        prompt = text[: chance.randrange(4, len(text) + 1)]
        answer = [chance.randrange(10) for _ in range(chance.randrange(8))]
        said.append((prompt + answer)[:60])
        yield prompt, answer


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_what_is_cached_of_any_prompt_is_what_a_plain_engine_says(
    caches: tuple[Cache, Cache], seed: int
) -> None:
    """Requests run beside each other, and the list changes between them."""
    chance, most = random.Random(seed), 0
    plain, guarded = caches
    for prompt, answer in prompts(chance, 120):
        guarded.lists = chance.random() < 0.8
        salt = chance.choice([None, None, "a tenant's"])
        one, other = (cache.ask(prompt, answer, salt) for cache in caches)
        assert one == other
        most = max(most, cached(one))
        if len(plain.running) > 4:
            number = chance.randrange(5)
            plain.free(number)
            guarded.free(number)
    assert most > 20, "nothing was cached, and this test shows nothing"


@pytest.mark.parametrize(
    "first, second",
    [
        ([1] * 6 + [7, 8], [1] * 6 + [7, 8, 9, 2]),  # the block ends within the name
        ([1] * 6 + [7, 8, 9, 2, 2, 2], [1] * 6 + [7, 8, 2]),
        ([7, 8, 9, *[1] * 20], [7, 8, 9, *[1] * 20]),
    ],
    ids=["completed", "not completed", "again"],
)
def test_a_name_is_not_told_by_what_is_cached(
    caches: tuple[Cache, Cache], first: list[int], second: list[int]
) -> None:
    said = [[cache.ask(prompt) for prompt in (first, second)] for cache in caches]
    assert said[0] == said[1]
    assert cached(said[0][1]) >= 2 * BLOCK


def test_a_block_that_was_thrown_out_is_not_counted() -> None:
    cache = Cache([FULL], guarded=True, blocks=12)
    cache.ask([1, 1, *NAME, 2, 2, 2, 2])
    cache.free(0)
    assert cached(cache.ask([1, 1, 7, 8, 2])) == BLOCK
    cache.free(0)
    cache.ask(list(range(100, 143)))  # takes all there is
    cache.free(0)
    assert cached(cache.ask([1, 1, 7, 8, 2])) == 0


def test_beside_a_clients_own_embeddings_nothing_is_made_up() -> None:
    """What they are the tokens do not say."""
    cache = Cache([FULL], guarded=True)
    for rows in (torch.zeros((12, 8)), torch.ones((12, 8))):
        embeds: Any = CorruptedPrompt.of({p: rows[p] for p in (2, 5)}, 12)
        params = SamplingParams(max_tokens=1)
        mask = [position != 2 for position in range(12)]
        made = EngineCoreRequest(
            "r", list(range(12)), None, params, None, 0.0, None, None, None, embeds, mask
        )
        request = arrived(made)
        blocks, found, _ = cache.manager.get_computed_blocks(request)
        assert vars(request)["_unlearn_cached"] == found == 0
        cache.manager.allocate_slots(request, 12, 0, blocks)


def test_what_is_remembered_is_bounded_and_the_last_stays() -> None:
    twins: Any = Twins(limit=3)
    for number in range(5):
        twins.note([b"%d" % number, b"same"], [b"own %d" % number, b"same"])
    for number in range(9):
        twins.note([b"2"], [b"again %d" % (number % 5)])
    twins.note([b"5"], [b"own 5"])
    again = tuple(b"again %d" % number for number in (3, 2, 1, 0))
    assert list(twins._own.items()) == [(b"4", (b"own 4",)), (b"2", again), (b"5", (b"own 5",))]
