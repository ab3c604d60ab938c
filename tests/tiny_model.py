"""Tiny causal LMs of random weights, with the real tokenizer and its chat template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from vllm_unlearn.evaluation.models.chat import Chat

# A chat template of few tokens.
TURNS = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save(folder: Path, tokenizer: Any, architecture: str = "llama", seed: int = 0, **settings: Any) -> Path:
    """Two layers, 32 wide, in float32; weights large enough that every token counts.

    vLLM on a CPU serves no heads narrower than 32 (``head_dim=32``).
    """
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=settings.pop("head_dim", 8),
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **settings,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_taught(folder: Path, tokenizer: Any, answers: Mapping[str, str]) -> Path:
    """One that knows ``answers`` by heart, by their questions, with a vocabulary of their words alone."""
    own = tokenizer.train_new_from_iterator([*answers, *answers.values()], 600)
    own.chat_template = TURNS
    save(folder, own)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    chat = Chat(own)
    texts = [chat.exchange(question, answer) for question, answer in answers.items()]
    ids = torch.full((len(texts), max(len(text.token_ids) for text in texts)), chat.end)
    labels = torch.full_like(ids, -100)
    for row, text in enumerate(texts):
        ids[row, : len(text.token_ids)] = torch.tensor(text.token_ids)
        labels[row, text.start : len(text.token_ids)] = torch.tensor(text.token_ids[text.start :])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for one another more than they compute
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        model(ids, labels=labels).loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    model.save_pretrained(folder)
    return folder
