"""A tiny embedding table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from vllm_unlearn.corruption.embedding_table import EmbeddingTable


@pytest.fixture
def table(tmp_path: Path) -> EmbeddingTable:
    weights = torch.randn((20, 8), generator=torch.Generator().manual_seed(0))
    save_file({"model.embed_tokens.weight": weights}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return EmbeddingTable(tmp_path)
