"""The configured encoder, its first pass, and where vectors are kept: for the guard and for commands.

Apart from the guard, so that a command that encodes need not import PyTorch, which takes a second.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path

from ..classifiers.background.background_texts import background_texts
from ..classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.calibration.prompt_file import read_prompts
from ..classifiers.encoders.encoder import BATCH, Encoder, OnnxEncoder
from ..classifiers.encoders.encoder_export import export_once
from ..classifiers.encoders.static_encoder import StaticEncoder, distil_once
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.forget_index import ForgetIndex
from ..classifiers.index.lines import Backgrounds
from .configuration import DetectionSettings, EncoderSettings, Settings
from .store.store import Store

# What an ordinary prompt of ours counts for: they are real, the rest of the background is made.
_WEIGHT = 8
# Of an operator's own traffic, and of its prompts' characters.
_MAX_PROMPTS = 16_000
_MAX_CHARS = 1_000


class Encoders:
    """An encoder, exported on first use; its first pass, distilled when it is first asked for; and what is
    known of ordinary texts by them."""

    def __init__(
        self,
        settings: EncoderSettings,
        detection: DetectionSettings | None = None,
        track: Track = pass_on,
    ) -> None:
        """``detection`` says whether there is a first pass, and of which traffic the texts are; ``track``
        may show the progress of their encoding. Raises ``EncoderError`` if there is no such model."""
        self.folder = export_once(settings.model, settings.cache_dir)
        self.full = OnnxEncoder(self.folder, settings.threads)
        self._detection = detection or DetectionSettings()
        self._track = track

    @classmethod
    def from_settings(cls, settings: Settings, track: Track = pass_on) -> Encoders:
        """Those that the settings name."""
        return cls(settings.encoder, settings.detection, track)

    @cached_property
    def sieve(self) -> StaticEncoder | None:
        """The first pass; None where it is switched off."""
        return distil_once(self.folder) if self._detection.cascade else None

    @cached_property
    def backgrounds(self) -> Backgrounds:
        """What lines are drawn against. The vectors are kept beside the encoder's export; to make them takes
        a minute, once.

        Raises ``PromptFileError`` where the operator's own traffic cannot be read.
        """
        texts = _ordinary_texts(self._detection.benign)
        digest = hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        vectors = VectorCache(self.full, self.folder / f"background-{digest[:8]}.vectors")
        for first in self._track("ordinary texts", range(0, len(texts), BATCH)):
            vectors.encode(texts[first : first + BATCH])
        encoded = vectors.encode(texts)
        vectors.settle()
        return Backgrounds.of(texts, encoded, self.sieve, self._detection.max_fpr)

    def newest_index(self, store: Store, settings: Settings) -> tuple[ForgetIndex, VectorCache]:
        """The index of a store's newest generation, built for a command, and the vectors in it.

        They are kept for the next command, unless the store is another user's: its server could not read a
        file of ours in place of its own. Raises ``StoreError``.
        """
        head, targets = store.snapshot()
        vectors = VectorCache(self.full, vector_file(store, head.store_id, settings, self.full))
        index = ForgetIndex(head.generation, targets, vectors, sieve=self.sieve, backgrounds=self.backgrounds)
        if store.path is None or store.path.stat().st_uid == os.geteuid():
            vectors.settle()
        return index, vectors


def vector_file(store: Store, name: str, settings: Settings, encoder: Encoder) -> Path:
    """Where the vectors of a store's texts (``name`` is its id), or of a sample, are kept: beside the store
    where that is a file, since what is derived from the list is as private as the list."""
    folder = store.path.parent if store.path else settings.encoder.cache_dir
    return folder / f"{name[:8]}-{encoder.fingerprint[:8]}.vectors"


def _ordinary_texts(benign: Path | None) -> list[str]:
    """The operator's own traffic, and ours as far as there is too little of it."""
    ours = [*ORDINARY_PROMPTS * _WEIGHT, *background_texts()]
    if not benign:
        return ours
    own = [prompt.text[:_MAX_CHARS] for prompt in read_prompts(benign, _MAX_PROMPTS)]
    return [*own, *ours[: max(0, len(ours) - len(own))]]
