"""The model's token embeddings, row by row from its checkpoint."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ..vocabulary import UserError

# The input embeddings' names across architectures: Llama and most others, GPT-2, GPT-NeoX, BLOOM,
# Falcon and MPT, and the text part of multimodal checkpoints.
_NAME_ENDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "embed_in.weight",
    "word_embeddings.weight",
    "tok_embeddings.weight",
)
_INDEX = "model.safetensors.index.json"
_FINGERPRINT_ROWS = 64


class ModelError(UserError, ValueError):
    """A model cannot be used with the guard; the message names what it lacks, and the remedy."""


class EmbeddingTable:
    """Rows of the input embeddings as the model's first layer sees them, read on demand.

    The checkpoint is never loaded whole: each look-up reads just its rows. Raises ``ModelError``
    naming the folder where it holds no safetensors checkpoint with input embeddings.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._config = _text_config(json.loads((folder / "config.json").read_text()))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{folder} holds no safetensors checkpoint: its config.json cannot be read"
            ) from error
        file, name = _locate(folder)
        with safe_open(file, framework="pt") as tensors:
            # A view of the mapped file: a row costs the pages that it lies on.
            self._every: torch.Tensor = tensors.get_tensor(name)
        self.vocabulary, self.hidden = self._every.shape

    def rows(self, token_ids: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """Return the embeddings of ``token_ids``, shape (tokens, hidden), as ``dtype``.

        Raises ``IndexError`` for an id outside of the vocabulary.
        """
        if not token_ids:
            return torch.empty((0, self.hidden), dtype=dtype)
        for token in token_ids:
            if not 0 <= token < self.vocabulary:
                raise IndexError(f"token id {token} is outside of the vocabulary of {self.vocabulary}")
        stored = self._every[list(token_ids)].to(dtype)
        return stored if self.scale == 1.0 else stored * torch.tensor(self.scale, dtype=dtype)

    @cached_property
    def scale(self) -> float:
        """What the model multiplies its embeddings by before the first layer (Gemma, Granite, MiniCPM)."""
        if str(self._config.get("model_type", "")).startswith("gemma"):
            return math.sqrt(self.hidden)
        for key in ("embedding_multiplier", "scale_emb"):
            if value := self._config.get(key):
                return float(value)
        return 1.0

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the embeddings: their shape and 64 rows spread over the vocabulary, as sha256.

        The same weights in other shards, another folder or another dtype have the same fingerprint, and so
        have checkpoints whose other layers are quantised or fine-tuned.
        """
        digest = hashlib.sha256(f"{self.vocabulary} {self.hidden}".encode())
        step = max(1, self.vocabulary // _FINGERPRINT_ROWS)
        for token in range(0, self.vocabulary, step):
            row = self._every[token : token + 1].to(torch.bfloat16).contiguous()
            digest.update(row.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    text = config.get("text_config")
    return text if isinstance(text, dict) else config


def _locate(folder: Path) -> tuple[Path, str]:
    """The file and name of the input embeddings; of several, the one of the language model."""
    index = folder / _INDEX
    if index.is_file():
        files = json.loads(index.read_text())["weight_map"]
    else:
        files = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as tensors:
                files |= dict.fromkeys(tensors.keys(), path.name)
    for ending in _NAME_ENDINGS:
        names = sorted((name for name in files if name.endswith(ending) and "vision" not in name), key=len)
        if names:
            return folder / files[names[0]], names[0]
    raise ModelError(
        f"{folder} holds no safetensors checkpoint with input embeddings (tensors ending in "
        f"{', '.join(_NAME_ENDINGS)}); convert it to safetensors, or set `corruption.apply: tokens`"
    )
