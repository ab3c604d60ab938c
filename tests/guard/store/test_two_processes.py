"""Two replicas, each a process of its own, on one real PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from subprocess import PIPE

import pytest
import typer
from postgres import Postgres
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.cli.wait import wait_for
from vllm_unlearn.vocabulary import ForgetTarget

NAMES = ("Ann", "Ben", "Cy", "Dee")
ANN, BEN, CY, DEE = (ForgetTarget(id=name.lower(), name=f"{name} Overmoor") for name in NAMES)
LEASE = 6.0
# Answers each line of its input with what the guard does with that prompt.
REPLICA = f"""
import sys
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard, GuardError
guard = Guard(Settings(store=sys.argv[1], poll_seconds=0.05, max_stale_seconds={LEASE}), NamesOnly())
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(guard.screen(line).action, flush=True)
    except GuardError:
        print("refused", flush=True)
guard.close()
"""


class Process:
    """A replica."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-c", REPLICA, url]
        self._process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)

    def hear(self) -> str:
        """The next line that it says."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def ask(self, target: ForgetTarget) -> str:
        """What it does with a prompt that names ``target``."""
        assert self._process.stdin
        self._process.stdin.write(f"Who is {target.name}?\n")
        self._process.stdin.flush()
        return self.hear()

    def send(self, number: signal.Signals) -> None:
        """Pause it, say."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """By the end of its input."""
        self._process.communicate(timeout=60)


@pytest.fixture
def store(postgres: Postgres) -> Store:
    return Store.create(postgres.make_place())


@pytest.fixture
def replicas(store: Store) -> Iterator[list[Process]]:
    processes = [Process(store.url) for _ in range(2)]
    assert [process.hear() for process in processes] == ["ready", "ready"]
    yield processes
    for process in processes:
        process.stop()
    assert store.fleet.replicas() == ()


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_fleet_follows_one_list_through_a_pause_and_a_crash(
    store: Store, replicas: list[Process], postgres: Postgres
) -> None:
    one, other = replicas
    assert len({replica.process for replica in store.fleet.replicas()}) == 2

    wait_for(store, store.forget([ANN]), timeout=30, replicas=2)
    assert [each.ask(ANN) for each in replicas] == ["corrupt", "corrupt"]
    assert [each.ask(BEN) for each in replicas] == ["pass", "pass"]

    other.send(signal.SIGSTOP)  # `wait` does not believe that it is served while one may serve an older list
    generation = store.forget([BEN])
    with pytest.raises(typer.Exit):
        wait_for(store, generation, timeout=LEASE / 6, replicas=1)
    until(lambda: one.ask(BEN) == "corrupt")
    other.send(signal.SIGCONT)
    wait_for(store, generation, timeout=30, replicas=2)
    assert other.ask(BEN) == "corrupt"

    postgres.stop()
    try:
        assert [each.ask(BEN) for each in replicas] == [
            "corrupt",
            "corrupt",
        ]  # on what they know, for a while
        until(lambda: one.ask(BEN) == other.ask(BEN) == "refused")
    finally:
        postgres.start()
    until(lambda: one.ask(BEN) == other.ask(BEN) == "corrupt")

    postgres.stop()
    postgres.start()
    wait_for(store, store.forget([CY]), timeout=30, replicas=2)
    assert [each.ask(CY) for each in replicas] == ["corrupt", "corrupt"]
    wait_for(store, store.rollback(1), timeout=30, replicas=2)
    assert [[each.ask(target) for target in (ANN, BEN, CY, DEE)] for each in replicas] == [
        ["corrupt", "pass", "pass", "pass"]
    ] * 2
