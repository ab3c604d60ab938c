"""One model served three ways, of which two share a list: plain vLLM, with the prompt guard, with both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ...guard.store.store import Store
from ...guard.store.watch import Watch
from ...vocabulary import ForgetTarget
from ..models.serving import Server

NO_GUARD, PROMPT_GUARD, BOTH = "no guard", "prompt guard", "both guards"
GUARDED = {PROMPT_GUARD: "off", BOTH: "names"}
"""What ``answers`` is set to, by setting."""
FLAGS = ("--served-model-name", "model", "--enforce-eager", "--max-model-len", "2048", "--dtype", "bfloat16")
CLIENTS = 8
TIMEOUT = 600.0
LIST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a chat; or a text that the model goes on with, where it is ``raw``."""

    text: str
    raw: bool = False


class Client:
    """Asks a server, greedily."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = httpx.Client(base_url=server.url, timeout=TIMEOUT)

    def answers(
        self, asked: Sequence[Asked], tokens: int, track: Callable[[], None], **parameters: Any
    ) -> list[str]:
        """What the server says to each, of at most so many ``tokens``; a few wait at once."""
        answers: list[str] = []
        with ThreadPoolExecutor(CLIENTS) as pool:
            for answer in pool.map(lambda one: self.answer(one, tokens, **parameters), asked):
                answers.append(answer)
                track()
        return answers

    def answer(self, asked: Asked, tokens: int, **parameters: Any) -> str:
        """One answer. Nothing cached is used: it would be rounded in another order."""
        body: dict[str, Any] = {"model": "model", "max_tokens": tokens, "temperature": 0}
        body |= {"cache_salt": uuid.uuid4().hex, **parameters}
        if asked.raw:
            return str(self._post("/v1/completions", body | {"prompt": asked.text})["text"])
        messages = [{"role": "user", "content": asked.text}]
        choice = self._post("/v1/chat/completions", body | {"messages": messages})
        return choice["message"]["content"] or ""

    def cpu_seconds(self) -> float:
        """Processor time of the server's API process so far, without the engine's."""
        assert self._server.process
        stat = Path(f"/proc/{self._server.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / 100

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response = self._client.post(path, json=body)
        response.raise_for_status()
        choice: dict[str, Any] = response.json()["choices"][0]
        return choice


class Served:
    """Clients of the three servers, by setting, and the list that two of them serve."""

    def __init__(self, store: Store, clients: Mapping[str, Client]) -> None:
        self._store, self.clients = store, clients

    def list_only(self, targets: Sequence[ForgetTarget]) -> None:
        """List ``targets`` and nothing else; returns once both guards do. Raises ``TimeoutError``."""
        if listed := [target.id for target in self._store.targets()]:
            self._store.remember(listed)
        generation, watch = self._store.forget(targets), Watch(self._store)
        deadline = time.monotonic() + LIST_SECONDS
        while watch.behind(generation):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the list is not in force after {LIST_SECONDS:.0f} s")
            time.sleep(0.1)


@contextmanager
def serve(model: Path, encoder: str, folder: Path) -> Iterator[Served]:
    """The model served in the three settings, with an empty list; logs go to ``folder``."""
    (store_file := folder / "forget.db").unlink(missing_ok=True)
    store = Store.create(f"sqlite:///{store_file}")
    clients: dict[str, Client] = {}
    with ExitStack() as stack:
        plain = Server(model, folder / "plain.log", flags=FLAGS)
        clients[NO_GUARD] = Client(stack.enter_context(plain))
        for setting, answers in GUARDED.items():
            config = folder / f"answers-{answers}.yaml"
            config.write_text(f"encoder: {{model: '{encoder}'}}\nanswers: '{answers}'\n")
            server = Server(model, folder / f"answers-{answers}.log", config, FLAGS)
            clients[setting] = Client(stack.enter_context(server))
        yield Served(store, clients)
