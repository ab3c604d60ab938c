from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.evaluation.models.quantised import main, quantise

EMBEDDINGS, LAYER, NORM = (
    "model.embed_tokens.weight",
    "model.layers.0.mlp.up_proj.weight",
    "model.layers.0.norm.weight",
)


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {EMBEDDINGS: (100, 16), LAYER: (24, 16), NORM: (16,)}
    return {name: torch.randn(shape, generator=generator).bfloat16() for name, shape in shapes.items()}


def test_only_the_matrices_of_layers_are_rounded() -> None:
    before = weights()
    after = quantise(before)
    assert {name for name in after if after[name].dtype == torch.int8} == {LAYER}
    restored = after[LAYER].float() * after[f"{LAYER}_scale"].float()
    rows = before[LAYER].float().abs().amax(1, keepdim=True)
    assert ((restored - before[LAYER].float()).abs() <= rows / 127).all()
    assert torch.equal(after[EMBEDDINGS], before[EMBEDDINGS]) and torch.equal(after[NORM], before[NORM])


def test_a_row_of_zeros_stays_one() -> None:
    zeros = torch.zeros(2, 4)
    assert torch.equal(quantise({LAYER: zeros})[LAYER], zeros.to(torch.int8))


def test_a_recipe_of_the_original_fits_the_copy(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    save_file(weights(), original / "model.safetensors")
    (original / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (original / "tokenizer.json").write_text("{}")
    main(original, copy)
    assert EmbeddingTable(copy).fingerprint == EmbeddingTable(original).fingerprint
    assert (copy / "tokenizer.json").exists()
    config = json.loads((copy / "config.json").read_text())
    assert config["model_type"] == "llama"
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"
    assert f"{LAYER}_scale" in load_file(copy / "model.safetensors")
