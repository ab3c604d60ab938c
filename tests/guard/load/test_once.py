from __future__ import annotations

import asyncio

import pytest
from vllm_unlearn.guard.load.once import Once


class Work:
    def __init__(self, *failures: Exception) -> None:
        self.begun = self.done = 0
        self._failures = list(failures)

    async def __call__(self) -> None:
        self.begun += 1
        await asyncio.sleep(0.02)
        if self._failures:
            raise self._failures.pop()
        self.done += 1


def test_many_wait_for_one_run() -> None:
    async def run() -> None:
        await asyncio.gather(*(once() for _ in range(5)))
        await once()

    work = Work()
    once = Once(work)
    asyncio.run(run())
    asyncio.run(_ask(once))
    assert (work.begun, work.done) == (1, 1)


def test_a_cancelled_caller_ends_nobody_elses_wait() -> None:
    async def run() -> None:
        first, second = asyncio.create_task(_ask(once)), asyncio.create_task(_ask(once))
        await asyncio.sleep(0.005)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second

    work = Work()
    once = Once(work)
    asyncio.run(run())
    assert (work.begun, work.done) == (1, 1)


async def _ask(once: Once) -> None:
    await once()


@pytest.mark.parametrize("way", ["cancelled", "failed", "its loop is gone"])
def test_what_was_ended_is_done_anew(way: str) -> None:
    async def end() -> None:
        task = asyncio.create_task(_ask(once))
        await asyncio.sleep(0.005)
        assert once._task
        if way == "cancelled":
            once._task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif way == "failed":
            with pytest.raises(OSError, match="gone"):
                await task

    work = Work(*([OSError("gone")] if way == "failed" else []))
    once = Once(work)
    asyncio.run(end())
    asyncio.run(_ask(once))
    assert (work.begun, work.done) == (2, 1)
