"""``vllm-unlearn wait``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ...guard.store import Store
from ...guard.watch import Watch
from ..terminal import Config, Timeout, fail, say, store_of, told


@told
def wait(
    generation: Annotated[int, typer.Option(help="The generation that must be served.")],
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Return once no replica serves a generation older than this."""
    wait_for(store_of(config), generation, timeout)


def wait_for(store: Store, generation: int, timeout: float) -> None:
    newest = store.head().generation
    if generation > newest:
        fail(f"there is no generation {generation} yet; the newest is {newest}")
    deadline, watch = time.monotonic() + timeout, Watch(store)
    while behind := watch.behind(generation):
        if time.monotonic() > deadline:
            names = ", ".join(f"{r.id} (generation {r.generation})" for r in behind)
            fail(f"after {timeout:g} s these replicas still serve an older list: {names}; see their logs")
        time.sleep(0.05)
    count = len(store.replicas())
    served = f"served by {count} replica{'s' * (count != 1)}" if count else "no server runs on this store"
    say(f"generation {generation}: {served}")
