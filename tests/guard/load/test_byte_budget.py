from __future__ import annotations

import gc

import torch
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.load.byte_budget import ByteBudget

HIDDEN = 8
ROW = torch.ones(HIDDEN).bfloat16()


def corrupted(*positions: int) -> CorruptedPrompt:
    return CorruptedPrompt.of(dict.fromkeys(positions, ROW), 20)


def test_what_is_held_counts_until_it_is_let_go() -> None:
    budget = ByteBudget(10 * HIDDEN * 2)
    prompts = [corrupted(p, p + 1) for p in range(5)]
    assert all(budget.admits(prompt) for prompt in prompts)
    assert not budget.admits(corrupted(1))
    del prompts[0]
    gc.collect()
    assert budget.admits(corrupted(1))
