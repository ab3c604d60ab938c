"""The running server: changes of the index, load, and what a client may not see."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import pytest
from engines import ADMIN_KEY, TARGET, Guarded, Said
from surfaces import INNOCENT, LISTED, MODEL, SURFACES
from vllm_unlearn.guard.canary import answer_control, canaries, canary_names
from vllm_unlearn.guard.store.watch import Watch
from vllm_unlearn.server.admin import KEY_HEADER, PREFIX
from vllm_unlearn.server.doctor import Doctor, NotServedError, are_answers_read, fetch_canaries
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
    assert are_answers_read(guarded.said.findings)
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


def test_admin_routes_over_http(guarded: Guarded) -> None:
    http = guarded.clients.http
    unknown = _told(http.get("/plugins/other/targets"))
    assert unknown[0] == 404
    for headers in ({}, {KEY_HEADER: "wrong"}):
        assert _told(http.get(f"{PREFIX}/targets", headers=headers)) == unknown
        assert _told(http.post(f"{PREFIX}/targets", headers=headers, content=b" " * 2**20)) == unknown
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


def _told(answer: httpx.Response) -> Any:
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, answer.content, headers


# What a machine's load and clock make of a request, how many tokens a step took, and the bytes of what was
# sent and answered, which differ with any other question; and in how many pieces an answer came, of which
# some wait (docs/answers.md).
NOT_COUNTED = (
    "_seconds_bucket",
    "_seconds_sum",
    "_created",
    "_size_bytes_sum",
    "process_",
    "python_",
    "iteration_tokens",
    "inter_token_latency",
    "throughput",
)


def _page(guarded: Guarded) -> tuple[set[str], dict[str, float]]:
    """The lines of the public metrics, and those that count, once the engine's last step is on the page."""
    counts, deadline = {"": -1.0}, time.monotonic() + 10
    while time.monotonic() < deadline:
        samples = guarded.clients.http.get("/metrics").text.splitlines()
        page = dict(line.rsplit(" ", 1) for line in samples if not line.startswith("#"))
        counted = [name for name in page if not any(word in name for word in NOT_COUNTED)]
        before, counts = counts, {name: float(page[name]) for name in counted}
        if counts == before:
            break
        time.sleep(0.3)
    return set(page), counts


def _moved(guarded: Guarded, text: str) -> tuple[set[str], dict[str, float]]:
    """The lines that a question adds to the public metrics, and what it adds to each count."""
    lines, counts = _page(guarded)
    _ask(guarded, text, extra_body={"ignore_eos": True, **_uncached()})
    new_lines, new_counts = _page(guarded)
    moved = {name: count - counts.get(name, 0.0) for name, count in new_counts.items()}
    return new_lines - lines, {name: by for name, by in moved.items() if by}


def test_the_public_metrics_do_not_tell_a_flagged_prompt(guarded: Guarded) -> None:
    """All of vLLM's and ours, for questions of as many tokens."""
    innocent = "Who wrote The Great Cook?"
    lengths = [len(guarded.clients.token_ids(text)) for text in (LISTED, innocent)]
    while lengths[1] < lengths[0]:
        innocent = innocent.replace(" Cook", " red Cook")
        lengths[1] = len(guarded.clients.token_ids(innocent))
    assert lengths[0] == lengths[1]
    _moved(guarded, innocent)
    plainly, flagged = _moved(guarded, innocent), _moved(guarded, LISTED)
    assert plainly == flagged
    assert plainly[0] == set() and not [sample for sample in plainly[1] if "guard_seconds" in sample]


def test_the_admin_page_counts_and_names_no_target(guarded: Guarded) -> None:
    def page() -> str:
        return guarded.clients.http.get(f"{PREFIX}/metrics", headers={KEY_HEADER: ADMIN_KEY}).text

    def counted(verdict: str) -> float:
        prefix = f'vllm_unlearn_requests_total{{verdict="{verdict}"}} '
        return sum(
            float(line.removeprefix(prefix)) for line in page().splitlines() if line.startswith(prefix)
        )

    passed, corrupted = counted("pass"), counted("corrupt")
    _ask(guarded, INNOCENT)
    _ask(guarded, LISTED)
    assert (counted("pass"), counted("corrupt")) == (passed + 1, corrupted + 1)
    assert "\nvllm_unlearn_generation " in page()
    assert 'vllm_unlearn_guard_seconds_count{stage="corrupt"}' in page()
    assert not any(word in page().lower() for word in ("gatsby", TARGET.id))
    public = guarded.clients.http.get("/metrics").text
    assert 'vllm_unlearn_mode{mode="enforce"} 1.0' in public
    samples = [line for line in public.splitlines() if not line.startswith("#")]
    for private in (
        "vllm_unlearn_requests",
        "vllm_unlearn_generation",
        "vllm_unlearn_index",
        "corrupt",
        PREFIX,
    ):
        assert not any(private in sample for sample in samples)


def test_doctor_sees_where_answers_say_what_they_should_not(guarded: Guarded) -> None:
    """A name that is not watched for, in the place of the canary of answers."""
    names = *canary_names(guarded.store.head().store_id), answer_control("another")
    findings = Doctor(guarded.server.url, names).examine()
    finding = next(finding for finding in findings if finding.surface == "completions")
    assert finding.state == "not guarded" and "said in an answer" in finding.detail


def test_doctor_asks_the_server_for_its_canaries(guarded: Guarded) -> None:
    names = canaries(guarded.store.head().store_id, answers=True)
    assert tuple(fetch_canaries(guarded.server.url, ADMIN_KEY)) == names
    with pytest.raises(NotServedError):
        fetch_canaries(guarded.server.url, "not the key of this server")


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


def test_a_suspended_server_goes_on_with_the_list_that_changed_meanwhile(guarded: Guarded) -> None:
    """Longer than its lease, so that `wait` gave it up. Some are asking when it goes on."""
    known = _ask(guarded, PLANTS)
    assert guarded.server.process
    group = guarded.server.process.pid
    with ThreadPoolExecutor(4) as pool:
        os.killpg(group, signal.SIGSTOP)
        try:
            waiting = [pool.submit(_said_or_refused, guarded, PLANTS) for _ in range(4)]
            generation = guarded.store.forget([ForgetTarget(id="plants", kind="topic", name="plants")])
            watch, deadline = Watch(guarded.store), time.monotonic() + 60
            while watch.behind(generation):
                assert time.monotonic() < deadline, "it was waited for in vain"
                time.sleep(0.1)
        finally:
            os.killpg(group, signal.SIGCONT)
        said = [asked.result() for asked in waiting]
    while said[-1] == "":
        assert time.monotonic() < deadline, "it does not come back"
        said.append(_said_or_refused(guarded, PLANTS))
    assert known not in said
    guarded.serve(guarded.store.remember(["plants"]))
    assert _ask(guarded, PLANTS) == known


def _said_or_refused(guarded: Guarded, text: str) -> str:
    """The answer; empty for a 503, and where a connection that had been idle for long was closed."""
    try:
        return _ask(guarded, text)
    except openai.APIConnectionError:
        return ""
    except openai.InternalServerError as refused:
        assert refused.status_code == 503
        return ""


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
