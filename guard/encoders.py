"""The configured encoder, its first pass, and where vectors are kept: for the guard and for commands.

Apart from the guard, so that a command that encodes need not import PyTorch, which takes a second.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..classifiers.encoders.encoder import Encoder, OnnxEncoder
from ..classifiers.encoders.encoder_export import exported
from ..classifiers.encoders.static_encoder import StaticEncoder, distilled
from ..classifiers.encoders.vector_cache import VectorCache
from .configuration import Settings
from .store.store import Store


def load_encoder(settings: Settings) -> Encoder:
    """The configured encoder, exported on first use. Raises ``EncoderError`` if there is no such model."""
    folder = exported(settings.encoder.model, settings.encoder.cache_dir)
    return OnnxEncoder(folder, settings.encoder.threads)


def load_sieve(settings: Settings) -> StaticEncoder | None:
    """The first pass of the configured encoder, distilled on first use; None where it is switched off."""
    if not settings.detection.cascade:
        return None
    return distilled(exported(settings.encoder.model, settings.encoder.cache_dir))


def vector_file(store: Store, name: str, settings: Settings, encoder: Encoder) -> Path:
    """Where the vectors of a store's texts (``name`` is its id), or of a sample, are kept: beside the store
    where that is a file, since what is derived from the list is as private as the list."""
    folder = store.path.parent if store.path else settings.encoder.cache_dir
    return folder / f"{name[:8]}-{encoder.fingerprint[:8]}.vectors"


def keep_vectors(vectors: VectorCache, store: Store) -> None:
    """Save what a command encoded for the next one, unless the store is another user's: its server could not
    read a file of ours in place of its own."""
    if store.path is None or store.path.stat().st_uid == os.geteuid():
        vectors.settle()
