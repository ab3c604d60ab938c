"""What a guard costs that nobody asks anything: ``python -m vllm_unlearn.evaluation.cost.idle [URL]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ...classifiers.calibration.scope_check import NamesOnly
from ...guard.configuration import Settings
from ...guard.guard import Guard
from ...guard.store.store import Store
from ...vocabulary import ForgetTarget

TARGETS = 100
SECONDS = 60.0


def measure(url: str, seconds: float = SECONDS) -> float:
    """The share of a core that a guard takes over ``seconds`` on a store at ``url``, made if need be.

    Nothing else may run in this process.
    """
    store = Store.create(url)
    if not store.head().generation:
        names = [f"Orrin Vale {number}" for number in range(TARGETS)]
        store.forget([ForgetTarget(id=f"t{number}", name=name) for number, name in enumerate(names)])
    guard = Guard(Settings(store=url), NamesOnly())
    time.sleep(1.0)  # it settles
    began, used = time.monotonic(), time.process_time()
    time.sleep(seconds)
    used, took = time.process_time() - used, time.monotonic() - began
    guard.close()
    return used / took


def main(arguments: Sequence[str]) -> None:
    """Print it for the store that is named, or for a SQLite file."""
    with TemporaryDirectory() as folder:
        url = arguments[0] if arguments else f"sqlite:///{Path(folder) / 'forget.db'}"
        sys.stdout.write(f"{measure(url):.3%} of a core over {SECONDS:g} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
