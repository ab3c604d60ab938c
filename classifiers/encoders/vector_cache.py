"""Vectors of indexed texts, kept between builds and between starts: a change encodes only what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..kept import Kept
from ..tensor_file import TensorFile
from .encoder import BATCH, Encoder, Vectors


class VectorCache(Kept[bytes, Vectors]):
    """An encoder that remembers. Derived data: a missing or broken file costs time, nothing else.

    The file holds vectors and digests of their texts, no text; it is readable by its owner alone.
    Safe to share by threads.
    """

    def __init__(self, encoder: Encoder, file: Path) -> None:
        self.fingerprint = encoder.fingerprint
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._file = TensorFile(file, self.fingerprint)
        super().__init__(self._load())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``, encoding each text that is not known yet, once."""
        with self._lock:
            return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        keys = list(map(_key, texts))
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        # A batch at a time, so that requests which share the encoder need not wait for a whole build.
        items = list(new.items())
        for first in range(0, len(items), BATCH):
            digests, batch = zip(*items[first : first + BATCH], strict=True)
            self._known |= zip(digests, self._encoder.encode(batch), strict=True)
            self._new += len(batch)
        self._used |= {key: self._known[key] for key in keys}
        if not keys:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([self._known[key] for key in keys])

    def knows(self, texts: Sequence[str]) -> bool:
        """Whether no text is left to encode."""
        return all(_key(text) in self._known for text in texts)

    def _save(self) -> None:
        keys = np.frombuffer(b"".join(self._known), dtype=np.uint8).reshape(-1, 32)
        vectors = (
            np.stack([*self._known.values()]) if self._known else np.empty((0, self.dimension), np.float32)
        )
        self._file.write({"keys": keys, "vectors": vectors})

    def _load(self) -> dict[bytes, Vectors]:
        if not (tensors := self._file.read()):
            return {}
        pairs = zip(tensors["keys"], tensors["vectors"], strict=True)
        return {key.tobytes(): vector for key, vector in pairs}


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
