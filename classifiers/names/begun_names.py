"""Names that a text breaks off within: what the model goes on from is the rest of the name."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ..text.folding import normalise
from .names import NameHit

# Of the last word so much must stand there: the first letter of a surname begins a thousand.
_LETTERS = 3


class BegunNames:
    """Finds names of two words and more of which only an end of the last word is missing, at a text's end."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        """``names`` are pairs of a target's id and a name."""
        ends: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._words = 0
        for target_id, name in names:
            *first, last = normalise(name)[0].split() or [""]
            if first and len(last) > _LETTERS:
                ends[" ".join(first)].add((last, target_id, name))
                self._words = max(self._words, len(first) + 1)
        self._ends = {first: sorted(last) for first, last in ends.items()}
        self._length = max((len(name) for _, name in names), default=0) + 1

    def find(self, text: str) -> Iterator[NameHit]:
        """The names that ``text`` ends within. Of equal ones all are found."""
        # Marks and accents that folding takes away have room, too.
        begin = max(0, len(text) - 2 * self._length)
        folded, places = normalise(text[begin:])
        if not self._ends or not folded or folded[-1] == " ":
            return
        words = folded.split()[-self._words :]
        for count in range(2, len(words) + 1):
            start = len(folded) - len(" ".join(words[-count:]))
            for target_id, name in self._going_on(" ".join(words[-count:-1]), words[-1]):
                yield NameHit(target_id, name, begin + places[start], len(text))

    def _going_on(self, first: str, last: str) -> Iterator[tuple[str, str]]:
        """Target and name for each name of these first words whose last word goes on from ``last``."""
        ends = self._ends.get(first, ())
        if len(last) < _LETTERS:
            return
        for whole, target_id, name in ends[bisect_left(ends, (last, "", "")) :]:
            if not whole.startswith(last):
                return
            if whole != last:
                yield target_id, name
