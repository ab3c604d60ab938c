"""Edits that take a disguise off a text, and where in it each character they put in stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# A half-open range of a text.
Place = tuple[int, int]
# Where a piece of a text starts, and the piece.
Piece = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Edit:
    """``text`` stands for ``source[start:end]``; ``origins`` say where from, else it is spread evenly."""

    start: int
    end: int
    text: str
    origins: list[Place] | None = None

    def places(self) -> list[Place]:
        """For each character of ``text`` the range of the source that it stands for."""
        if self.origins is not None:
            return self.origins
        count, length = len(self.text), self.end - self.start
        # One character more on either side: the code of a character can straddle an even cut.
        return [
            (
                max(self.start, self.start + i * length // count - 2),
                min(self.end, self.start + -(-(i + 1) * length // count) + 2),
            )
            for i in range(count)
        ]


def apart(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits in order, without those that overlap an earlier one."""
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= position:
            yield edit
            position = edit.end


def each(start: int, text: str) -> list[Place]:
    """The places of the characters of ``text``, which starts at ``start``."""
    return [(start + i, start + i + 1) for i in range(len(text))]


def joined(start: int, end: int, pieces: Sequence[Piece], between: str) -> Edit:
    """The pieces as one text; what is put between belongs to the piece before."""
    origins: list[Place] = []
    for number, (begin, piece) in enumerate(pieces, 1):
        origins += each(begin, piece)
        if number < len(pieces):
            origins += [(begin + len(piece) - 1, begin + len(piece))] * len(between)
    return Edit(start, end, between.join(piece for _, piece in pieces), origins)
