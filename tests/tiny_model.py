"""Tiny causal LMs of random weights, with the real tokenizer and its chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM


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
