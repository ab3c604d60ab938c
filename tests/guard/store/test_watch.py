from __future__ import annotations

from datetime import timedelta

import pytest
from clocks import LEASE, Clocks
from vllm_unlearn.guard.store.fleet import Fleet
from vllm_unlearn.guard.store.store import Store, StoreError
from vllm_unlearn.guard.store.watch import SWEEP_SECONDS, Watch
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="vale", name="Orrin Vale")


@pytest.fixture
def watch(store: Store, clocks: Clocks) -> Watch:
    return Watch(store, clocks)


def beat(store: Store, generation: int = 0) -> None:
    store.fleet.beat("one", generation, "enforce", timedelta(seconds=LEASE))


@pytest.mark.parametrize("wall", [-1e6, 1e6])
def test_a_wall_clock_that_jumps_hides_no_replica(
    watch: Watch, store: Store, clocks: Clocks, wall: float
) -> None:
    beat(store)
    assert [r.id for r in watch.behind(1)] == ["one"]
    clocks.wall = wall
    assert [r.id for r in watch.behind(1)] == ["one"]


def test_a_replica_is_gone_once_it_was_silent_for_a_whole_lease(
    watch: Watch, store: Store, clocks: Clocks
) -> None:
    beat(store)
    assert watch.behind(1)
    clocks.steady = LEASE * 0.9
    assert watch.behind(1)
    beat(store)
    clocks.steady = LEASE * 1.8
    assert watch.behind(1)  # it has beaten meanwhile
    clocks.steady = LEASE * 2.9
    assert watch.behind(1) == []
    assert store.fleet.replicas(silent=True) == ()  # nobody has to watch it again


def test_a_machine_that_slept_looks_again_first(watch: Watch, store: Store, clocks: Clocks) -> None:
    beat(store)
    assert watch.behind(1)
    beat(store)  # while the watcher sleeps
    clocks.steady = 3600.0
    assert watch.behind(1)


def test_a_sweep_takes_off_who_was_silent_between_two_looks(
    watch: Watch, store: Store, clocks: Clocks
) -> None:
    store.fleet.beat("crashed", 0, "enforce", timedelta(seconds=LEASE))
    beat(store)
    for minute, left in ((1, 2), (1.5, 2), (2, 1)):
        clocks.steady = minute * SWEEP_SECONDS
        watch.sweep()
        assert len(store.fleet.replicas(silent=True)) == left
        beat(store)
    assert [r.id for r in store.fleet.replicas(silent=True)] == ["one"]


def test_what_has_the_generation_is_not_waited_for(watch: Watch, store: Store) -> None:
    store.forget([TARGET])
    store.fleet.beat("one", 1, "enforce", timedelta(seconds=LEASE), digest=store.head().digest)
    assert watch.behind(1) == []
    assert [r.id for r in watch.behind(2)] == ["one"]


def test_a_store_that_is_only_read_is_enough(
    watch: Watch, store: Store, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Fleet, replica: object) -> None:
        raise StoreError("read-only")

    monkeypatch.setattr(Fleet, "bury", refused)
    beat(store)
    assert watch.behind(1)
    clocks.steady = LEASE * 1.1
    assert watch.behind(1) == []
