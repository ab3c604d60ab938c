"""What one guarded request costs against plain vLLM: ``make bench``.

Both servers run at once and are asked in turn, the same prompts, each new (nothing is found in a
cache), so that a slow moment of the machine falls on both. Reported: the median of the pairwise
ratios, and their quartiles.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ...guard.store.store import Store
from ...vocabulary import ForgetTarget
from ..models.packaged_smollm2 import ENCODER, prepare
from ..models.serving import Server

FLAGS = ("--served-model-name", "model", "--enforce-eager", "--max-model-len", "4096", "--dtype", "bfloat16")
WORDS = "river stone garden window letter market engine forest harbour winter music paper".split()  # noqa: SIM905
# After an answer an engine's threads spin for a while, and would take the cores from the other's.
REST_SECONDS = 0.5
console = Console(width=110)


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of request: how long its prompt and answer are, and whether it is flagged."""

    name: str
    sentences: int
    tokens: int
    flagged: bool

    def prompt(self, chance: random.Random) -> str:
        """A prompt that was never sent before."""
        lines = [f"The {' '.join(chance.choices(WORDS, k=9))}." for _ in range(self.sentences)]
        if self.flagged:
            lines.append("Who wrote The Great Gatsby?")
        return " ".join(lines)


WORKLOADS = (
    Workload("20 words, 1 token", 2, 1, False),
    Workload("20 words, 32 tokens", 2, 32, False),
    Workload("1,000 words, 1 token", 100, 1, False),
    Workload("1,000 words, 32 tokens", 100, 32, False),
    Workload("20 words, 32 tokens, flagged", 2, 32, True),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one workload: median seconds on each server, and quartiles of the pairwise ratios."""

    workload: str
    plain_seconds: float
    guarded_seconds: float
    ratio: float
    quartiles: tuple[float, float]


def measure(plain: str, guarded: str, workload: Workload, rounds: int, seed: int = 0) -> Cost:
    """Ask both servers ``rounds`` times in turn; which goes first alternates."""
    chance = random.Random(seed)
    pairs: list[tuple[float, float]] = []
    with httpx.Client(timeout=300) as client:
        for number in track(range(rounds + 2), workload.name, console=console, transient=True):
            prompt = workload.prompt(chance)
            times = {url: _seconds(client, url, prompt, workload) for url in _order(plain, guarded, number)}
            if number >= 2:  # the first two warm up
                pairs.append((times[plain], times[guarded]))
    ratios = [b / a for a, b in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    seconds = [statistics.median(times) for times in zip(*pairs, strict=True)]
    return Cost(workload.name, seconds[0], seconds[1], middle, (low, high))


def _order(one: str, other: str, number: int) -> tuple[str, str]:
    return (one, other) if number % 2 else (other, one)


def _seconds(client: httpx.Client, url: str, prompt: str, workload: Workload) -> float:
    time.sleep(REST_SECONDS)
    body = {"model": "model", "prompt": prompt, "max_tokens": workload.tokens, "temperature": 0}
    began = time.perf_counter()
    client.post(f"{url}/v1/completions", json=body | {"ignore_eos": True}).raise_for_status()
    return time.perf_counter() - began


def _targets(count: int) -> Iterator[ForgetTarget]:
    for n in range(count - 1):
        yield ForgetTarget(id=f"t{n}", name=f"Person Number{n} Surname{n * 7}")
    yield ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")


@contextmanager
def servers(model: Path, targets: int) -> Iterator[tuple[str, str]]:
    """The addresses of a plain and a guarded server, both of ``model``."""
    with tempfile.TemporaryDirectory(prefix="vllm-unlearn-bench-") as scratch:
        folder = Path(scratch)
        (folder / "unlearn.yaml").write_text(f"encoder: {{model: '{ENCODER}'}}\n")
        Store.create(f"sqlite:///{folder}/forget.db").forget(list(_targets(targets)))
        guarded = Server(model, folder / "guarded.log", folder / "unlearn.yaml", FLAGS)
        with Server(model, folder / "plain.log", flags=FLAGS) as plain, guarded:
            yield plain.url, guarded.url


def main(rounds: int = 30, targets: int = 100, out: Path | None = None) -> None:
    """Measure and print; ``--out`` also writes JSON."""
    with console.status("preparing the model and starting two servers (two minutes on two cores)"):
        model = prepare(Path("~/.cache/vllm-unlearn/smollm2").expanduser())
    with servers(model, targets) as (plain, guarded):
        costs = [measure(plain, guarded, workload, rounds) for workload in WORKLOADS]
    _show(costs, rounds, targets, console.print)
    if out:
        report = {"rounds": rounds, "targets": targets}
        rows = list(map(asdict, costs))
        out.write_text(json.dumps(report | {"costs": rows}, indent=1))


def _show(costs: list[Cost], rounds: int, targets: int, show: Callable[[Table], None]) -> None:
    title = f"guarded against plain vLLM: {targets} targets, {rounds} interleaved pairs"
    table = Table("request", "plain, ms", "guarded, ms", "ratio (quartiles)", title=title)
    for cost in costs:
        low, high = cost.quartiles
        ratio = f"{cost.ratio:.3f} ({low:.3f} to {high:.3f})"
        table.add_row(
            cost.workload, f"{cost.plain_seconds * 1e3:.1f}", f"{cost.guarded_seconds * 1e3:.1f}", ratio
        )
    show(table)
