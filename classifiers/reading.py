"""A prompt as it may be read: as it stands, or with a disguise taken off, cut into segments."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from .forget_index import ForgetIndex
from .names import NameHit
from .segments import Segment, segment
from .terms import find_terms
from .views import View, views
from .work import current


class Reading:
    """One reading with, for each segment, its rare words, and the listed names and parts of names in it."""

    def __init__(self, index: ForgetIndex, text: str, segments: Sequence[Segment], view: View | None) -> None:
        current().go_on()
        self.text = text
        self.segments = segments
        self.name = view.reading if view else ""
        self._view = view
        found = list(find_terms(text))
        starts = [term.start for term in found]
        parts = list(index.parts.find(text))
        places = [part.start for part in parts]
        self.names = sorted(index.find_names(text), key=lambda hit: hit.start)
        firsts = [hit.start for hit in self.names]
        self.named: list[list[NameHit]] = []
        self.said: list[dict[str, float]] = []
        self.parts: list[dict[str, float]] = []
        for s in segments:
            own = self.names[bisect_left(firsts, s.start) : bisect_left(firsts, s.end)]
            self.named.append([hit for hit in own if hit.end <= s.end])
            inside = found[bisect_left(starts, s.start) : bisect_left(starts, s.end)]
            self.said.append({term.word: term.rarity for term in inside})
            weights: dict[str, float] = {}
            for part in parts[bisect_left(places, s.start) : bisect_left(places, s.end)]:
                weights[part.target_id] = max(part.weight, weights.get(part.target_id, -1.0))
            self.parts.append(weights)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the prompt that ``text[start:end]`` was read from."""
        return self._view.span(start, end) if self._view else (start, end)


def readings(index: ForgetIndex, prompt: str, turns: list[tuple[int, int]] | None) -> Iterator[Reading]:
    """The prompt as it stands, then what of it reads otherwise without a disguise."""
    segments = segment(prompt, turns)
    yield Reading(index, prompt, segments, None)
    seen = {s.text for s in segments}
    for view in views(prompt, turns):
        other = [s for s in segment(view.text) if s.text not in seen and _in_turns(view, s, turns)]
        yield Reading(index, view.text, other, view)


def _in_turns(view: View, s: Segment, turns: list[tuple[int, int]] | None) -> bool:
    start, end = view.span(s.start, s.end)
    return turns is None or any(start < last and first < end for first, last in turns)
