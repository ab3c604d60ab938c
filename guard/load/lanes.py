"""Threads beside the event loop: long prompts keep each other waiting, and no short one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from ...classifiers.work import Work, at
from .turns import short_turns

Result = TypeVar("Result")


class OverloadError(RuntimeError):
    """Too many prompts wait already to be read."""


class ForkedError(RuntimeError):
    """This process was forked: the threads that would do the work stayed in its parent."""


@dataclass(frozen=True, slots=True)
class Width:
    """Of a lane: prompts of at most so many ``tokens``, by so many ``threads`` at once."""

    tokens: float
    threads: int


# Detection holds the interpreter for most of its time: a second long prompt beside one makes neither
# faster, and all others slower.
WIDTHS = (Width(2_048, 24), Width(16_384, 2), Width(float("inf"), 1))


class Lanes:
    """Runs screenings in threads, on the lane for prompts of their length."""

    def __init__(self, max_queued_tokens: int, widths: Sequence[Width] = WIDTHS) -> None:
        """``max_queued_tokens`` is what a lane takes, a first prompt excepted, before it is overloaded."""
        self._process = os.getpid()
        self._lanes = [_Lane(width, max_queued_tokens) for width in widths]

    async def run(self, tokens: int, work: Work, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what ``function`` does, called in a thread that works for ``work``.

        Where the caller is cancelled, what has not begun does not begin, and ``work`` is abandoned. Raises
        ``OverloadError`` where too much waits, ``ForkedError`` in a fork of the process.
        """
        if os.getpid() != self._process:
            raise ForkedError
        lane = next(lane for lane in self._lanes if tokens <= lane.width.tokens)
        with at(work):
            context = copy_context()
        future: Future[Result] = lane.submit(tokens, context.run, function, *arguments)
        try:
            with short_turns():
                return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            work.abandoned = True
            raise


class _Lane:
    def __init__(self, width: Width, max_queued_tokens: int) -> None:
        self.width = width
        self._max_queued_tokens = max_queued_tokens
        self._queued = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(width.threads, thread_name_prefix="unlearn-screen")

    def submit(self, tokens: int, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        with self._lock:
            if self._queued and self._queued + tokens > self._max_queued_tokens:
                raise OverloadError
            self._queued += tokens
        future = self._pool.submit(function, *arguments)
        future.add_done_callback(lambda _: self._leave(tokens))
        return future

    def _leave(self, tokens: int) -> None:
        with self._lock:
            self._queued -= tokens
