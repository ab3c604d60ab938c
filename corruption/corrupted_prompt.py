"""A prompt in which embeddings stand in the place of some tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class CorruptedPrompt:
    """Of a prompt of ``tokens`` tokens, those at ``positions`` (rows,), ascending, are read as the
    embeddings ``rows`` (rows, hidden), the others as they are.

    It can be asked for its shape and for slices as if it were the dense tensor (tokens, hidden), which
    never has to exist: a prompt of 20,000 tokens with four flagged ones is four rows.
    """

    rows: torch.Tensor
    positions: NDArray[np.int64]
    tokens: int

    @classmethod
    def of(cls, rows: Mapping[int, torch.Tensor], tokens: int) -> CorruptedPrompt:
        """``rows`` maps each position, at least one, to its embedding (hidden,)."""
        positions = sorted(rows)
        return cls(torch.stack([rows[p] for p in positions]), np.array(positions, np.int64), tokens)

    def __len__(self) -> int:
        return self.tokens

    @property
    def shape(self) -> tuple[int, int]:
        """(tokens, hidden size): the shape that the dense tensor of all embeddings would have."""
        return self.tokens, self.rows.shape[1]

    @property
    def size(self) -> int:
        """Bytes of the embeddings that are carried: those of the corrupted tokens."""
        return self.rows.nbytes

    @property
    def is_token(self) -> NDArray[np.bool_]:
        """Shape (tokens,): true where the token itself is read."""
        mask = np.ones(self.tokens, np.bool_)
        mask[self.positions] = False
        return mask

    @property
    def embeddings(self) -> torch.Tensor:
        """The dense tensor (tokens, hidden), zero where the token itself is read."""
        return self[:]

    def __getitem__(self, part: slice) -> torch.Tensor:
        """A slice of the dense tensor, which alone is made."""
        start, stop, _ = part.indices(self.tokens)
        places, rows = self.between(start, stop)
        dense = torch.zeros((max(stop - start, 0), self.shape[1]), dtype=self.rows.dtype)
        dense[torch.from_numpy(places)] = rows
        return dense

    def between(self, start: int, stop: int) -> tuple[NDArray[np.int64], torch.Tensor]:
        """The embeddings among the tokens from ``start`` to before ``stop``, and their places counted from
        ``start``."""
        first, last = np.searchsorted(self.positions, (start, stop))
        return self.positions[first:last] - start, self.rows[first:last]

    def digest(self, start: int, stop: int) -> bytes | None:
        """Differs wherever what is read from ``start`` to before ``stop`` in the place of tokens does; None
        where nothing is."""
        places, rows = self.between(start, stop)
        if not len(places):
            return None
        digest = hashlib.sha256(f"{rows.dtype} {len(places)} ".encode())
        digest.update(places.tobytes())
        digest.update(rows.contiguous().view(torch.uint8).numpy().tobytes())
        return digest.digest()
