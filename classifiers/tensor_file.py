"""Tensors that are derived from what is listed, kept for the next start."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..files import WriteError, replace_file

logger = logging.getLogger(__name__)

Tensors: TypeAlias = Mapping[str, npt.NDArray[Any]]


class TensorFile:
    """Readable by its owner alone. A missing or broken file costs time, nothing else."""

    def __init__(self, file: Path, fingerprint: str) -> None:
        """``fingerprint`` is of what the tensors were made with: others are made anew."""
        self._file, self._fingerprint = file, fingerprint

    def read(self) -> Tensors:
        """The tensors by their names; none where there is no such file, or it cannot be used."""
        if not self._file.is_file():
            return {}
        try:
            with safe_open(self._file, framework="np") as kept:
                metadata = kept.metadata() or {}
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            logger.warning("unlearn: %s is broken (%s) and is made anew", self._file, error)
            return {}
        if metadata.get("fingerprint") == self._fingerprint and metadata.get("sha256") == _checksum(tensors):
            return tensors
        logger.warning("unlearn: %s is altered, or of another encoder, and is made anew", self._file)
        return {}

    def write(self, tensors: Tensors) -> None:
        """Take the place of what was kept; where that cannot be written, it is logged."""
        metadata = {"fingerprint": self._fingerprint, "sha256": _checksum(tensors)}
        try:
            with replace_file(self._file, private=True) as draft:
                save_file(dict(tensors), draft, metadata=metadata)
        except WriteError as error:
            logger.warning(
                "unlearn: %s cannot be written (%s); the next start makes it anew", self._file, error.reason
            )


def _checksum(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for _, tensor in sorted(tensors.items()):
        digest.update(tensor.tobytes())
    return digest.hexdigest()
