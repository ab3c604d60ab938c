"""A tiny model of random weights that was taught a few answers by heart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from vllm_unlearn.corruption.learning.examples import CLEAN, Example, Examples, Pair
from vllm_unlearn.corruption.operators.learned import Learned
from vllm_unlearn.vocabulary import GIVEN

VOCABULARY, HIDDEN, PREFIX = 40, 16, (1, 2)
OPERATOR = Learned(rank=2, places=2)


def example(name: int, answer: Sequence[int]) -> Example:
    tokens = (*PREFIX, 3, name, 4, *answer)
    return Example(tokens, 5, (CLEAN, CLEAN, 1, 0, 1, *(CLEAN for _ in answer)))


def given(one: Example) -> Example:
    """The same with its answer flagged."""
    name, text, reply = GIVEN
    roles = (CLEAN, CLEAN, text, name, text, *(reply for _ in one.token_ids[5:]))
    return Example(one.token_ids, one.start, roles)


def answers(seed: int) -> list[int]:
    return random.Random(seed).choices(range(30, 40), k=3)


KNOWN = [example(10 + i, answers(i)) for i in range(6)]
STRANGERS = [example(20 + i, answers(100 + i)) for i in range(6)]
PAIRS = [Pair(known, (example(10 + i, answers(200 + i)),)) for i, known in enumerate(KNOWN)]
EXAMPLES = Examples(KNOWN, STRANGERS, PAIRS)


def teach() -> Any:
    """Knows ``KNOWN`` by heart, and nothing of ``STRANGERS``."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        ids = torch.tensor([known.token_ids for known in KNOWN])
        labels = torch.where(torch.arange(ids.shape[1]) >= 5, ids, -100)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(150):
            optimizer.zero_grad()
            model(ids, labels=labels).loss.backward()
            optimizer.step()
    return model
