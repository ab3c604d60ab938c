"""Long prompts beside short ones, too many of them, and clients that go."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from vllm_unlearn.classifiers.encoders.encoder import BatchingEncoder, Vectors
from vllm_unlearn.classifiers.work import AbandonedError, TooLongError, Work, at, current, nobody
from vllm_unlearn.guard.load import turns
from vllm_unlearn.guard.load.lanes import WIDTHS, ForkedError, Lanes, OverloadError

SHORT, LONG = 20, 100_000
MANY = 2**40


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What holds a lane until it is set."""
    event = threading.Event()
    yield event
    event.set()


async def eventually(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def ask(lanes: Lanes, tokens: int, function: Callable[..., Any], *arguments: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(lanes.run(tokens, Work(), function, *arguments))


def test_long_prompts_keep_no_short_one_waiting(held: threading.Event) -> None:
    async def run() -> None:
        lanes = Lanes(MANY)
        long = [ask(lanes, LONG, held.wait) for _ in range(4)]
        assert await asyncio.wait_for(ask(lanes, SHORT, lambda: "done"), 10) == "done"
        assert not any(task.done() for task in long)
        held.set()
        assert await asyncio.gather(*long) == [True] * 4

    asyncio.run(run())


def test_a_lane_that_is_full_refuses_and_is_open_again(held: threading.Event) -> None:
    async def run() -> None:
        lanes = Lanes(2 * LONG)
        first = ask(lanes, 10 * LONG, held.wait)  # one that is alone is always taken
        await asyncio.sleep(0)
        with pytest.raises(OverloadError):
            await ask(lanes, LONG, held.wait)
        assert await ask(lanes, SHORT, lambda: "done") == "done"
        held.set()
        assert await first
        assert await ask(lanes, LONG, held.wait)

    asyncio.run(run())


def test_what_a_client_left_in_the_queue_does_not_begin(held: threading.Event) -> None:
    begun: list[int] = []

    async def run() -> None:
        lanes = Lanes(2 * LONG)
        first = ask(lanes, LONG, held.wait)
        second = ask(lanes, LONG, begun.append, 1)
        await asyncio.sleep(0.02)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = ask(lanes, LONG, begun.append, 3)  # there is room again
        held.set()
        await asyncio.gather(first, third)

    asyncio.run(run())
    assert begun == [3]


def test_what_runs_for_a_client_that_left_stops() -> None:
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        begun.set()
        try:
            while True:
                current().go_on()
        except AbandonedError:
            ended.set()
            raise

    async def run() -> None:
        task = ask(Lanes(MANY), SHORT, read)
        await eventually(begun.is_set)
        task.cancel()
        await eventually(ended.is_set)

    asyncio.run(run())


class Slow:
    """Encodes once it is let, a batch at a time; what it was given says in which order."""

    fingerprint, dimension = "slow", 2

    def __init__(self, let: threading.Event) -> None:
        self.let = let
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.let.wait(15)
        return np.array([[len(text), 0] for text in texts], dtype=np.float32)


class TestSharedEncoder:
    """Callers of one ``BatchingEncoder``."""

    @pytest.fixture
    def slow(self, held: threading.Event) -> Slow:
        return Slow(held)

    async def begun(self, slow: Slow, batching: BatchingEncoder, waiting: int) -> None:
        await eventually(lambda: bool(slow.batches) and batching._arrived.qsize() >= waiting)

    def test_few_texts_wait_for_no_more_than_the_batch_that_runs(
        self, slow: Slow, held: threading.Event
    ) -> None:
        long = [f"{number:04}" + "x" * 200 for number in range(100)]

        async def run() -> tuple[Any, Any]:
            batching, lanes = BatchingEncoder(slow, slice_chars=1000), Lanes(MANY)
            first = ask(lanes, LONG, batching.encode, long)
            await self.begun(slow, batching, 0)
            second = ask(lanes, SHORT, batching.encode, ["a", "bb"])
            await self.begun(slow, batching, 1)
            held.set()
            return await first, await second

        many, few = asyncio.run(run())
        assert few.tolist() == [[1, 0], [2, 0]]
        assert many.tolist() == [[204, 0]] * 100
        assert {"a", "bb"} < set(slow.batches[1])
        assert all(sum(map(len, batch)) <= 2000 for batch in slow.batches)

    def test_those_with_many_texts_take_turns(self, slow: Slow, held: threading.Event) -> None:
        async def run() -> None:
            batching, lanes = BatchingEncoder(slow, slice_chars=10), Lanes(MANY)
            calls = [ask(lanes, SHORT, batching.encode, ["a" * 10] * 5)]
            await self.begun(slow, batching, 0)  # or the first batch might be of two of them
            calls += [ask(lanes, SHORT, batching.encode, [letter * 10] * 5) for letter in "bc"]
            await self.begun(slow, batching, 2)
            held.set()
            await asyncio.gather(*calls)

        asyncio.run(run())
        order = [text[0] for batch in slow.batches for text in batch]
        assert sorted(order) == sorted("abc" * 5)
        assert all(set(order[i : i + 4]) == set("abc") for i in range(3, 10))

    def test_texts_of_a_client_that_left_are_dropped(self, slow: Slow, held: threading.Event) -> None:
        async def run() -> None:
            batching, lanes = BatchingEncoder(slow, slice_chars=10), Lanes(MANY)
            gone = ask(lanes, SHORT, batching.encode, ["gone"] * 50)
            await self.begun(slow, batching, 0)
            stays = ask(lanes, SHORT, batching.encode, ["stays"])
            await self.begun(slow, batching, 1)
            gone.cancel()
            await asyncio.sleep(0.02)
            held.set()
            await stays
            await eventually(lambda: not batching._begun)

        asyncio.run(run())
        assert sum(batch.count("gone") for batch in slow.batches) < 10


def test_a_fork_has_no_threads() -> None:
    lanes = Lanes(MANY)
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(asyncio.wait_for(lanes.run(SHORT, Work(), lambda: None), 10))
        except ForkedError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_take_short_turns_while_something_is_screened(held: threading.Event) -> None:
    async def run() -> None:
        lanes = Lanes(MANY)
        tasks = [ask(lanes, SHORT, held.wait) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert sys.getswitchinterval() == pytest.approx(turns.SECONDS)
        held.set()
        await asyncio.gather(*tasks)

    before = sys.getswitchinterval()
    asyncio.run(run())
    assert sys.getswitchinterval() == before > turns.SECONDS


def test_every_length_has_a_lane() -> None:
    assert [width.tokens for width in WIDTHS] == sorted(width.tokens for width in WIDTHS)
    assert WIDTHS[-1].tokens == float("inf")


def test_all_texts_of_a_request_are_counted_together() -> None:
    work = Work(10)
    assert current() is nobody
    with at(work):
        current().read(6)
        current().read(4)
        with pytest.raises(TooLongError) as caught:
            current().read(1)
    assert (caught.value.characters, caught.value.limit) == (11, 10)
    current().read(10**9)
