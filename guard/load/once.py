"""Something that many wait for and that is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Once:
    """Does ``work`` in a task of its own: a caller that is cancelled ends its own wait alone.

    What was ended otherwise (cancelled, failed, of an event loop that is gone) the next caller does anew.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Return once the work is done; raise what it raises."""
        loop = asyncio.get_running_loop()
        task = self._task
        if task is None or not _may_succeed(task, loop):
            task = self._task = loop.create_task(self._work())
        if not task.done():
            await asyncio.shield(task)


def _may_succeed(task: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> bool:
    if task.done():
        return not task.cancelled() and task.exception() is None
    return task.get_loop() is loop
