"""An int8 copy of a checkpoint whose embeddings stay as they are, for vLLM (compressed-tensors, W8A8).

    vllm-unlearn eval quantised MODEL OUT

Weights are rounded a channel at a time, activations a token at a time when the model runs: the plainest
scheme, to see that a recipe of the original serves a quantised checkpoint too.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_CONFIG = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"},
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
        }
    },
}


def quantise(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors with the matrices of the layers as int8, each with its ``weight_scale`` (rows, 1)."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if ".layers." not in name or tensor.dim() != 2:
            tensors[name] = tensor
            continue
        scale = tensor.float().abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        tensors[name] = (tensor.float() / scale).round().to(torch.int8)
        tensors[f"{name}_scale"] = scale.to(tensor.dtype)
    return tensors


def main(model: Path, out: Path) -> None:
    """Write the int8 copy of ``model``, a folder with one safetensors file, to ``out``."""
    shutil.copytree(model, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    save_file(quantise(load_file(model / "model.safetensors")), out / "model.safetensors", {"format": "pt"})
    config = json.loads((model / "config.json").read_text()) | {"quantization_config": _CONFIG}
    (out / "config.json").write_text(json.dumps(config, indent=2))
