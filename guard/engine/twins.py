"""What a plain server would have found in its cache, shown in place of what was found.

A flagged prompt's blocks hold something else than a clean one's of the same tokens, and are kept under other
keys. Were it counted what was found, a prompt that ends within a listed name and the same with the name
complete would show who is listed: in ``usage`` and in the metrics, the block that they begin with alike is
cached for a plain server alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, cast

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.kv_cache_utils import BlockHash
from vllm.v1.request import Request

Key = BlockHash
Hasher = Callable[[Request], list[Key]]

# Of a block, and as many of its corruptions as are remembered: about 500 bytes.
MIN_BLOCKS, CORRUPTIONS = 2**16, 4


class Twins:
    """Knows of a block of tokens under which keys it is kept where some of them are corrupted: more than one
    where a name was complete in one prompt, and written by the model in another.

    It remembers ``limit`` blocks, those noted last. Whether they are still there the cache is asked.
    Safe to share by threads.
    """

    def __init__(self, limit: int = MIN_BLOCKS) -> None:
        self.limit = limit
        self._own: OrderedDict[Key, tuple[Key, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def follow(self, request: Request) -> None:
        """Note the keys of a flagged request's blocks, and of those that it will have."""
        if request._block_hasher is not None:  # there is a cache
            request._block_hasher = hasher = _Hasher(request._block_hasher, self)
            hasher.note(request, request.block_hashes)

    def note(self, clean: Sequence[Key], own: Sequence[Key]) -> None:
        """Blocks whose tokens give the keys ``clean`` are kept under the keys ``own``."""
        with self._lock:
            for key, twin in zip(clean, own, strict=True):
                if key != twin:
                    others = [other for other in self._own.pop(key, ()) if other != twin]
                    self._own[key] = (twin, *others)[:CORRUPTIONS]
            while len(self._own) > self.limit:
                self._own.popitem(last=False)

    def count_cached(self, manager: KVCacheManager, request: Request) -> int:
        """How many of ``request``'s tokens would be in the cache of a plain server which was asked the same.
        0 where nothing flagged has to do with it."""
        hasher = request._block_hasher
        keys = hasher.clean if isinstance(hasher, _Hasher) else request.block_hashes
        if self._own.keys().isdisjoint(keys):
            return 0
        groups = range(manager.num_kv_cache_groups)

        def is_kept(key: Key) -> bool:
            return any(manager.block_pool.get_cached_block(key, [group]) for group in groups)

        with self._lock:
            every = [(key, *self._own.get(key, ())) for key in keys]
        longest = [next(filter(is_kept, twins), twins[0]) for twins in every]
        return int(manager.coordinator.find_longest_cache_hit(longest, request.num_tokens - 1)[1])


class _Hasher:
    """Makes the keys of a flagged request's blocks, and beside them those of the prompt that was sent."""

    def __init__(self, hasher: Hasher, twins: Twins) -> None:
        self._hasher = hasher
        self._twins = twins
        self.clean: list[Key] = []

    def __call__(self, request: Request) -> list[Key]:
        keys = self._hasher(request)
        del self.clean[len(request.block_hashes) :]  # what was taken back
        self.note(request, keys)
        return keys

    def note(self, request: Request, own: Sequence[Key]) -> None:
        clean = self._hasher(cast(Request, _Clean(request, self.clean)))
        self.clean += clean
        self._twins.note(clean, own)


class _Clean:
    """A request as if nothing in it were corrupted."""

    prompt_embeds = None

    def __init__(self, request: Request, block_hashes: list[Key]) -> None:
        self._request = request
        self.block_hashes = block_hashes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def look_up(original: Callable[..., Any], twins: Twins) -> Callable[..., Any]:
    """``KVCacheManager.get_computed_blocks``, which leaves with a request what a plain server would find."""

    def get_computed_blocks(self: KVCacheManager, request: Request) -> Any:
        blocks = original(self, request)
        if self.prefix_cache_lookup_enabled(request):
            twins.limit = max(twins.limit, self.block_pool.num_gpu_blocks)
            vars(request)["_unlearn_cached"] = twins.count_cached(self, request)
        return blocks

    return get_computed_blocks


def record(original: Callable[..., Any]) -> Callable[..., Any]:
    """``KVCacheManager.record_prefix_cache_stats``, which counts that, for the metrics and for the client."""

    def record_prefix_cache_stats(self: KVCacheManager, request: Request, num_hits: int) -> None:
        cached = max(num_hits, vars(request).get("_unlearn_cached", 0))
        stats = request.prefill_stats
        if cached > num_hits and stats and not request.num_preemptions:
            stats.set(stats.num_prompt_tokens, cached, 0)  # the guard refuses caches that are elsewhere
        original(self, request, cached)

    return record_prefix_cache_stats
