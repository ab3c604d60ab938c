"""A prompt as it may be read: as it stands, or with a disguise taken off, cut into segments."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from .disguises.views import View, views
from .forget_index import ForgetIndex
from .index.name_index import NameIndex
from .names.name_parts import PartHit
from .names.names import NameHit
from .text.segments import WINDOW_CHARS, Segment, segment
from .text.terms import find_terms
from .work import current


class Reading:
    """One reading with, for each segment, its rare words, and the listed names and parts of names in it."""

    def __init__(self, names: NameIndex, text: str, segments: Sequence[Segment], view: View | None) -> None:
        current().go_on()
        self.text = text
        self.segments = segments
        self._view = view
        self._starts = [s.start for s in segments]
        found = list(find_terms(text))
        starts = [term.start for term in found]
        parts = list(names.parts.find(text))
        places = [part.start for part in parts]
        self.names = sorted(names.find(text), key=lambda hit: hit.start)
        firsts = [hit.start for hit in self.names]
        self.named: list[list[NameHit]] = []
        self.said: list[dict[str, float]] = []
        self.parts: list[dict[str, float]] = []
        self.alone: list[list[PartHit]] = []
        for s in segments:
            own = self.names[bisect_left(firsts, s.start) : bisect_left(firsts, s.end)]
            self.named.append([hit for hit in own if hit.end <= s.end])
            inside = found[bisect_left(starts, s.start) : bisect_left(starts, s.end)]
            self.said.append({term.word: term.rarity for term in inside})
            weights: dict[str, float] = {}
            parts_inside = parts[bisect_left(places, s.start) : bisect_left(places, s.end)]
            self.alone.append([part for part in parts_inside if part.alone])
            for part in parts_inside:
                weights[part.target_id] = max(part.weight, weights.get(part.target_id, -1.0))
            self.parts.append(weights)

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
    yield Reading(index.names, prompt, segments, None)
    seen = {s.text for s in segments}
    for view in views(prompt, turns):
        other = [
            s
            for s in segment(view.text, view.regions)
            if s.text not in seen and _in_turns(view.span(s.start, s.end), turns)
        ]
        yield Reading(index.names, view.text, other, view)


def _in_turns(place: tuple[int, int], turns: list[tuple[int, int]] | None) -> bool:
    """Whether a range of the prompt touches a turn; they are in order and apart."""
    if turns is None:
        return True
    first = bisect_right(turns, place[0], key=lambda turn: turn[1])
    return first < len(turns) and turns[first][0] < place[1]
