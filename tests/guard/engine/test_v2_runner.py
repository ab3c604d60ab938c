"""The V2 runner's steps on their own: chunks of several requests in one batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from vllm.v1.core.sched.output import NewRequestData
from vllm.v1.worker.gpu.model_states.default import DefaultModelState
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.engine import v2_runner

HIDDEN, TOKEN = 4, 7.0
ROWS = torch.arange(100.0, 100.0 + 12 * HIDDEN).view(12, HIDDEN)
PROMPTS = {"a": CorruptedPrompt.of({p: ROWS[p] for p in (0, 5, 6, 11)}, 12), "b": None}


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model's state whose embedding layer reads ``TOKEN`` at each position."""
    for name in ("add_request", "remove_request", "prepare_inputs_embeds"):
        monkeypatch.setattr(DefaultModelState, name, getattr(DefaultModelState, name))
    v2_runner.install()
    state: Any = DefaultModelState.__new__(DefaultModelState)
    state.device, state.supports_mm_inputs, state.rope_state = torch.device("cpu"), False, None
    state.inputs_embeds = torch.zeros((32, HIDDEN))
    state.model = SimpleNamespace(embed_input_ids=lambda ids: torch.full((len(ids), HIDDEN), TOKEN))
    state.prompt_embeds_state = SimpleNamespace(
        add_request=lambda index, data: seen.append(data.prompt_embeds),
        remove_request=lambda request: None,
        apply=lambda batch, computed, embeds: None,
    )
    seen: list[Any] = []
    state.seen = seen
    for number, (name, prompt) in enumerate(PROMPTS.items()):
        state.add_request(number, new(name, prompt))
    return state


def new(name: str, prompt: Any) -> NewRequestData:
    return NewRequestData(name, list(range(12)), [], None, None, ((),), 0, None, prompt)  # type: ignore[arg-type]


def step(state: Any, **chunks: tuple[int, int]) -> tuple[dict[str, torch.Tensor], list[int]]:
    """What the model reads of each request's chunk, ``(first, past the last)``, and the ids beside it."""
    lengths = np.array([stop - start for start, stop in chunks.values()])
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    total = int(bounds[-1])
    batch = SimpleNamespace(
        req_ids=list(chunks),
        input_ids=torch.arange(1, total + 1),
        num_tokens=total,
        num_tokens_after_padding=total,
        num_computed_prefill_tokens_np=np.array([start for start, _ in chunks.values()]),
        num_scheduled_tokens=lengths,
        query_start_loc_np=bounds,
    )
    states = SimpleNamespace(num_computed_tokens=SimpleNamespace(gpu=None))
    embeds = state.prepare_inputs_embeds({}, batch, states).clone()
    read = {name: embeds[bounds[n] : bounds[n + 1]] for n, name in enumerate(chunks)}
    return read, batch.input_ids.tolist()


@pytest.mark.parametrize("size", [1, 3, 5, 12])
def test_chunks_together_are_the_prompt(state: Any, size: int) -> None:
    read = []
    for start in range(0, 12, size):
        chunk = (start, min(start + size, 12))
        one, _ = step(state, b=chunk, a=chunk)
        assert (one["b"] == TOKEN).all()
        read.append(one["a"])
    prompt = PROMPTS["a"]
    assert prompt
    expected = torch.where(torch.from_numpy(prompt.is_token)[:, None], TOKEN, prompt.embeddings)
    assert torch.equal(torch.cat(read), expected)


def test_the_model_is_not_told_the_ids_of_what_is_corrupted(state: Any) -> None:
    _, ids = step(state, a=(4, 8), b=(4, 6))
    assert ids == [1, 0, 0, 4, 5, 6]


def test_answers_and_what_is_gone_are_left_alone(state: Any) -> None:
    assert (step(state, a=(12, 13))[0]["a"] == TOKEN).all()
    state.remove_request("a")
    assert (step(state, a=(0, 12))[0]["a"] == TOKEN).all()


def test_vllms_own_state_is_not_given_what_it_would_make_dense(state: Any) -> None:
    assert state.seen == [None, None]


def test_a_worker_that_takes_no_embeddings_takes_no_corrupted_prompt(state: Any) -> None:
    state.prompt_embeds_state = None
    with pytest.raises(RuntimeError, match="takes no embeddings"):
        state.add_request(0, new("c", PROMPTS["a"]))
