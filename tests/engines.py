"""What the session's two servers are to the tests that use them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
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
from vllm_unlearn.evaluation.models.serving import Server
from vllm_unlearn.guard.canary import canaries
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.doctor import Doctor, Finding
from vllm_unlearn.vocabulary import ForgetTarget

ADMIN_KEY = "a key of the tests' own"
TARGET = ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")


PAGE = " ".join(f"Line {n}: the weather station reported mild air and a light wind." for n in range(60))
LONG_PROMPTS = {
    "listed in the middle": f"{PAGE} Then someone asked about The Great Gatsby, and sat down. {PAGE}",
    "nothing listed": f"{PAGE} Then someone asked about the next train, and sat down. {PAGE}",
}


# What a server that takes prompt embeddings answers otherwise: a marker in a text, and embeddings.
_MARKED = "Say <prompt_embeds> twice."
EMBEDS: dict[str, tuple[str, dict[str, Any]]] = {
    "marker in a chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": _MARKED}]}),
    "marker in a completion": ("/v1/completions", {"prompt": _MARKED, "echo": True, "logprobs": 1}),
    "marker in tokenize": ("/tokenize", {"prompt": _MARKED}),
    "marker in a chat's part": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": _MARKED}]}]},
    ),
    "own, no tensor": ("/v1/completions", {"prompt_embeds": "bm8gdGVuc29y"}),
    "own, no base64": ("/v1/completions", {"prompt_embeds": "!"}),
    "own in a chat": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "prompt_embeds", "data": "bm8gdGVuc29y"}]}]},
    ),
}


def ask_embeds(url: str, name: str) -> Any:
    """The status, and all of the answer that is not an id or a time."""
    path, body = EMBEDS[name]
    asked = {"model": MODEL, **body} | ({} if path == "/tokenize" else {"max_tokens": 8, "temperature": 0})
    answer = httpx.post(f"{url}{path}", json=asked, timeout=120)
    return answer.status_code, settled(answer.json())


def ask_long(clients: Clients, prompt: str) -> Any:
    """A prompt of many chunks and blocks, with the log-probability of each of its tokens."""
    answer = clients.openai.completions.create(
        model=MODEL, prompt=prompt, max_tokens=8, temperature=0, echo=True, logprobs=0
    )
    return settled(answer)["choices"][0]


def ask_halves(clients: Clients) -> list[int]:
    """How many tokens are said to be cached of a prompt whose last block ends within a listed name, of the
    same with the name complete, and of the same without it."""

    def ids(text: str) -> list[int]:
        return list(clients.post("/tokenize", prompt=text, add_special_tokens=False)["tokens"])

    name = ids(" The Great Gatsby")
    half = ids(PAGE)[: 320 - len(name) + 1] + name[:-1]
    said = []
    for prompt in (half, half + name[-1:] + ids(" is a book."), half + ids(" Plains are wide.")):
        asked: dict[str, Any] = {"prompt": prompt, "max_tokens": 1, "cache_salt": "halves"}
        details = clients.post("/v1/completions", **asked)["usage"]["prompt_tokens_details"] or {}
        said.append(int(details.get("cached_tokens") or 0))
    return said


@dataclass
class Said:
    """What a server says: to each surface both questions, and to the long prompts.

    All is asked at once, of a fresh server and in one order, so that what is cached is the same for both:
    a cached prompt is rounded in another order.
    """

    answers: dict[tuple[str, str], Any]
    long: dict[str, Any]
    embeds: dict[str, Any]
    findings: list[Finding]
    forced: dict[tuple[str, str], Any]
    halves: list[int]

    @classmethod
    def by(cls, server: Server, store_id: str) -> Said:
        """Ask everything; the canaries are those of the store of this id."""
        clients = Clients(server.url)
        pairs = [(surface, text) for surface in SURFACES for text in (INNOCENT, LISTED)]
        answers = {(surface, text): settled(SURFACES[surface](clients, text)) for surface, text in pairs}
        long = {name: ask_long(clients, prompt) for name, prompt in LONG_PROMPTS.items()}
        embeds = {name: ask_embeds(server.url, name) for name in EMBEDS}
        findings = list(Doctor(server.url, canaries(store_id, answers=True)).examine())
        pairs = [(surface, title) for surface in FORCED for title in (OTHER_NOVEL, LISTED_NOVEL)]
        forced = {(surface, title): settled(FORCED[surface](clients, title)) for surface, title in pairs}
        return cls(answers, long, embeds, findings, forced, ask_halves(clients))


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
        while self.store.fleet.behind(self.store.fleet.replicas(), generation):
            assert time.monotonic() < deadline, "the generation was not served"
            time.sleep(0.02)
