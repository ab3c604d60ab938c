"""Inputs that no client of the HTTP surfaces sends, and other modes, on a hook without an engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import vllm
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import StructuredOutputsParams
from vllm_unlearn.classifiers.work import Work
from vllm_unlearn.guard import metrics
from vllm_unlearn.guard.configuration import load
from vllm_unlearn.guard.constraints.constraints import Constraints
from vllm_unlearn.guard.engine.hook import Hook, UnavailableError
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget, Verdict

Configure = Callable[..., Path]

NOVEL = StructuredOutputsParams(choice=["The Great Gatsby", "Moby-Dick"])


class BrokenEncoder:
    fingerprint, dimension = "broken", 384

    def encode(self, texts: Any) -> Any:
        raise RuntimeError("the encoder is broken")


def _counted(verdict: str) -> float:
    return metrics.OURS.get_sample_value("vllm_unlearn_requests_total", {"verdict": verdict}) or 0.0


@pytest.fixture
def make_hook(
    configure: Configure, engine_config: Callable[..., Any], tokenizer: Any
) -> Iterator[Callable[..., Any]]:
    made: list[Hook] = []

    def make(*lines: str) -> Hook:
        store = Store.create(f"sqlite:///{configure(*lines).parent}/forget.db")
        store.forget([ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")], replace=True)
        hook = Hook(load(), engine_config(enable_prompt_embeds=True))
        hook._rewriter.attach(tokenizer)
        hook._engine = SimpleNamespace(get_tokenizer=lambda: tokenizer)
        made.append(hook)
        return hook

    yield make
    for hook in made:
        hook.guard.close()


@pytest.fixture
def listed(tokenizer: Any) -> dict[str, Any]:
    return {"type": "token", "prompt_token_ids": tokenizer.encode("Who wrote The Great Gatsby?")}


def test_a_streaming_input_is_refused(make_hook: Callable[..., Any]) -> None:
    async def stream() -> AsyncIterator[str]:
        yield "Hello"

    with pytest.raises(VLLMValidationError, match="not served"):
        make_hook().screen(stream(), None)


def test_an_engine_request_is_refused(make_hook: Callable[..., Any]) -> None:
    with pytest.raises(VLLMValidationError, match="not served"):
        make_hook().screen(object(), None)


def test_embeddings_are_refused(make_hook: Callable[..., Any]) -> None:
    embeds = {"type": "embeds", "prompt_embeds": torch.zeros((3, 576))}
    with pytest.raises(VLLMValidationError, match="prompt_embeds"):
        make_hook().screen(embeds, None)
    assert make_hook("allow_client_embeds: true").screen(embeds, None) is embeds


def test_enforce_replaces_what_is_listed_alone(
    make_hook: Callable[..., Any], listed: dict[str, Any], tokenizer: Any
) -> None:
    hook = make_hook()
    other = {"type": "token", "prompt_token_ids": tokenizer.encode("What is the capital of Japan?")}
    assert hook.screen(other, None) is other
    replaced = hook.screen(listed, None)
    assert replaced["type"] == "token"
    assert not replaced["corrupted"].is_token.all()


def test_parameters_are_read_with_the_prompt(make_hook: Callable[..., Any], tokenizer: Any) -> None:
    innocent = {"type": "token", "prompt_token_ids": tokenizer.encode("Tell me about a novel.")}
    for lines, counted in ([], "corrupt"), (["mode: shadow"], "would_corrupt"):
        hook, before = make_hook(*lines), _counted(counted)
        constraints = Constraints(vllm.SamplingParams(structured_outputs=NOVEL))
        assert hook.screen(innocent, None, constraints) is innocent
        assert _counted(counted) == before + 1
        assert (constraints.params is constraints.given) is bool(lines)


def test_parameters_that_cannot_be_decided_on_are_refused(
    make_hook: Callable[..., Any], tokenizer: Any
) -> None:
    innocent = {"type": "token", "prompt_token_ids": tokenizer.encode(" ")}
    hook = make_hook()
    hook.guard._detector._encoder = BrokenEncoder()
    constraints = Constraints(vllm.SamplingParams(structured_outputs=NOVEL))
    with pytest.raises(UnavailableError):
        hook.screen(innocent, None, constraints)


def test_what_vllm_refuses_it_refuses_in_the_clients_words(make_hook: Callable[..., Any]) -> None:
    hook = make_hook()
    broken = StructuredOutputsParams(grammar='root ::= "The Great Gatsby" |||| (')
    constraints = Constraints(vllm.SamplingParams(structured_outputs=broken))
    with pytest.raises(VLLMValidationError) as plain:
        hook._verify(constraints.given)
    with pytest.raises(VLLMValidationError) as guarded:
        hook.screen({"type": "token", "prompt_token_ids": [1]}, None, constraints)
    assert str(guarded.value) == str(plain.value)


def test_shadow_counts_and_changes_nothing(make_hook: Callable[..., Any], listed: dict[str, Any]) -> None:
    hook, before = make_hook("mode: shadow"), _counted("would_corrupt")
    assert hook.screen(listed, None) is listed
    assert _counted("would_corrupt") == before + 1


@pytest.mark.parametrize("lines", [["on_error: open"], ["mode: shadow"]])
def test_open_lets_pass_what_cannot_be_decided_on(
    lines: list[str], make_hook: Callable[..., Any], listed: dict[str, Any]
) -> None:
    hook, before = make_hook(*lines), _counted("undecided")
    hook.guard._detector._encoder = BrokenEncoder()
    assert hook.screen(listed, None) is listed
    assert _counted("undecided") == before + 1


@pytest.mark.parametrize("lines", [[], ["on_error: open"], ["mode: shadow"]])
def test_what_is_longer_than_the_budget_is_too_long_for_the_model(
    lines: list[str], make_hook: Callable[..., Any], listed: dict[str, Any]
) -> None:
    hook = make_hook("detection: {max_chars: 5}", *lines)
    if lines == ["mode: shadow"]:
        assert hook.screen(listed, None) is listed
        return
    with pytest.raises(VLLMValidationError, match=r"27 characters .more than 5 .* the input prompt"):
        hook.screen(listed, None)


@pytest.mark.parametrize("opens", [False, True])
def test_what_finds_no_room_in_the_queue_is_told_that_the_engine_is_busy(
    opens: bool, make_hook: Callable[..., Any], listed: dict[str, Any]
) -> None:
    """Two at once, where there is room for one."""
    hook = make_hook("detection: {max_queued_tokens: 1}", *["on_error: open"] * opens)
    hook._shaken = True
    held = threading.Event()

    async def ask() -> list[Any]:
        first = asyncio.create_task(hook._lanes.run(1, Work(10), held.wait))
        await asyncio.sleep(0)
        answers = list(await asyncio.gather(hook.screen_async(listed, None), return_exceptions=True))
        held.set()
        await first
        return answers

    (answer,) = asyncio.run(ask())
    assert answer is listed if opens else "currently busy" in str(answer)


def test_the_event_loop_runs_while_a_prompt_is_read(
    make_hook: Callable[..., Any], listed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's work waits here for the loop, which could not run if that work held it."""
    hook = make_hook()
    hook._shaken = True
    ran = threading.Event()

    def screen(*_: Any) -> Verdict:
        assert ran.wait(20), "the loop stood still"
        return Verdict("pass", 1)

    monkeypatch.setattr(hook.guard, "screen", screen)

    async def ask() -> Any:
        asked = asyncio.create_task(hook.screen_async(listed, None))
        while not asked.done():
            await asyncio.sleep(0.01)
            ran.set()
        return asked.result()

    assert asyncio.run(ask()) is listed


def test_neutral_tokens_where_they_are_configured(
    make_hook: Callable[..., Any], listed: dict[str, Any], tokenizer: Any
) -> None:
    replaced = make_hook("corruption: {apply: tokens}").screen(listed, None)
    assert "Gatsby" not in tokenizer.decode(replaced["prompt_token_ids"])
    assert len(replaced["prompt_token_ids"]) == len(listed["prompt_token_ids"])


@pytest.mark.parametrize(
    "lines, recipe",
    [((), None), (("corruption: {apply: tokens}",), "neutral tokens"), (("mode: shadow",), "none")],
)
def test_a_replica_says_with_what_it_serves(
    make_hook: Callable[..., Hook], lines: tuple[str, ...], recipe: str | None
) -> None:
    hook = make_hook(*lines)
    (replica,) = hook.guard.store.fleet.replicas()
    corruptor = hook._rewriter.corruptor
    assert replica.recipe == (recipe or (corruptor and corruptor.recipe.digest))
    assert replica.model == hook._config.model_config.served_model_name
    assert (replica.vllm, replica.encoder) == (vllm.__version__, hook.guard.encoder.fingerprint)
