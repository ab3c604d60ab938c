"""What reading answers costs a server where nothing listed comes: the same requests with and without."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from .served import BOTH, CLIENTS, PROMPT_GUARD, Asked, Client, Served

WORDS = "river stone garden window letter market engine forest harbour winter music paper".split()  # noqa: SIM905
TOKENS = 48
# After its answers an engine's threads spin for a while, and would take the cores from the other's.
REST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """Of one round of requests: tokens a second, and CPU seconds of the API process a thousand tokens."""

    throughput: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Cost:
    """The rounds with and without, in pairs that follow each other."""

    read: tuple[Round, ...]
    unread: tuple[Round, ...]

    @property
    def throughput(self) -> list[float]:
        """Of each pair the throughput with answers read, by that without."""
        return [a.throughput / b.throughput for a, b in zip(self.read, self.unread, strict=True)]

    @property
    def cpu(self) -> list[float]:
        """Of each pair the CPU seconds a thousand tokens that reading adds."""
        return [a.cpu - b.cpu for a, b in zip(self.read, self.unread, strict=True)]


def measure(served: Served, rounds: int, track: Callable[[], None], seed: int = 0) -> Cost:
    """Ask both guarded servers ``rounds`` times in turn; which goes first alternates."""
    chance, every = random.Random(seed), defaultdict[str, list[Round]](list)
    settings = (BOTH, PROMPT_GUARD)
    for number in range(rounds + 1):
        asked = [Asked(f"Tell me of {' '.join(chance.choices(WORDS, k=9))}.") for _ in range(2 * CLIENTS)]
        for setting in settings if number % 2 else settings[::-1]:
            time.sleep(REST_SECONDS)
            one = _round(served.clients[setting], asked)
            if number:  # the first warms up
                every[setting].append(one)
        track()
    return Cost(tuple(every[BOTH]), tuple(every[PROMPT_GUARD]))


def _round(client: Client, asked: list[Asked]) -> Round:
    cpu, began = client.cpu_seconds(), time.perf_counter()
    client.answers(asked, TOKENS, _unheard, ignore_eos=True)
    tokens, wall = TOKENS * len(asked), time.perf_counter() - began
    return Round(tokens / wall, 1e3 * (client.cpu_seconds() - cpu) / tokens)


def _unheard() -> None:
    """Nothing is told of single answers."""


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The quartiles; of fewer than two values that one."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
