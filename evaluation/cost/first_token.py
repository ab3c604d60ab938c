"""How soon the first token comes after a prefix that is cached, for clean and for flagged prompts.

A guarded server is asked all kinds of prompts in turn, so that a slow moment of the machine falls on all
alike; each is new behind its prefix. Where a prefix ends within a title, the last cached block does too: a
clean prompt finds it, a flagged one does not, since the title that it completes is corrupted there.
``vllm-unlearn eval first-token``
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.progress import track

from ...guard.store.store import Store
from ...vocabulary import ForgetTarget
from ..models.packaged_smollm2 import ENCODER, prepare
from ..models.serving import Server
from .latency import prompt

LISTED, OTHERS = "The Great Gatsby", ("The Glass Castle", "The Silent Planet", "The Grapes of Wrath")
BETWEEN = 40  # tokens of a question before the title
REST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of prompt: whether its title is listed, and whether what is cached ends within it."""

    flagged: bool
    cut: bool

    def __str__(self) -> str:
        where = "cached to within the title" if self.cut else "cached to before the question"
        return f"{'flagged' if self.flagged else 'clean'}, {where}"


KINDS = (Kind(False, False), Kind(True, False), Kind(False, True), Kind(True, True))


@dataclass(slots=True)
class Times:
    """Of one kind of prompt: milliseconds to the first token, and tokens that were said to be cached."""

    milliseconds: list[float] = field(default_factory=list)
    cached: set[int] = field(default_factory=set)


class Asker:
    """Makes prompts of tokens, and asks for one token behind each."""

    def __init__(self, url: str, model: Path, block: int, prefix_tokens: int) -> None:
        from transformers import AutoTokenizer

        self._client = httpx.Client(base_url=url, timeout=300)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
        self._block = block
        chance = random.Random(0)
        self._prefix = self._ids(prompt(2 * prefix_tokens, chance))[: prefix_tokens // block * block]
        titles = {title: self._ids(f" {title}") for title in (LISTED, *OTHERS)}
        same = [ids for title, ids in titles.items() if title != LISTED]
        self._titles = (min(same, key=lambda ids: abs(len(ids) - len(titles[LISTED]))), titles[LISTED])

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def ask(self, kind: Kind, chance: random.Random) -> tuple[float, int]:
        """Seconds to the first token of a new prompt, and how many were said to be cached."""
        title = self._titles[kind.flagged]
        before = self._block - len(title) + 1 if kind.cut else BETWEEN
        start = self._prefix + self._ids(" " + prompt(2 * before, chance))[:before]
        if kind.cut:
            self._first_token(start + title[:-1] + self._ids(" and"))
        time.sleep(REST_SECONDS)
        return self._first_token(start + title + self._ids(" is a book. Who wrote it?"))

    def warm(self) -> None:
        """Have the prefix cached."""
        self._first_token([*self._prefix, *self._ids(" Well.")])

    def count_flagged(self) -> int:
        """How many prompts were flagged so far."""
        name = 'vllm_unlearn_requests_total{verdict="corrupt"} '
        page = self._client.get("/metrics").text.splitlines()
        return sum(int(float(line.removeprefix(name))) for line in page if line.startswith(name))

    def _first_token(self, ids: list[int]) -> tuple[float, int]:
        body = {"model": "model", "prompt": ids, "max_tokens": 1, "temperature": 0}
        began = time.perf_counter()
        answer = self._client.post("/v1/completions", json=body).raise_for_status()
        seconds = time.perf_counter() - began
        details = answer.json()["usage"].get("prompt_tokens_details") or {}
        return seconds, int(details.get("cached_tokens") or 0)


def measure(asker: Asker, rounds: int, console: Console) -> dict[Kind, Times]:
    """Ask all kinds ``rounds`` times, in an order drawn anew. Raises ``RuntimeError`` where not just those
    that should be were flagged."""
    times = {kind: Times() for kind in KINDS}
    chance, before = random.Random(1), asker.count_flagged()
    for number in track(range(rounds + 2), "asking", console=console, transient=True):
        for kind in chance.sample(KINDS, len(KINDS)):
            asker.warm()
            seconds, cached = asker.ask(kind, chance)
            if number >= 2:  # the first two warm up
                times[kind].milliseconds.append(1000 * seconds)
                times[kind].cached.add(cached)
    flagged, meant = asker.count_flagged() - before, (rounds + 2) * sum(kind.flagged for kind in KINDS)
    if flagged != meant:
        raise RuntimeError(f"{flagged} prompts were flagged, not {meant}: the times are not what they say")
    return times


@contextmanager
def serve(model: Path, block: int) -> Iterator[str]:
    """The address of a guarded server."""
    with tempfile.TemporaryDirectory(prefix="vllm-unlearn-first-token-") as scratch:
        folder = Path(scratch)
        config = folder / "unlearn.yaml"
        config.write_text(f"encoder: {{model: '{ENCODER}'}}\npublic_metrics: true\n")
        target = ForgetTarget(id="listed", kind="work", name=LISTED)
        Store.create(f"sqlite:///{folder}/forget.db").forget([target])
        flags = ["--served-model-name", "model", "--enforce-eager", "--max-model-len", "4096"]
        flags += ["--dtype", "bfloat16", "--block-size", str(block), "--enable-prompt-tokens-details"]
        with Server(model, folder / "serve.log", config, flags) as server:
            yield server.url


def table(every: dict[Kind, Times]) -> str:
    """The measurements in Markdown."""
    lines = ["| prompt | median ms | quartiles | said to be cached | n |", "|" + " --- |" * 5]
    for kind, times in every.items():
        low, middle, high = statistics.quantiles(times.milliseconds, n=4)
        cached = ", ".join(map(str, sorted(times.cached)))
        lines.append(
            f"| {kind} | {middle:.0f} | {low:.0f} to {high:.0f} | {cached} | {len(times.milliseconds)} |"
        )
    return "\n".join(lines)


def main(rounds: int = 20, block: int = 128, prefix_tokens: int = 1_500) -> None:
    """Serve, measure and show the table."""
    console = Console(stderr=True)
    model = prepare(Path("~/.cache/vllm-unlearn/smollm2").expanduser())
    with serve(model, block) as url:
        times = measure(Asker(url, model, block, prefix_tokens), rounds, console)
    typer.echo(table(times))
