from __future__ import annotations

from datetime import timedelta

import pytest
from commands import Run
from vllm_unlearn.guard.store.store import Store


def test_wait_waits_for_every_replica(run: Run, store: Store) -> None:
    assert "no generation 1 yet; the newest is 0" in run("wait", "--generation", "1", exit_code=1).output
    store.fleet.beat("host:1", 0, "enforce", timedelta(seconds=60))
    output = run("forget", "Ann Lee", "--timeout", "0.1", exit_code=1).output
    assert "generation 1: ann-lee listed" in output
    assert "still serve an older list: host:1 (generation 0); see their logs" in output
    store.fleet.beat("host:2", 1, "enforce", timedelta(seconds=60), digest=store.head().digest)
    assert "served by" not in run("forget", "Ben", "--no-wait").output
    store.fleet.beat("host:1", 1, "enforce", timedelta(seconds=60), digest="of another history")
    assert "host:1" in run("wait", "--generation", "1", "--timeout", "0.1", exit_code=1).output
    store.fleet.beat("host:1", 2, "enforce", timedelta(seconds=60), digest=store.head().digest)
    assert "generation 1: served by 2 replicas" in run("wait", "--generation", "1").output


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1"])
@pytest.mark.parametrize("command", [("wait", "--generation", "0"), ("forget", "Ann Lee")])
def test_no_command_waits_for_ever(run: Run, store: Store, command: tuple[str, ...], seconds: str) -> None:
    output = run(*command, f"--timeout={seconds}", exit_code=2).output
    assert f"{seconds} is no number of seconds" in output
    assert store.head().generation == 0


def test_wait_fails_where_too_few_servers_run(run: Run, store: Store) -> None:
    output = run("forget", "Ann Lee").output
    assert "generation 1: no server runs on this store, so nothing is suppressed yet" in output
    wait = ["wait", "--generation", "1", "--timeout", "0.1"]
    assert "after 0.1 s no server runs on this store" in run(*wait, exit_code=1).output
    assert "no server runs on this store" in run(*wait, "--replicas", "0").output
    digest, lease = store.head().digest, timedelta(seconds=60)
    store.fleet.beat("host:1", 1, "shadow", lease, digest=digest)
    assert "served by 1 replica, 1 of them in shadow mode, which suppresses nothing" in run(*wait).output
    output = run(*wait, "--replicas", "2", exit_code=1).output
    assert "it is served by 1 replica, and --replicas wants 2" in output
    store.fleet.beat("host:2", 1, "enforce", timedelta(seconds=-1), digest=digest)
    run(*wait, "--replicas", "2", exit_code=1)
    store.fleet.beat("host:2", 1, "enforce", lease, digest=digest)
    run(*wait, "--replicas", "2")
