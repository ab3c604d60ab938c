"""The models of a benchmark run: where their weights lie, and what they have said before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers

from . import causal_model, chat, likelihoods
from .causal_model import CausalModel
from .results_cache import Memo


def checkpoint(model: str, adapter: Path | None, cache: Path) -> Path:
    """The folder of a model: itself, its files from the hub, or under ``cache`` with a LoRA merged in
    (the guard reads embeddings from a checkpoint, which an adapter is not).

    Raises ``ValueError`` where PEFT is missing, or the adapter.
    """
    folder = Path(model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(model))
    return _merge(folder, adapter, cache) if adapter else folder


def _merge(folder: Path, adapter: Path, cache: Path) -> Path:
    if not (adapter / "adapter_config.json").is_file():
        raise ValueError(f"no PEFT adapter in {adapter}: it has no adapter_config.json")
    merged = cache / f"merged-{_digest([*_weights(folder), *_weights(adapter)])}"
    if (merged / "complete").is_file():
        return merged
    try:
        from peft import PeftModel
    except ImportError as error:
        raise ValueError("merging an adapter needs PEFT: pip install peft, or merge it yourself") from error
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(merged)
    AutoTokenizer.from_pretrained(folder).save_pretrained(merged)
    (merged / "complete").touch()
    return merged


def weights_digest(folder: Path) -> str:
    """Tells apart checkpoints that answer otherwise, fine-tunes of the same embeddings too."""
    return _digest(_weights(folder))


def _weights(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.safetensors"), *folder.glob("*config.json")])


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def open_model(folder: Path, cache: Path) -> CausalModel:
    """A model that remembers under ``cache`` what it says without a guard, for these weights and code."""
    code = [Path(str(module.__file__)) for module in (causal_model, chat, likelihoods)]
    name = f"answers-{_digest([*_weights(folder), *code])}-{transformers.__version__}.jsonl"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return CausalModel(folder, device=device, memo=Memo(cache / name))
