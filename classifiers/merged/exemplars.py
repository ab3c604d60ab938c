"""The exemplars of several parts of an index as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias, TypeVar

import numpy as np

from ..background.background import Sides
from ..encoders.encoder import Vectors
from ..evidence import Evidence
from ..index.exemplar_index import ExemplarIndex

Value = TypeVar("Value")


class MergedExemplars:
    """As ``ExemplarIndex``. What a part says of a target that it no longer speaks for is left out; the bounds
    that spare the encoder still know of it."""

    def __init__(self, parts: Sequence[tuple[ExemplarIndex, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = parts

    @property
    def size(self) -> int:
        """As ``ExemplarIndex.size``."""
        return sum(part.size - part.count(gone) for part, gone in self._parts)

    def most_agreement(self, rare_words: Mapping[str, float]) -> float:
        """As ``ExemplarIndex.most_agreement``."""
        return max(part.most_agreement(rare_words) for part, _ in self._parts)

    def most_similarity(
        self, text: str, spans: Sequence[tuple[int, int]], decided: Sequence[Collection[str]]
    ) -> Vectors:
        """As ``ExemplarIndex.most_similarity``."""
        most = [part.most_similarity(text, spans, decided) for part, _ in self._parts]
        bound: Vectors = np.maximum.reduce(most)
        return bound

    def search(
        self,
        vectors: Vectors,
        words: Sequence[Mapping[str, float]],
        parts: Sequence[Mapping[str, float]],
        lines: Sequence[Mapping[str, float]],
    ) -> list[list[Evidence]]:
        """As ``ExemplarIndex.search``."""
        every: list[list[Evidence]] = [[] for _ in vectors]
        for part, gone in self._parts:
            its = [_of(part, weights) for weights in parts]
            sides = [_of(part, values) for values in lines]
            for found, more in zip(every, part.search(vectors, words, its, sides), strict=True):
                found += (evidence for evidence in more if evidence.target_id not in gone)
        return every

    def evidence(
        self, target_id: str, vector: Vectors, rare_words: Mapping[str, float], parts: Mapping[str, float]
    ) -> Evidence:
        """As ``ExemplarIndex.evidence``."""
        return self._owner(target_id).evidence(target_id, vector, rare_words, parts)

    def sides(self, target_id: str) -> Sides:
        """As ``ExemplarIndex.sides``."""
        return self._owner(target_id).sides(target_id)

    def _owner(self, target_id: str) -> ExemplarIndex:
        return next(part for part, gone in self._parts if target_id in part and target_id not in gone)


Exemplars: TypeAlias = ExemplarIndex | MergedExemplars


def _of(part: ExemplarIndex, values: Mapping[str, Value]) -> dict[str, Value]:
    return {target_id: value for target_id, value in values.items() if target_id in part}
