"""Vectors of the texts that were encoded last: a growing conversation pays for its new part alone."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache

from .encoder import Encoder, Vectors

# As many segments as 30 prompts of 36,000 characters have, with vectors of 384 dimensions.
MAX_BYTES = 56 * 2**20
# Of an entry, beside its vector: the digest, the array, and their place among the others.
ENTRY = 350


class SegmentCache:
    """An encoder that remembers what it encoded last; safe to share by threads.

    It holds vectors and keyed digests of their texts, no text. A text that two threads bring at the same
    time may be encoded twice.
    """

    def __init__(self, encoder: Encoder, max_bytes: int = MAX_BYTES) -> None:
        """It takes at most ``max_bytes``; what was used longest ago is forgotten first."""
        self.fingerprint = encoder.fingerprint
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._known: LRUCache[bytes, Vectors] = LRUCache(max_bytes, lambda vector: vector.nbytes + ENTRY)
        self._lock = threading.Lock()
        # Of this process alone, so that no digest in its memory tells whether a guessed text was asked.
        self._secret = os.urandom(16)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``, encoding each text that is not remembered, once."""
        keys = [self._key(text) for text in texts]
        known = self._recall(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            encoded = self._encoder.encode(list(new.values()))
            # Copies: a row on its own would keep the vectors of the whole batch in memory.
            added = {key: vector.copy() for key, vector in zip(new, encoded, strict=True)}
            known |= added
            with self._lock:
                self._known.update(added)
        vectors = np.empty((len(keys), self.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key]
        return vectors

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        with self._lock:
            return {key: vector for key in keys if (vector := self._known.get(key)) is not None}

    def _key(self, text: str) -> bytes:
        # A prompt may hold half a character, which plain UTF-8 refuses.
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=16, key=self._secret).digest()
