"""What the session's two servers are to the tests that use them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surfaces import (
    FORCED,
    INNOCENT,
    LISTED,
    LISTED_NOVEL,
    MODEL,
    OTHER_NOVEL,
    SURFACES,
    Clients,
    settled,
)
from vllm_unlearn.evaluation.serving import Server
from vllm_unlearn.guard.store import Store
from vllm_unlearn.server.doctor import Doctor, Finding
from vllm_unlearn.vocabulary import ForgetTarget

ADMIN_KEY = "a key of the tests' own"
TARGET = ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")


PAGE = " ".join(f"Line {n}: the weather station reported mild air and a light wind." for n in range(60))
LONG_PROMPTS = {
    "listed in the middle": f"{PAGE} Then someone asked about The Great Gatsby, and sat down. {PAGE}",
    "nothing listed": f"{PAGE} Then someone asked about the next train, and sat down. {PAGE}",
}


def ask_long(clients: Clients, prompt: str) -> Any:
    """A prompt of many chunks and blocks, with the log-probability of each of its tokens."""
    answer = clients.openai.completions.create(
        model=MODEL, prompt=prompt, max_tokens=8, temperature=0, echo=True, logprobs=0
    )
    return settled(answer)["choices"][0]


@dataclass
class Said:
    """What a server says: to each surface both questions, and to the long prompts.

    All is asked at once, of a fresh server and in one order, so that what is cached is the same for both:
    a cached prompt is rounded in another order.
    """

    answers: dict[tuple[str, str], Any]
    long: dict[str, Any]
    findings: list[Finding]
    forced: dict[tuple[str, str], Any]

    @classmethod
    def by(cls, server: Server) -> Said:
        """Ask everything."""
        clients = Clients(server.url)
        pairs = [(surface, text) for surface in SURFACES for text in (INNOCENT, LISTED)]
        answers = {(surface, text): settled(SURFACES[surface](clients, text)) for surface, text in pairs}
        long = {name: ask_long(clients, prompt) for name, prompt in LONG_PROMPTS.items()}
        findings = list(Doctor(server.url).examine())
        pairs = [(surface, title) for surface in FORCED for title in (OTHER_NOVEL, LISTED_NOVEL)]
        forced = {(surface, title): settled(FORCED[surface](clients, title)) for surface, title in pairs}
        return cls(answers, long, findings, forced)


@dataclass
class Guarded:
    """The guarded server, what it said at first, its clients and its store."""

    said: Said
    server: Server
    clients: Clients
    store: Store
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "unlearn.yaml"

    def serve(self, generation: int) -> None:
        """Wait, as `vllm-unlearn wait` does, until no replica serves an older one."""
        deadline = time.monotonic() + 20
        while any(replica.generation < generation for replica in self.store.replicas()):
            assert time.monotonic() < deadline, "the generation was not served"
            time.sleep(0.02)
