"""What the session's two servers are to the tests that use them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surfaces import MODEL, Clients, settled
from vllm_unlearn.guard.store import Store
from vllm_unlearn.server.doctor import Finding
from vllm_unlearn.server.serving import Server
from vllm_unlearn.vocabulary import ForgetTarget

ADMIN_KEY = "a key of the tests' own"
TARGET = ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")


@dataclass
class Plain:
    """What plain vLLM says."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    long: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


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
class Guarded:
    """The guarded server, its clients and its store."""

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
