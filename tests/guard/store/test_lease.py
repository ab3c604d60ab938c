"""Clocks that jump, machines that sleep, processes that fork: who may serve, and whom `wait` waits for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from clocks import LEASE, Clocks
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard, GuardError
from vllm_unlearn.guard.store.fleet import Fleet
from vllm_unlearn.guard.store.lease import Lease, Moment, read_clocks
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.guard.store.watch import SWEEP_SECONDS
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="vale", name="Orrin Vale")


@pytest.fixture
def make_guard(store: Store, encoder: OnnxEncoder, clocks: Clocks) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def make(poll_seconds: float = 0.05) -> Guard:
        settings = Settings(store=store.url, poll_seconds=poll_seconds, max_stale_seconds=LEASE)
        made.append(Guard(settings, encoder, clocks))
        return made[-1]

    yield make
    for guard in made:
        guard.close()


def served(guard: Guard) -> bool:
    try:
        guard.screen("anything")
    except GuardError:
        return False
    return True


def until(happens: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def test_the_steady_clock_counts_sleep() -> None:
    assert read_clocks().steady == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=0.1)


@pytest.mark.parametrize(
    "steady, wall, runs",
    [(0, 0, True), (1.5, 0, True), (3, 0, False), (0, 3, False), (0, -1e6, True), (3, -1e6, False)],
    ids=["now", "soon", "later", "wall set on", "wall set back", "later and set back"],
)
def test_a_lease_ends_by_whichever_clock_says_so_first(steady: float, wall: float, runs: bool) -> None:
    at = Moment(0.0, 0.0)
    lease = Lease(LEASE, lambda: at)
    assert not lease.runs
    lease.renew(at)
    at = Moment(steady, wall)
    assert lease.runs is runs


@pytest.mark.parametrize("clock", ["steady", "wall"])
def test_a_replica_that_slept_serves_no_older_list(
    make_guard: Callable[..., Guard], store: Store, clocks: Clocks, clock: str
) -> None:
    """It woke, and its thread has not looked at the store yet."""
    guard = make_guard(poll_seconds=1.0)
    assert served(guard)
    store.forget([TARGET])
    setattr(clocks, clock, 3600.0)
    assert not served(guard)
    until(lambda: served(guard))
    assert guard.screen("Who is Orrin Vale?").action == "corrupt"


def test_a_lease_that_ran_out_is_renewed_for_the_newest_list_alone(
    make_guard: Callable[..., Guard], store: Store, clocks: Clocks
) -> None:
    guard = make_guard(poll_seconds=10.0)
    store.forget([TARGET])
    guard._beat()
    assert served(guard)  # it has not run out: `wait` waits
    clocks.steady = 3600.0
    guard._beat()
    assert not served(guard)
    assert [replica.generation for replica in store.fleet.replicas()] == [0]  # and `wait` waits for it again
    guard._publish(*guard._build())
    guard._beat()
    assert served(guard)


def test_a_list_that_changes_while_a_replica_starts_is_not_served(
    store: Store, make_guard: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the store and its first beat, when no `wait` knew of it."""
    beat = Fleet.beat

    def late(self: Fleet, *arguments: Any, **given: Any) -> None:
        monkeypatch.setattr(Fleet, "beat", beat)
        store.forget([TARGET])
        beat(self, *arguments, **given)

    monkeypatch.setattr(Fleet, "beat", late)
    guard = make_guard()
    verdicts = []

    def told() -> bool:
        if served(guard):
            verdicts.append(guard.screen("Who is Orrin Vale?").action)
        return bool(verdicts)

    until(told)
    assert verdicts == ["corrupt"]


def test_what_slept_in_the_middle_of_a_prompt_is_not_let_through(
    make_guard: Callable[..., Guard], store: Store, clocks: Clocks
) -> None:
    guard = make_guard(poll_seconds=10.0)
    find = guard._canaries.find

    def sleep(text: str) -> list[object]:
        clocks.steady = 3600.0
        return list(find(text))

    guard._canaries.find = sleep  # type: ignore[assignment]
    assert not served(guard)


@pytest.mark.parametrize("clock", ["steady", "wall"])
def test_a_replica_whose_clock_jumps_takes_no_other_off_the_list(
    make_guard: Callable[..., Guard], store: Store, clocks: Clocks, clock: str
) -> None:
    """Else `wait` would say that all is served, until the other beats again."""
    guard = make_guard()
    for hours in range(1, 4):
        store.fleet.beat("other", 0, "enforce", timedelta(seconds=LEASE))
        setattr(clocks, clock, hours * 3600.0)
        until(lambda: served(guard))
        time.sleep(0.2)
        assert "other" in [r.id for r in store.fleet.replicas(silent=True)]


def test_a_serving_replica_takes_a_crashed_one_off_the_list(
    make_guard: Callable[..., Guard], store: Store, clocks: Clocks
) -> None:
    store.fleet.beat("crashed", 0, "enforce", timedelta(seconds=LEASE))
    guard = make_guard()

    def is_alone() -> bool:
        clocks.steady += SWEEP_SECONDS
        time.sleep(0.1)
        return [r.id for r in store.fleet.replicas(silent=True)] == [guard.replica_id]

    until(is_alone)


def test_a_fork_serves_nothing_and_signs_nobody_off(make_guard: Callable[..., Guard], store: Store) -> None:
    guard = make_guard()
    child = os.fork()
    if not child:  # pytest must not run on here, whatever happens
        try:
            status = 1
            guard.screen("anything")
        except GuardError as error:
            guard.close()
            status = 0 if "forked" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [replica.id for replica in store.fleet.replicas()] == [guard.replica_id]
    assert served(guard)
