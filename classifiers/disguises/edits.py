"""Edits that take a disguise off a text, and where in it each character they put in stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# Between places of a text that only stand beside each other: a letter of a script that no name is in, so
# that no name is found across.
APART = "\nꙮ\n"
# A half-open range of a text.
Place = tuple[int, int]
# Where a piece of a text starts, and the piece.
Piece = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Edit:
    """``text`` stands for ``source[start:end]``.

    ``origins`` say where each of its characters is from; without them each is from the one in its place,
    or, where the lengths differ, from the whole range.
    """

    start: int
    end: int
    text: str
    origins: list[Place] | None = None

    def places(self) -> list[Place]:
        """For each character of ``text`` the range of the source that it stands for."""
        if self.origins is not None:
            return self.origins
        if len(self.text) == self.end - self.start:
            return char_places(self.start, self.text)
        return [(self.start, self.end)] * len(self.text)


def delete(match: re.Match[str]) -> Edit:
    """The edit that takes out what matches."""
    return Edit(*match.span(), "", [])


def drop_overlaps(edits: Iterable[Edit]) -> Iterator[Edit]:
    """The edits in order, without those that overlap an earlier one."""
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= position:
            yield edit
            position = edit.end


def char_places(start: int, text: str) -> list[Place]:
    """The places of the characters of ``text``, which starts at ``start``."""
    return [(start + i, start + i + 1) for i in range(len(text))]


def places_of_bytes(text: str, places: Sequence[Place]) -> list[Place]:
    """The places of the characters of ``text``, of whose UTF-8 bytes these are the places."""
    if len(places) == len(text):
        return list(places)
    chars: list[Place] = []
    first = 0
    for char in text:
        last = first + len(char.encode())
        chars.append((min(places[first:last])[0], max(end for _, end in places[first:last])))
        first = last
    return chars


def join(start: int, end: int, pieces: Sequence[Piece], between: str) -> Edit:
    """The pieces as one text; what is put between belongs to the piece before."""
    origins: list[Place] = []
    for number, (begin, piece) in enumerate(pieces, 1):
        origins += char_places(begin, piece)
        if number < len(pieces):
            origins += [(begin + len(piece) - 1, begin + len(piece))] * len(between)
    return Edit(start, end, between.join(piece for _, piece in pieces), origins)


def lies_within(ranges: Sequence[Place], edit: Edit) -> bool:
    """Whether an edit lies in one of the ranges, which are in order and apart."""
    last = bisect_right(ranges, edit.start, key=lambda place: place[0]) - 1
    return last >= 0 and edit.end <= ranges[last][1]
