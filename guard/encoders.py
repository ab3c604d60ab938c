"""The configured encoder, its first pass, and where vectors are kept: for the guard and for commands.

Apart from the guard, so that a command that encodes need not import PyTorch, which takes a second.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

import numpy as np

from ..classifiers.background.background import Sides
from ..classifiers.background.background_texts import background_texts
from ..classifiers.background.line_cache import LineCache
from ..classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.calibration.prompt_file import read_prompts
from ..classifiers.encoders.encoder import BATCH, Encoder, OnnxEncoder, Vectors
from ..classifiers.encoders.encoder_export import export_once
from ..classifiers.encoders.static_encoder import STATIC_FILE, StaticEncoder, distil_once
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.forget_index import ForgetIndex
from ..classifiers.index.exemplar_index import sides_of
from ..classifiers.index.lines import Backgrounds
from ..files import take_turn
from ..vocabulary import ForgetTarget
from .configuration import DetectionSettings, EncoderSettings, Settings
from .store.store import Store

logger = logging.getLogger(__name__)

# Of an operator's own traffic, and of its prompts' characters.
_MAX_PROMPTS = 16_000
_MAX_CHARS = 1_000
# Ordinary texts are kept after so many, a file of 20 MB.
_KEPT_AT_ONCE = 64 * BATCH


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
        if not self._detection.cascade:
            return None
        file = self.folder / STATIC_FILE
        with nullcontext() if file.is_file() else take_turn(file):
            return distil_once(self.folder)

    def backgrounds(self) -> Backgrounds:
        """What lines are drawn against; it takes seconds, once. Raises as ``prepare``."""
        return self._backgrounds

    def prepare(self) -> None:
        """Encode the ordinary texts, which takes a minute, once, and again where their file is broken: so a
        topic that is listed later on is served soon. Raises ``PromptFileError`` where the operator's own
        traffic cannot be read."""
        for texts in self._ordinary_texts:
            self._encode(texts)

    @cached_property
    def _backgrounds(self) -> Backgrounds:
        own, ours = self._ordinary_texts
        left = max(0, len(ours) - len(own))
        vectors = np.concatenate([self._encode(own), self._encode(ours)[:left]])
        max_fpr = self._detection.max_fpr
        return Backgrounds.of([*own, *ours[:left]], vectors, self.sieve, max_fpr=max_fpr, private=len(own))

    def _encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of ordinary texts, kept beside the encoder's export."""
        file = self._file_of(texts)
        cache = VectorCache(self.full, file)
        if not cache.knows(texts):
            with take_turn(file):
                cache = VectorCache(self.full, file)  # another process may have made it meanwhile
                self._fill(cache, texts, file)
        vectors = cache.encode(texts)
        cache.settle()
        return vectors

    def _fill(self, cache: VectorCache, texts: Sequence[str], file: Path) -> None:
        """Encode what ``cache`` lacks, keeping it part by part: whoever is stopped begins there again."""
        if cache.knows(texts):
            return
        logger.info("unlearn: encoding %d ordinary texts into %s, once", len(texts), file)
        for first in self._track("ordinary texts", range(0, len(texts), BATCH)):
            cache.encode(texts[first : first + BATCH])
            if (first + BATCH) % _KEPT_AT_ONCE == 0:
                cache.keep()

    def _file_of(self, texts: Sequence[str]) -> Path:
        digest = hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / f"ordinary-{digest[:8]}.vectors"

    @cached_property
    def _ordinary_texts(self) -> tuple[list[str], list[str]]:
        """The operator's own traffic, and ours, which are taken as far as there is too little of it."""
        ours = [*ORDINARY_PROMPTS, *background_texts()]
        if not self._detection.benign:
            return [], ours
        own = [prompt.text[:_MAX_CHARS] for prompt in read_prompts(self._detection.benign, _MAX_PROMPTS)]
        return own, ours

    def newest_index(self, store: Store, settings: Settings) -> tuple[ForgetIndex, VectorCache]:
        """The index of a store's newest generation, built for a command, and the vectors in it.

        They are kept for the next command, unless the store is another user's: its server could not read a
        file of ours in place of its own. Raises ``StoreError``.
        """
        head, targets = store.snapshot()
        vectors = VectorCache(self.full, vector_file(store, head.store_id, settings, self.full))
        lines = LineCache(line_file(store, head.store_id, settings, self.full))
        index = ForgetIndex(
            head.generation,
            targets,
            vectors,
            sieve=self.sieve,
            backgrounds=self.backgrounds,
            lines=lines,
        )
        if _is_ours(store):
            vectors.settle()
            lines.settle()
        return index, vectors

    def sides(self, store: Store, settings: Settings, targets: Sequence[ForgetTarget]) -> dict[str, Sides]:
        """The vectors of some listed targets, by their ids; kept as by ``newest_index``."""
        if not targets:
            return {}
        file = vector_file(store, store.head().store_id, settings, self.full)
        vectors = VectorCache(self.full, file)
        sides = {target.id: sides_of(target, vectors) for target in targets}
        if _is_ours(store):
            vectors.keep()
        return sides


def _is_ours(store: Store) -> bool:
    return store.path is None or store.path.stat().st_uid == os.geteuid()


def vector_file(store: Store, name: str, settings: Settings, encoder: Encoder) -> Path:
    """Where the vectors of a store's texts (``name`` is its id), or of a sample, are kept: beside the store
    where that is a file, since what is derived from the list is as private as the list."""
    return _file_of(store, name, settings, encoder, "vectors")


def line_file(store: Store, name: str, settings: Settings, encoder: Encoder) -> Path:
    """Where the lines of a store's targets are kept: beside their vectors."""
    return _file_of(store, name, settings, encoder, "lines")


def _file_of(store: Store, name: str, settings: Settings, encoder: Encoder, what: str) -> Path:
    folder = store.path.parent if store.path else settings.encoder.cache_dir
    return folder / f"{name[:8]}-{encoder.fingerprint[:8]}.{what}"
