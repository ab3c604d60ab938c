"""Corrupted prompts in the workers of vLLM's V2 model runner.

The V1 runner asks a request's embeddings for slices, which a ``CorruptedPrompt`` gives. V2 would copy the
dense tensor to the GPU and keep it there: here each step copies the rows of its own tokens alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from vllm.utils.torch_utils import async_tensor_h2d
from vllm.v1.core.sched.output import NewRequestData
from vllm.v1.worker.gpu.input_batch import InputBatch
from vllm.v1.worker.gpu.model_states.default import DefaultModelState

from ...corruption.corrupted_prompt import CorruptedPrompt
from .patching import patch


def install() -> None:
    """Patch this process. Raises ``HookError``."""
    patch(DefaultModelState, "add_request", ("self", "req_index", "new_req_data"), _keep)
    patch(DefaultModelState, "remove_request", ("self", "req_id"), _drop)
    patch(
        DefaultModelState,
        "prepare_inputs_embeds",
        ("self", "scheduled_encoder_inputs", "input_batch"),
        _overlay,
    )


def _prompts(state: DefaultModelState) -> dict[str, CorruptedPrompt]:
    """The corrupted prompts that a model state keeps, by request id."""
    prompts: dict[str, CorruptedPrompt] = vars(state).setdefault("_unlearn", {})
    return prompts


def _keep(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_request(self: DefaultModelState, req_index: int, new_req_data: NewRequestData) -> None:
        prompt = new_req_data.prompt_embeds
        if isinstance(prompt, CorruptedPrompt):
            if self.prompt_embeds_state is None:
                raise RuntimeError("a corrupted prompt reached a worker that takes no embeddings")
            _prompts(self)[new_req_data.req_id] = prompt
            new_req_data = dataclasses.replace(new_req_data, prompt_embeds=None, prompt_is_token_ids=None)
        original(self, req_index, new_req_data)

    return add_request


def _drop(original: Callable[..., Any]) -> Callable[..., Any]:
    def remove_request(self: DefaultModelState, req_id: str) -> None:
        _prompts(self).pop(req_id, None)
        original(self, req_id)

    return remove_request


def _overlay(original: Callable[..., Any]) -> Callable[..., Any]:
    def prepare_inputs_embeds(
        self: DefaultModelState,
        scheduled_encoder_inputs: Any,
        input_batch: InputBatch,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        places, rows = _find_rows(_prompts(self), input_batch)
        if not rows:
            return original(self, scheduled_encoder_inputs, input_batch, *args, **kwargs)
        where = async_tensor_h2d(np.concatenate(places), device=self.device)
        # The ids are real for log-probabilities and penalties; what the model reads beside embeddings
        # (per-layer embeddings, drafts) must not tell them.
        input_batch.input_ids[where] = 0
        embeds = original(self, scheduled_encoder_inputs, input_batch, *args, **kwargs)
        embeds[where] = async_tensor_h2d(torch.cat(rows), device=self.device, dtype=embeds.dtype)
        return embeds

    return prepare_inputs_embeds


def _find_rows(
    prompts: dict[str, CorruptedPrompt], batch: InputBatch
) -> tuple[list[NDArray[np.int64]], list[torch.Tensor]]:
    """Where in the batch's tokens embeddings stand, and which."""
    places: list[NDArray[np.int64]] = []
    rows: list[torch.Tensor] = []
    for number, req_id in enumerate(batch.req_ids if prompts else ()):
        if (prompt := prompts.get(req_id)) is None:
            continue
        start = int(batch.num_computed_prefill_tokens_np[number])
        offsets, embeddings = prompt.between(start, start + int(batch.num_scheduled_tokens[number]))
        if len(offsets):
            places.append(offsets + int(batch.query_start_loc_np[number]))
            rows.append(embeddings)
    return places, rows
