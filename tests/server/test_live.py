"""The running server: changes of the index, load, and what a client may not see."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import anthropic
import httpx
import openai
import pytest
from engines import ADMIN_KEY, TARGET, Guarded, Said
from surfaces import INNOCENT, LISTED, MODEL, SURFACES
from vllm_unlearn.server.admin import KEY_HEADER, PREFIX
from vllm_unlearn.vocabulary import ForgetTarget

PLANTS = "How do plants make their food?"


def _uncached() -> dict[str, str]:
    """A prompt found in the cache is rounded in another order: compare uncached with uncached."""
    return {"cache_salt": uuid.uuid4().hex}


def _ask(guarded: Guarded, text: str, **options: Any) -> str:
    messages: Any = [{"role": "user", "content": text}]
    options = {"model": MODEL, "max_tokens": 16, "temperature": 0, "extra_body": _uncached(), **options}
    answer = guarded.clients.openai.chat.completions.create(messages=messages, **options)
    return str(answer.choices[0].message.content)


def test_doctor_tells_guarded_from_plain(guarded: Guarded, plain: Said) -> None:
    found = {finding.surface: finding.state for finding in guarded.said.findings}
    assert len(found) == 8
    assert set(found.values()) == {"guarded"}
    assert {finding.state for finding in plain.findings} == {"not guarded"}


def test_a_change_is_served_within_a_second(guarded: Guarded) -> None:
    before = _ask(guarded, PLANTS)
    began = time.monotonic()
    generation = guarded.store.forget([ForgetTarget(id="plants", kind="topic", name="plants")])
    guarded.serve(generation)
    assert time.monotonic() - began < 1.0
    assert _ask(guarded, PLANTS) != before
    guarded.serve(guarded.store.remember(["plants"]))
    assert _ask(guarded, PLANTS) == before


def test_a_stream_goes_on_while_the_index_changes(guarded: Guarded) -> None:
    whole = _ask(guarded, PLANTS, max_tokens=64)
    messages: Any = [{"role": "user", "content": PLANTS}]
    stream = guarded.clients.openai.chat.completions.create(
        model=MODEL, messages=messages, max_tokens=64, temperature=0, stream=True, extra_body=_uncached()
    )
    pieces = [next(stream).choices[0].delta.content or "" for _ in range(4)]
    generation = guarded.store.forget([ForgetTarget(id="plants", kind="topic", name="plants")])
    guarded.serve(generation)
    pieces += [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(pieces) == whole, "a request finishes on the generation that it began with"
    assert _ask(guarded, PLANTS, max_tokens=64) != whole
    guarded.serve(guarded.store.remember(["plants"]))


def test_two_hundred_requests_at_once(guarded: Guarded) -> None:
    """Batched numbers differ in rounding with plain vLLM too; facts do not."""
    questions = [LISTED, INNOCENT, PLANTS, "Who wrote Moby-Dick?"] * 50

    async def ask_all() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{guarded.server.url}/v1", api_key="none") as client:

            async def ask(text: str) -> str:
                answer = await client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": text}],
                    max_tokens=12,
                    temperature=0,
                )
                return str(answer.choices[0].message.content)

            return await asyncio.gather(*(ask(text) for text in questions))

    answers: dict[str, list[str]] = {}
    for question, answer in zip(questions, asyncio.run(ask_all()), strict=True):
        answers.setdefault(question, []).append(answer)
    assert all("Fitzgerald" not in answer for answer in answers[LISTED])
    assert all("Tokyo" in answer for answer in answers[INNOCENT])
    assert all("Moby" in answer for answer in answers["Who wrote Moby-Dick?"])


def test_one_request_does_not_wait_for_the_guards_work_on_another(guarded: Guarded) -> None:
    """While a prompt of many sentences is read, the event loop answers."""
    page = " ".join(f"Sentence {n} speaks of the sea, {n * 7} ships and a lighthouse." for n in range(150))

    async def run() -> tuple[float, float]:
        async with httpx.AsyncClient(base_url=guarded.server.url, timeout=120) as client:
            body = {"model": MODEL, "prompt": page, "max_tokens": 1}
            long = asyncio.create_task(client.post("/v1/completions", json=body))
            began, slowest = time.monotonic(), 0.0
            while not long.done():
                sent = time.monotonic()
                (await client.get("/version")).raise_for_status()
                slowest = max(slowest, time.monotonic() - sent)
            (await long).raise_for_status()
            return time.monotonic() - began, slowest

    whole, slowest = asyncio.run(run())
    assert slowest < whole / 2, f"a health check waited {slowest:.2f} s of {whole:.2f} s"


def test_admin_routes_over_http(guarded: Guarded) -> None:
    http = guarded.clients.http
    assert http.get(f"{PREFIX}/targets").status_code == 401
    assert http.get(f"{PREFIX}/targets", headers={KEY_HEADER: "wrong"}).status_code == 401
    admin = {KEY_HEADER: ADMIN_KEY}
    made = http.post(f"{PREFIX}/targets", headers=admin, json={"name": "plants", "kind": "topic"})
    assert made.status_code == 201
    guarded.serve(made.json()["generation"])
    check = http.post(f"{PREFIX}/check", headers=admin, json={"text": PLANTS}).json()
    assert [match["target_id"] for match in check["matches"]] == ["plants"]
    assert [t["id"] for t in http.get(f"{PREFIX}/targets", headers=admin).json()] == ["gatsby", "plants"]
    gone = http.delete(f"{PREFIX}/targets/plants", headers=admin).json()
    guarded.serve(gone["generation"])
    status = http.get(f"{PREFIX}/status", headers=admin).json()
    assert status["stored"] == status["served"] == gone["generation"]
    assert http.delete(f"{PREFIX}/targets/plants", headers=admin).status_code == 404


def test_metrics_count_and_name_no_target(guarded: Guarded) -> None:
    def counted(verdict: str) -> float:
        lines = guarded.clients.http.get("/metrics").text.splitlines()
        prefix = f'vllm_unlearn_requests_total{{verdict="{verdict}"}} '
        return sum(float(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))

    passed, corrupted = counted("pass"), counted("corrupt")
    _ask(guarded, INNOCENT)
    _ask(guarded, LISTED)
    assert (counted("pass"), counted("corrupt")) == (passed + 1, corrupted + 1)
    ours = [line for line in guarded.clients.http.get("/metrics").text.splitlines() if "unlearn" in line]
    assert any(line.startswith("vllm_unlearn_generation ") for line in ours)
    assert any('vllm_unlearn_guard_seconds_count{stage="detect"}' in line for line in ours)
    assert not any(word in line.lower() for line in ours for word in ("gatsby", TARGET.id))


def test_clients_embeddings_are_refused(guarded: Guarded) -> None:
    body = {"model": MODEL, "prompt_embeds": "AAAA", "max_tokens": 4}
    refused = guarded.clients.http.post("/v1/completions", json=body)
    assert refused.status_code == 400
    assert "prompt_embeds" in refused.text


def test_prompts_and_targets_are_not_logged(guarded: Guarded) -> None:
    _ask(guarded, LISTED)
    log = guarded.server.tail(10_000_000)
    assert "serving generation" in log
    assert "Gatsby" not in log


def test_fails_closed_without_its_store_and_recovers(guarded: Guarded) -> None:
    """Last in the file: for a while nothing is served."""
    surfaces = ("chat", "chat, streamed", "completions", "responses", "messages", "generate, token ids")
    database, aside = guarded.folder / "forget.db", guarded.folder / "aside.db"
    database.rename(aside)
    try:
        _wait_for_status(guarded, 503)
        for surface in surfaces:
            with pytest.raises((openai.APIError, anthropic.APIError, httpx.HTTPStatusError)) as refused:
                SURFACES[surface](guarded.clients, INNOCENT)
            assert "store" not in str(refused.value), "the client is told why"
    finally:
        aside.rename(database)
    _wait_for_status(guarded, 200)
    for surface in surfaces:
        SURFACES[surface](guarded.clients, INNOCENT)


def _wait_for_status(guarded: Guarded, expected: int) -> None:
    deadline = time.monotonic() + 30
    body = {"model": MODEL, "prompt": "Hello", "max_tokens": 1}
    while (status := guarded.clients.http.post("/v1/completions", json=body).status_code) != expected:
        assert time.monotonic() < deadline, f"status {status}, not {expected}"
        time.sleep(0.2)
