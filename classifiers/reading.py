"""A prompt as it may be read: as it stands, or with a disguise taken off, cut into segments."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from .disguises.views import View, views
from .forget_index import ForgetIndex
from .merged.names import Names
from .names.name_parts import PartHit
from .names.names import NameHit
from .text.segments import WINDOW_CHARS, Segment, segment
from .text.terms import find_terms
from .work import current

_START = attrgetter("start")
T = TypeVar("T")
# What a name that is an ordinary word weighs: as much as a part that says no more.
WORD = 1.0

Words = Collection[tuple[str, str]]
"""Ids of targets, and names of theirs that are ordinary words."""


class Reading:
    """One reading of a prompt, its segments, and the listed names in it.

    For each segment ``names_of`` holds the names that stand in it whole, ``rare_words`` the words that are
    rare with their rarity, ``part_weights`` by target id the weight of the weightiest part of a name, and
    ``lone_parts`` the parts that say alone who is meant.
    """

    def __init__(
        self, names: Names, words: Words, text: str, segments: Sequence[Segment], view: View | None
    ) -> None:
        """``words`` are names that are parts only."""
        current().go_on()
        self.text = text
        self.segments = segments
        self._view = view
        self._starts = list(map(_START, segments))
        found = sorted(names.find(text), key=_START)
        self.names = [hit for hit in found if (hit.target_id, hit.name) not in words]
        ordinary = _Row(hit for hit in found if (hit.target_id, hit.name) in words)
        self.names_of: list[list[NameHit]] = []
        self.rare_words: list[dict[str, float]] = []
        self.part_weights: list[dict[str, float]] = []
        self.lone_parts: list[list[PartHit]] = []
        terms, parts, hits = _Row(find_terms(text)), _Row(names.parts.find(text)), _Row(self.names)
        for s in segments:
            self.names_of.append([hit for hit in hits.within(s) if hit.end <= s.end])
            self.rare_words.append({term.word: term.rarity for term in terms.within(s)})
            weights = _weights(parts.within(s))
            weights |= dict.fromkeys((hit.target_id for hit in ordinary.within(s)), WORD)
            self.part_weights.append(weights)
            self.lone_parts.append([part for part in parts.within(s) if part.stands_alone])

    def around(self, hit: NameHit) -> list[int]:
        """The segments that hold a name whole; no segment is longer than a window."""
        starts = self._starts
        first = bisect_left(starts, hit.end - WINDOW_CHARS)
        return [i for i in range(first, bisect_right(starts, hit.start)) if self.segments[i].end >= hit.end]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the prompt that ``text[start:end]`` was read from."""
        return self._view.span(start, end) if self._view else (start, end)

    def disguise(self, start: int, end: int) -> str:
        """The disguises that were taken off ``text[start:end]``; empty for a prompt as it stands."""
        return self._view.disguise(start, end) if self._view else ""


def readings(index: ForgetIndex, prompt: str, turns: list[tuple[int, int]] | None) -> Iterator[Reading]:
    """The prompt as it stands, then what of it reads otherwise without a disguise."""
    segments = segment(prompt, turns)
    yield Reading(index.names, index.words, prompt, segments, None)
    seen = {s.text for s in segments}
    for view in views(prompt, turns):
        others: list[Segment] = []
        for s in segment(view.text, view.regions):
            if s.text not in seen and _in_turns(view.span(s.start, s.end), turns):
                others.append(s)
        yield Reading(index.names, index.words, view.text, others, view)


class _Row(Generic[T]):
    """What stands in a text, in order of its starts."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = list(items)
        self._starts = list(map(_START, self._items))

    def within(self, s: Segment) -> list[T]:
        return self._items[bisect_left(self._starts, s.start) : bisect_left(self._starts, s.end)]


def _weights(parts: Iterable[PartHit]) -> dict[str, float]:
    """By target id the most that a part of its name weighs."""
    weights: dict[str, float] = {}
    for part in parts:
        weights[part.target_id] = max(part.weight, weights.get(part.target_id, -1.0))
    return weights


def _in_turns(place: tuple[int, int], turns: list[tuple[int, int]] | None) -> bool:
    """Whether a range of the prompt touches a turn; they are in order and apart."""
    if turns is None:
        return True
    first = bisect_right(turns, place[0], key=lambda turn: turn[1])
    return first < len(turns) and turns[first][0] < place[1]
