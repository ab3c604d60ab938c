"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from ..vocabulary import ForgetTarget, Neighbour
from .encoder import Encoder, Vectors
from .names import NameMatcher
from .segments import segment
from .templates import background, exemplars

# Exemplars looked at for each segment. A target can have more than this near a segment, and hide
# another target there, but then the segment is flagged all the same.
NEIGHBOURS = 64


@dataclass(frozen=True, slots=True)
class Evidence:
    """How near a segment is to one target: its nearest exemplar and its nearest counterexample.

    ``own`` says that the counterexample is the target's own, not one that holds for all.
    """

    target_id: str
    exemplar: Neighbour
    counterexample: Neighbour
    own: bool

    @property
    def margin(self) -> float:
        """Similarity of the nearest exemplar minus that of the nearest counterexample, -2 to 2."""
        return self.exemplar.similarity - self.counterexample.similarity


class _Texts:
    """Texts and their unit vectors; long ones by their segments."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        self.texts = [piece.text for text in texts for piece in segment(text)]
        self.vectors = encoder.encode(self.texts)

    def nearest(self, vector: Vectors) -> Neighbour:
        """The text nearest to a vector of shape (dimension,); an empty one at -1 where there is none."""
        if not self.texts:
            return Neighbour("", -1.0)
        similarities = self.vectors @ vector
        best = int(similarities.argmax())
        return Neighbour(self.texts[best], float(similarities[best]))


class ForgetIndex:
    """Immutable; built whole from the targets of one generation, and safe to share by threads."""

    def __init__(self, generation: int, targets: Sequence[ForgetTarget], encoder: Encoder) -> None:
        self.generation = generation
        self.targets = {target.id: target for target in targets}
        self.names = NameMatcher((target.id, name) for target in targets for name in target.names)
        self._background = _Texts(background(), encoder)
        self._counterexamples = {
            target.id: _Texts(target.counterexamples, encoder) for target in targets if target.counterexamples
        }
        self._owners: list[str] = []
        self._exemplars: list[str] = []
        self._rows: dict[str, range] = {}
        for target in targets:
            texts = [piece.text for text in exemplars(target) for piece in segment(text)]
            self._rows[target.id] = range(len(self._exemplars), len(self._exemplars) + len(texts))
            self._owners += [target.id] * len(texts)
            self._exemplars += texts
        self._index = faiss.IndexFlatIP(encoder.dimension)
        self._index.add(encoder.encode(self._exemplars))

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each is indexed."""
        return {
            "targets": len(self.targets),
            "names": self.names.size,
            "exemplars": len(self._exemplars),
            "counterexamples": sum(len(texts.texts) for texts in self._counterexamples.values()),
        }

    def search(self, vectors: Vectors) -> list[list[Evidence]]:
        """For each vector of shape (segments, dimension), the evidence for each target near it."""
        if not len(vectors) or not self._exemplars:
            return [[] for _ in vectors]
        similarities, rows = self._index.search(vectors, min(NEIGHBOURS, len(self._exemplars)))
        return [self._evidence(vectors[i], similarities[i], rows[i]) for i in range(len(vectors))]

    def _evidence(
        self, vector: Vectors, similarities: Vectors, rows: npt.NDArray[np.int64]
    ) -> list[Evidence]:
        nearest: dict[str, Neighbour] = {}
        for similarity, row in zip(similarities, rows, strict=True):  # best first
            nearest.setdefault(self._owners[row], Neighbour(self._exemplars[row], float(similarity)))
        common = self._background.nearest(vector)
        return [
            self._against(target_id, neighbour, common, vector) for target_id, neighbour in nearest.items()
        ]

    def _against(self, target_id: str, exemplar: Neighbour, common: Neighbour, vector: Vectors) -> Evidence:
        own = self._counterexamples.get(target_id)
        nearest = own.nearest(vector) if own else Neighbour("", -1.0)
        if nearest.similarity >= common.similarity:
            return Evidence(target_id, exemplar, nearest, own=True)
        return Evidence(target_id, exemplar, common, own=False)

    def evidence_for(self, target_id: str, vector: Vectors) -> Evidence | None:
        """The evidence for one target at a vector of shape (dimension,); None if it has no exemplars."""
        rows = self._rows[target_id]
        if not rows:
            return None
        similarities = self._index.reconstruct_n(rows.start, len(rows)) @ vector
        best = int(similarities.argmax())
        exemplar = Neighbour(self._exemplars[rows.start + best], float(similarities[best]))
        return self._against(target_id, exemplar, self._background.nearest(vector), vector)
