"""Listed names that a pattern makes a model write though it leaves some of their letters open.

``The Gr[a-z]at Gats.y`` says a name to whoever knows it, and ``[a-z]+`` says none. The line is drawn by what
a model has left to choose: where one of 26 letters may stand, a letter is open, where one of two may, a
fifth of one; a name of which no more than two fifths are open, and no word wholly, is forced.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .automaton import Automaton

# Fewer letters are too often another word's.
LEAST_LETTERS = 4
_OPEN = 2 / 5
# Of an initial or particle it does not matter whether it is open.
_SHORT_WORD = 2
# Before the forced letters have come.
_AHEAD = 1.5
# More than this between two words is not between two words of a name.
_GAP = 3
# Behind every letter.
_LAST = "\U0010ffff"


class SearchTooLongError(RuntimeError):
    """The pattern has too many ways to look at all of them."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name that a pattern makes: its letters in lower case, spaces for what parts its words, each with the
    atom that writes it."""

    atoms: tuple[int, ...]
    letters: str
    # How many letters of it are left open.
    open: float


@dataclass(frozen=True, slots=True)
class _Way:
    """The beginning of the names ``listed[low:high]``, as far as the node ``at``."""

    at: int
    low: int
    high: int
    length: int
    open: float = 0.0
    gap: int = 0
    last: _Step | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    atom: int
    letter: str
    before: _Step | None


class OpenNames:
    """Looks for names in patterns. Of one request: it stops after so many steps for all of them."""

    def __init__(self, listed: Sequence[str], steps: int) -> None:
        """``listed`` are the names in small letters, with a space between words, in order."""
        self._listed = listed
        self._left = steps

    def find(self, automaton: Automaton) -> Iterator[Spelling]:
        """The names of which ``automaton`` forces enough. Raises ``SearchTooLongError``."""
        self._automaton = automaton
        self._seen: dict[tuple[int, int, int, int], float] = {}
        for first in automaton.beginnings():
            whole = _Way(0, 0, len(self._listed), 0)
            waiting = list(self._through(whole, (first,)))
            while waiting:
                way = waiting.pop()
                if self._is_name(way):
                    yield _spelling(way)
                waiting += self._on(way)

    def _is_name(self, way: _Way) -> bool:
        name = self._listed[way.low]
        letters = len(name) - name.count(" ")
        return (
            len(name) == way.length
            and letters >= LEAST_LETTERS
            and way.open <= letters * _OPEN
            and self._automaton.near(way.at).parted
            and self._forces_each_word(name, way)
        )

    def _forces_each_word(self, name: str, way: _Way) -> bool:
        """``Stephen [A-Z][a-z]+`` is nobody."""
        atoms = [self._automaton.atoms[s.atom] for s in _steps(way) if s.letter != " "]
        place = 0
        for word in name.split():
            own, place = atoms[place : place + len(word)], place + len(word)
            if len(word) > _SHORT_WORD and not any(atom.narrow for atom in own):
                return False
        return True

    def _on(self, way: _Way) -> Iterator[_Way]:
        near = self._automaton.near(way.at)
        if low_high := self._narrowed(way, " "):
            # Between the words of a name something that parts them, or nothing.
            over = _Way(way.at, *low_high, way.length + 1, way.open, _GAP, way.last)
            yield from self._through(over, near.atoms)
        yield from self._through(way, near.atoms)

    def _through(self, way: _Way, atoms: Sequence[int]) -> Iterator[_Way]:
        """The ways that ``way`` goes on in, by ``atoms``."""
        width = self._width(atoms)
        done = way.length - self._listed[way.low].count(" ", 0, way.length)
        for n in atoms:
            atom = self._automaton.atoms[n]
            self._left -= 1
            if self._left < 0:
                raise SearchTooLongError("a pattern has too many ways to look at all of them")
            if atom.parts and way.gap:
                step = _Step(n, " ", way.last)
                yield from self._new(_Way(atom.after, *_of(way), way.open, way.gap - 1, step))
            left_open = way.open + (width if atom.narrow else 1.0)
            affordable = left_open <= done * _OPEN + _AHEAD
            for letter in self._letters(way, atom.letters) if affordable else ():
                # Any other digit makes another number, and another year is no work.
                if letter.isdigit() and atom.letters != frozenset(letter):
                    continue
                if low_high := self._narrowed(way, letter):
                    step = _Step(n, letter, way.last)
                    yield from self._new(_Way(atom.after, *low_high, way.length + 1, left_open, last=step))

    def _new(self, way: _Way) -> Iterator[_Way]:
        """``way``, unless there was one as good."""
        key = (way.at, way.low, way.length, way.gap)
        if self._seen.get(key, math.inf) > way.open:
            self._seen[key] = way.open
            yield way

    def _width(self, atoms: Sequence[int]) -> float:
        """How far it is open which letter comes, where only a few may: 0 for one alone, 1 for 26."""
        letters: set[str] = set()
        for n in atoms:
            letters |= self._automaton.atoms[n].letters or frozenset()
        return min(math.log(max(len(letters), 1), 26), 1.0)

    def _letters(self, way: _Way, these: frozenset[str] | None) -> Iterator[str]:
        """Which of ``these`` letters the names go on with."""
        if these is not None:
            yield from these
            return
        place = way.low
        while place < way.high:
            self._left -= 1
            name = self._listed[place]
            if len(name) == way.length:
                place += 1
                continue
            letter = name[way.length]
            if letter != " ":
                yield letter
            place = bisect_left(self._listed, name[: way.length] + letter + _LAST, place, way.high)

    def _narrowed(self, way: _Way, letter: str) -> tuple[int, int] | None:
        """The range of the listed names that go on with ``letter``; None where none does."""
        begun = self._listed[way.low][: way.length] + letter
        low = bisect_left(self._listed, begun, way.low, way.high)
        if low == way.high or not self._listed[low].startswith(begun):
            return None
        return low, bisect_left(self._listed, begun + _LAST, low, way.high)


def _of(way: _Way) -> tuple[int, int, int]:
    return way.low, way.high, way.length


def _steps(way: _Way) -> list[_Step]:
    steps: list[_Step] = []
    step = way.last
    while step:
        steps.append(step)
        step = step.before
    return steps[::-1]


def _spelling(way: _Way) -> Spelling:
    steps = _steps(way)
    return Spelling(tuple(s.atom for s in steps), "".join(s.letter for s in steps), way.open)
