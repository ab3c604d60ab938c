"""The lines of several parts of an index as one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from ..encoders.encoder import Vectors
from ..index.lines import Lines


class MergedLines:
    """As ``Lines``. The bound that spares the encoder still knows of targets that are gone."""

    def __init__(self, parts: Sequence[tuple[Lines, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = [(lines, gone) for lines, gone in parts if lines.size]

    def __contains__(self, target_id: object) -> bool:
        """As ``Lines.__contains__``."""
        return any(target_id in lines and target_id not in gone for lines, gone in self._parts)

    @property
    def size(self) -> int:
        """As ``Lines.size``."""
        return sum(lines.size - sum(target_id in lines for target_id in gone) for lines, gone in self._parts)

    @property
    def most(self) -> float:
        """As ``Lines.most``."""
        return max((lines.most for lines, _ in self._parts), default=0.0)

    def search(self, vectors: Vectors) -> list[dict[str, float]]:
        """As ``Lines.search``."""
        found: list[dict[str, float]] = [{} for _ in vectors]
        for lines, gone in self._parts:
            for every, more in zip(found, lines.search(vectors), strict=True):
                every.update((target_id, value) for target_id, value in more.items() if target_id not in gone)
        return found

    def most_evidence(
        self, text: str, spans: Sequence[tuple[int, int]], decided: Sequence[Collection[str]]
    ) -> list[float]:
        """As ``Lines.most_evidence``."""
        every = [lines.most_evidence(text, spans, decided) for lines, _ in self._parts]
        return list(map(max, zip(*every, strict=True))) if every else [0.0] * len(spans)


AllLines: TypeAlias = Lines | MergedLines
