"""``vllm-unlearn wait``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from ...guard.store.fleet import Replica
from ...guard.store.store import Store
from ...guard.store.watch import Watch
from ..terminal import Config, Timeout, fail, report_faults, say, store_of


@report_faults
def wait(
    generation: Annotated[int, typer.Option(min=0, help="The generation that must be served.")],
    replicas: Annotated[
        int, typer.Option(min=0, help="How many must serve it, at least; 0 also where no server runs.")
    ] = 1,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Return once servers serve this generation, and none an older one. Exit status 1 where none does."""
    wait_for(store_of(config), generation, timeout, replicas)


def wait_for(store: Store, generation: int, timeout: float, replicas: int = 0) -> None:
    """Return once at least so many ``replicas`` serve ``generation`` or a later one, and none another."""
    newest = store.head().generation
    if generation > newest:
        fail(f"there is no generation {generation} yet; the newest is {newest}")
    deadline, watch = time.monotonic() + timeout, Watch(store)
    while True:
        behind = watch.behind(generation)
        serving = _find_serving(store, generation)
        if not behind and len(serving) >= replicas:
            say(f"generation {generation}: {_describe(serving)}")
            return
        if time.monotonic() > deadline:
            fail(f"after {timeout:g} s {_shortfall(behind, serving, replicas)}")
        time.sleep(0.05)


def _find_serving(store: Store, generation: int) -> list[Replica]:
    alive = store.fleet.replicas()
    behind = {replica.id for replica in store.fleet.behind(alive, generation)}
    return [replica for replica in alive if replica.id not in behind]


def _describe(serving: Sequence[Replica]) -> str:
    if not serving:
        return "no server runs on this store, so nothing is suppressed yet"
    idle = sum(replica.mode != "enforce" for replica in serving)
    shadow = f", {idle} of them in shadow mode, which suppresses nothing" if idle else ""
    return f"served by {_count(len(serving))}{shadow}"


def _shortfall(behind: Sequence[Replica], serving: Sequence[Replica], replicas: int) -> str:
    if behind:
        names = ", ".join(f"{r.id} (generation {r.generation})" for r in behind)
        return f"these replicas still serve an older list: {names}; see their logs"
    if not serving:
        return (
            "no server runs on this store, so nothing is suppressed; start one with `vllm-unlearn serve` "
            "(--replicas 0 does without)"
        )
    return f"it is served by {_count(len(serving))}, and --replicas wants {replicas}; start the others"


def _count(number: int) -> str:
    return f"{number} replica{'s' * (number != 1)}"
