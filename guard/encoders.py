"""The configured encoder, its first pass, and where vectors are kept: for the guard and for commands.

Apart from the guard, so that a command that encodes need not import PyTorch, which takes a second.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from ..classifiers.encoders.encoder import Encoder, OnnxEncoder
from ..classifiers.encoders.encoder_export import export_once
from ..classifiers.encoders.static_encoder import StaticEncoder, distil_once
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.forget_index import ForgetIndex
from .configuration import EncoderSettings, Settings
from .store.store import Store


class Encoders:
    """An encoder, exported on first use, and its first pass, distilled when it is first asked for."""

    def __init__(self, settings: EncoderSettings, *, cascade: bool = True) -> None:
        """Without ``cascade`` there is no first pass. Raises ``EncoderError`` if there is no such model."""
        self.folder = export_once(settings.model, settings.cache_dir)
        self.full = OnnxEncoder(self.folder, settings.threads)
        self._cascade = cascade

    @classmethod
    def from_settings(cls, settings: Settings) -> Encoders:
        """Those that the settings name."""
        return cls(settings.encoder, cascade=settings.detection.cascade)

    @cached_property
    def sieve(self) -> StaticEncoder | None:
        """The first pass; None where it is switched off."""
        return distil_once(self.folder) if self._cascade else None

    def newest_index(self, store: Store, settings: Settings) -> tuple[ForgetIndex, VectorCache]:
        """The index of a store's newest generation, built for a command, and the vectors in it.

        They are kept for the next command, unless the store is another user's: its server could not read a
        file of ours in place of its own. Raises ``StoreError``.
        """
        head, targets = store.snapshot()
        vectors = VectorCache(self.full, vector_file(store, head.store_id, settings, self.full))
        index = ForgetIndex(head.generation, targets, vectors, self.sieve)
        if store.path is None or store.path.stat().st_uid == os.geteuid():
            vectors.settle()
        return index, vectors


def vector_file(store: Store, name: str, settings: Settings, encoder: Encoder) -> Path:
    """Where the vectors of a store's texts (``name`` is its id), or of a sample, are kept: beside the store
    where that is a file, since what is derived from the list is as private as the list."""
    folder = store.path.parent if store.path else settings.encoder.cache_dir
    return folder / f"{name[:8]}-{encoder.fingerprint[:8]}.vectors"
