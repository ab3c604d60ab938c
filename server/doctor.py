"""Ask a running server, as any client could, whether it is guarded.

Two canary names are always listed, each deployment's own (``guard.canary``). A guard makes their
embeddings equal, so the same question about either gets the same answer; two names that are not listed
get two answers. Both must hold on every surface: the first shows that the guard acts, the second that the
question can tell. A third canary is read in prompts, and no answer says it, where an unlisted name is said.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ..guard.canary import answer_control, control_names
from .admin import KEY_HEADER, PREFIX

# A small model may answer one of them alike for any name.
QUESTIONS = ("My name is {name}. What is my name?", 'Say "{name}" and nothing else.')
# A small model goes on with lines better than it does what it is told, and not always.
REPEATED = tuple("\n".join(["{name}"] * lines) for lines in (6, 8, 4, 10, 5, 12))
PROOFS = 2
UNTOLD = "whether answers are read cannot be told here: the model repeats too few names"
MAX_TOKENS = 24
# Pairs of unlisted names that are tried.
CONTROLS = 3
# A model generates or pools: most servers have no such surface.
POOLING = "pooling"
MODE_METRIC = "vllm_unlearn_mode"

State = Literal["guarded", "not guarded", "not served", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found on one surface."""

    surface: str
    state: State
    detail: str
    answers_read: bool = False
    """Whether it is proven here that answers are read."""


class NotServedError(Exception):
    """The server has no such route, or has switched it off."""


def fetch_canaries(base_url: str, admin_key: str) -> list[str]:
    """The server's canary names, from its admin side.

    Raises ``NotServedError`` where the key does not open it, ``httpx.HTTPError`` where no server answers.
    """
    headers = {KEY_HEADER.encode(): admin_key.encode()}
    url = f"{base_url.rstrip('/')}{PREFIX}/canaries"
    try:
        return list(map(str, _check(httpx.get(url, headers=headers, timeout=30)).json()))
    except ValueError:  # something else answers there
        raise NotServedError(PREFIX) from None


class Doctor:
    """Examines one server; ``base_url`` without ``/v1``."""

    def __init__(
        self,
        base_url: str,
        canaries: Sequence[str],
        api_key: str | None = None,
        model: str | None = None,
    ) -> None:
        """``canaries`` are this server's (``fetch_canaries``, ``guard.canary.canaries``): two of prompts, and
        one of answers if these are to be read. Raises ``httpx.HTTPError`` where no server answers."""
        self._canaries, self._said = canaries[:2], canaries[2:]
        headers = {"Authorization": f"Bearer {api_key}", "x-api-key": api_key} if api_key else {}
        self._client = httpx.Client(base_url=base_url.rstrip("/"), headers=headers, timeout=120)
        self._model = model or self._get("/v1/models")["data"][0]["id"]

        self._surfaces: dict[str, Callable[[str], str]] = {
            "chat": self._chat,
            "chat, streamed": self._chat_streamed,
            "completions": self._completions,
            "completions, streamed": self._completions_streamed,
            "completions, token ids": self._completions_ids,
            "responses": self._responses,
            "messages": self._messages,
            "generate, token ids": self._generate,
            POOLING: self._pooling,
        }

    def mode(self) -> str | None:
        """The guard's mode as the server's public metrics tell it; None where they tell of no guard."""
        try:
            page = _check(self._client.get("/metrics")).text
            families = list(text_string_to_metric_families(page))
        except (NotServedError, httpx.HTTPStatusError, ValueError):
            return None
        for sample in chain.from_iterable(family.samples for family in families):
            if sample.name == MODE_METRIC and sample.value:
                return str(sample.labels["mode"])
        return None

    def examine(self, track: Callable[[Sequence[str]], Iterable[str]] = iter) -> Iterator[Finding]:
        """One finding for each surface, as it comes; ``track`` sees how far it is."""
        for surface in track(list(self._surfaces)):
            finding = self._find(surface, self._surfaces[surface])
            if surface != POOLING or finding.state != "not served":
                yield finding

    def _find(self, surface: str, ask: Callable[[str], str]) -> Finding:
        try:
            finding = self._find_in_prompts(surface, ask)
            if finding.state == "guarded" and surface != POOLING:
                return self._find_in_answers(finding, ask)
            return finding
        except NotServedError:
            return Finding(surface, "not served", "there is no such route, or it is off")
        except httpx.HTTPStatusError as error:
            return Finding(
                surface, "cannot tell", f"{error.response.status_code}: {error.response.text[:120]}"
            )

    def _find_in_prompts(self, surface: str, ask: Callable[[str], str]) -> Finding:
        canaries, controls = self._answers(ask, self._canaries), self._controls(ask)
        if read := [one for one, other in canaries if one != other]:
            return Finding(
                surface, "not guarded", f"a canary was read, if it is this server's: {read[0]!r:.60}"
            )
        if all(one == other for one, other in controls):
            detail = f"unlisted names get one answer too: {controls[0][0]!r:.60}"
            return Finding(surface, "cannot tell", detail)
        return Finding(surface, "guarded", "canaries are not told apart, unlisted names are")

    def _find_in_answers(self, finding: Finding, ask: Callable[[str], str]) -> Finding:
        """``finding`` on the prompts of a surface, and whether its answers are read."""
        if not self._said:
            return replace(finding, detail=f"{finding.detail}; answers are not read (`answers: off`)")
        (canary,) = self._said
        proofs = 0
        for text in REPEATED:
            if not _says(ask, text, answer_control(uuid.uuid4().hex)):
                continue
            if _says(ask, text, canary):
                detail = f"prompts are; a canary was said in an answer, if it is this server's: {canary!r}"
                return Finding(finding.surface, "not guarded", detail)
            proofs += 1
            if proofs == PROOFS:
                detail = f"{finding.detail}; no answer says a canary"
                return replace(finding, detail=detail, answers_read=True)
        return replace(finding, detail=f"{finding.detail}; {UNTOLD}")

    def _controls(self, ask: Callable[[str], str]) -> list[tuple[str, str]]:
        """The answers for two names that are not listed; for others, where a model tells these not apart."""
        for _ in range(CONTROLS):
            answers = self._answers(ask, control_names(uuid.uuid4().hex))
            if any(one != other for one, other in answers):
                break
        return answers

    def _answers(self, ask: Callable[[str], str], names: Sequence[str]) -> list[tuple[str, str]]:
        """For each question the two answers: about the one name, and about the other."""
        one, other = names
        return [(ask(text.format(name=one)), ask(text.format(name=other))) for text in QUESTIONS]

    def _get(self, path: str) -> Any:
        return _check(self._client.get(path)).json()

    def _post(self, path: str, **body: Any) -> Any:
        return _check(self._client.post(path, json=self._body(body))).json()

    def _body(self, body: dict[str, Any]) -> dict[str, Any]:
        # No question may find cached blocks of another: a cached prompt is rounded in another order,
        # and two equal prompts would then differ.
        return {"model": self._model, "cache_salt": uuid.uuid4().hex, **body}

    def _stream(self, path: str, **body: Any) -> Iterator[Any]:
        with self._client.stream("POST", path, json=self._body({"stream": True, **body})) as response:
            if response.is_error:
                response.read()
            _check(response)
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line.removeprefix("data: "))

    def _chat(self, text: str) -> str:
        body = self._post("/v1/chat/completions", **_chat_body(text))
        return str(body["choices"][0]["message"]["content"])

    def _chat_streamed(self, text: str) -> str:
        chunks = self._stream("/v1/chat/completions", **_chat_body(text))
        return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])

    def _completions(self, text: str) -> str:
        body = self._post("/v1/completions", prompt=f"{text}\n", max_tokens=MAX_TOKENS, temperature=0)
        return str(body["choices"][0]["text"])

    def _completions_streamed(self, text: str) -> str:
        chunks = self._stream("/v1/completions", prompt=f"{text}\n", max_tokens=MAX_TOKENS, temperature=0)
        return "".join(c["choices"][0]["text"] for c in chunks if c["choices"])

    def _completions_ids(self, text: str) -> str:
        prompt = self._token_ids(text)
        body = self._post("/v1/completions", prompt=prompt, max_tokens=MAX_TOKENS, temperature=0)
        return str(body["choices"][0]["text"])

    def _responses(self, text: str) -> str:
        body = self._post("/v1/responses", input=text, max_output_tokens=MAX_TOKENS, temperature=0)
        parts = chain.from_iterable(item.get("content") or () for item in body["output"])
        return json.dumps([part["text"] for part in parts])

    def _messages(self, text: str) -> str:
        messages = [{"role": "user", "content": text}]
        body = self._post("/v1/messages", messages=messages, max_tokens=MAX_TOKENS, temperature=0)
        return json.dumps([block.get("text") for block in body["content"]])

    def _generate(self, text: str) -> str:
        params = {"max_tokens": MAX_TOKENS, "temperature": 0}
        body = self._post("/inference/v1/generate", token_ids=self._token_ids(text), sampling_params=params)
        return str(self._post("/detokenize", tokens=body["choices"][0]["token_ids"])["prompt"])

    def _pooling(self, text: str) -> str:
        return json.dumps(self._post("/pooling", input=text)["data"])

    def _token_ids(self, text: str) -> list[int]:
        return list(self._post("/tokenize", **_chat_body(text))["tokens"])


def are_answers_read(findings: Sequence[Finding]) -> bool:
    """Whether it is proven, where anything generates. All answers are read at one place, so one surface on
    which the model repeats names is proof for all."""
    generating = [each for each in findings if each.state == "guarded" and each.surface != POOLING]
    return not generating or any(each.answers_read for each in generating)


def _says(ask: Callable[[str], str], text: str, name: str) -> bool:
    """Whether the answer to the request ``text`` to say ``name`` says it, with capitals or without."""
    return name in ask(text.format(name=name)).casefold()


def _chat_body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": MAX_TOKENS, "temperature": 0}


def _check(response: httpx.Response) -> httpx.Response:
    if response.status_code in (403, 404, 405):  # 403: a surface that vLLM has switched off
        raise NotServedError(response.url.path)
    return response.raise_for_status()
