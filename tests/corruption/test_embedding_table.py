from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from vllm_unlearn.corruption.embedding_table import EmbeddingTable

NAME = "model.embed_tokens.weight"


def checkpoint(folder: Path, weights: dict[str, torch.Tensor], **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | config))
    save_file({name: tensor.clone() for name, tensor in weights.items()}, folder / "model.safetensors")
    return folder


@pytest.fixture
def weights() -> torch.Tensor:
    return torch.randn((100, 16), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_rows_are_those_of_the_real_model(model_folder: Path, dtype: torch.dtype) -> None:
    table = EmbeddingTable(model_folder)
    whole = load_file(model_folder / "model.safetensors")[NAME]
    assert (table.vocabulary, table.hidden) == tuple(whole.shape) == (len(whole), 576)
    ids = [0, 17, len(whole) - 1, 17, 40_000]
    rows = table.rows(ids, dtype)
    assert rows.dtype == dtype
    assert torch.equal(rows, whole[ids].to(dtype))
    assert table.scale == 1.0


def test_a_row_outside_of_the_vocabulary_is_an_error(tmp_path: Path, weights: torch.Tensor) -> None:
    table = EmbeddingTable(checkpoint(tmp_path, {NAME: weights}))
    assert table.rows([], torch.float16).shape == (0, 16)
    for token in (-1, 100, 2**40):
        with pytest.raises(IndexError, match=f"token id {token} is outside of the vocabulary of 100"):
            table.rows([0, token], torch.float32)


def test_a_sharded_checkpoint_has_the_same_rows_and_fingerprint(
    tmp_path: Path, weights: torch.Tensor
) -> None:
    whole = EmbeddingTable(checkpoint(tmp_path / "whole", {NAME: weights}))
    folder = tmp_path / "shards"
    checkpoint(folder, {"lm_head.weight": weights * 2})
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    save_file({NAME: weights}, folder / "model-00002-of-00002.safetensors")
    files = {"lm_head.weight": "model-00001-of-00002.safetensors", NAME: "model-00002-of-00002.safetensors"}
    for name in ("with an index", "without an index"):
        if name == "with an index":
            (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
        else:
            (folder / "model.safetensors.index.json").unlink()
        table = EmbeddingTable(folder)
        assert torch.equal(table.rows(range(100), torch.float32), weights)
        assert table.fingerprint == whole.fingerprint


def test_the_fingerprint_follows_the_weights(tmp_path: Path, weights: torch.Tensor) -> None:
    prints = {
        EmbeddingTable(checkpoint(tmp_path / str(i), {NAME: changed})).fingerprint
        for i, changed in enumerate([weights, weights * 1.01, weights[:, :8].contiguous(), weights[:99]])
    }
    assert len(prints) == 4


def test_the_fingerprint_does_not_follow_the_dtype_or_other_layers(
    tmp_path: Path, weights: torch.Tensor
) -> None:
    released = weights.bfloat16()
    prints = {
        EmbeddingTable(checkpoint(tmp_path / str(i), {NAME: released.to(dtype), **others})).fingerprint
        for i, (dtype, others) in enumerate(
            [
                (torch.bfloat16, {}),
                (torch.float32, {}),
                (torch.bfloat16, {"layers.0.mlp.weight": torch.ones(4, 4, dtype=torch.int8)}),
            ]
        )
    }
    assert len(prints) == 1


def test_the_real_fingerprint_survives_a_copy(model_folder: Path, tmp_path: Path) -> None:
    with safe_open(model_folder / "model.safetensors", framework="pt") as tensors:
        checkpoint(tmp_path / "copy", {NAME: tensors.get_tensor(NAME)})
    assert EmbeddingTable(tmp_path / "copy").fingerprint == EmbeddingTable(model_folder).fingerprint


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"model_type": "gemma2"}, 4.0),
        ({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}}, 4.0),
        ({"model_type": "granite", "embedding_multiplier": 12.0}, 12.0),
        ({"model_type": "minicpm", "scale_emb": 3}, 3.0),
        ({"model_type": "llama", "embedding_multiplier": None}, 1.0),
    ],
)
def test_scaled_embeddings_are_scaled_as_the_model_does(
    tmp_path: Path, weights: torch.Tensor, config: dict[str, Any], scale: float
) -> None:
    table = EmbeddingTable(checkpoint(tmp_path, {NAME: weights.bfloat16()}, **config))
    assert table.scale == scale
    expected = weights.bfloat16() * torch.tensor(scale, dtype=torch.bfloat16)
    assert torch.equal(table.rows(range(100), torch.bfloat16), expected)


def test_gemma_rows_are_those_that_transformers_feeds_to_its_first_layer(tmp_path: Path) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=50,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=12,
    )
    model: Any = Gemma2ForCausalLM(config)  # type: ignore[no-untyped-call]
    model.to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    hidden = model(torch.arange(50)[None], output_hidden_states=True).hidden_states[0][0]
    table = EmbeddingTable(tmp_path)
    assert table.scale == math.sqrt(24)
    assert torch.equal(table.rows(range(50), torch.bfloat16), hidden)


def test_the_language_models_embeddings_are_taken(tmp_path: Path, weights: torch.Tensor) -> None:
    parts = {"vision_tower.embed_tokens.weight": weights[:5], f"language_model.{NAME}": weights}
    assert EmbeddingTable(checkpoint(tmp_path, parts)).vocabulary == 100


@pytest.mark.parametrize("left", ["config", "weights", "nothing"])
def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path, model_folder: Path, left: str) -> None:
    if left == "config":
        shutil.copy(model_folder / "config.json", tmp_path)
    elif left == "weights":
        checkpoint(tmp_path, {"lm_head.weight": torch.zeros((2, 2))})
    with pytest.raises(ValueError, match="no safetensors checkpoint") as caught:
        EmbeddingTable(tmp_path)
    assert str(tmp_path) in str(caught.value)
