"""A first pass over segments: how near any exemplar can be, by a static embedding."""

from __future__ import annotations

from collections.abc import Sequence

from .encoder import Vectors
from .flat_index import FlatIndex, Rows
from .static_encoder import StaticEncoder

# How much nearer a text can be to an exemplar in the full encoder than in its static form. Measured with
# all-MiniLM-L6-v2, 96 targets, on RWKU's level 3: no flagged question is lost (of 141 with 20 exemplars each,
# of 200 with passages), and of 10,486 segments of benign prompts 76 (1,578) still need the full encoder.
SLACK = 0.25
# A fit on more exemplars takes longer and keeps no more.
FITTED = 4_000


class Sieve:
    """A static encoder fitted to the exemplars, so that their index can be searched with its vectors."""

    def __init__(
        self, encoder: StaticEncoder, exemplars: Sequence[str], vectors: Vectors, index: FlatIndex
    ) -> None:
        """``vectors`` has shape (exemplars, dimension); ``index`` holds them."""
        step = -(-len(exemplars) // FITTED)
        self._encoder = encoder.fit(exemplars[::step], vectors[::step])
        self._index = index

    def nearest(self, text: str, spans: Sequence[tuple[int, int]], count: int = 1) -> tuple[Vectors, Rows]:
        """For each ``text[start:end]`` the cosines and rows of so many exemplars, the nearest by this pass
        first; both of shape (spans, count)."""
        return self._index.search(self._encoder.encode_spans(text, spans), count)
