"""Other readings of one prompt: what a model can make of it and a search for words cannot.

A reading is made only of what is disguised and what stands around it, and all disguises that stand
apart are taken off in one, so that an ordinary prompt has none, and what is hidden among decoys is
read as surely as if it were alone. What comes out is read again, a few times.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal

from ..text.segments import WINDOW_CHARS
from ..work import TooLongError
from .ciphers import ciphers
from .cut_up import join_pieces, turn_bodies
from .edits import APART, Edit, Place, lies_within
from .encodings import base64_runs, character_codes
from .escapes import escapes
from .leetspeak import leetspeak_i, leetspeak_l
from .lookalikes import lookalikes
from .markup import markup
from .seams import seams
from .spaced_letters import spaced_letters
from .word_order import word_order

Disguise = Literal[
    "base64", "hex", "escaped", "markup", "homoglyphs", "spaced", "leetspeak", "rot13", "reversed", "joined"
]

# How often what comes out of a reading is read again: base64 of base64 of rot13.
MAX_DEPTH = 4
# All readings together have at most so many characters for each of the prompt, and some more.
MAX_READ = 10
FREE = 20_000

_DISGUISES: tuple[tuple[Disguise, Callable[[str], Iterator[Edit]]], ...] = (
    ("escaped", escapes),
    ("markup", markup),
    ("base64", base64_runs),
    ("hex", character_codes),
    ("homoglyphs", lookalikes),
    ("spaced", spaced_letters),
    ("leetspeak", leetspeak_i),
    ("leetspeak", leetspeak_l),
)
# What these take for a disguise may be none ("a+b"), and then spoils what stands beside it.
_GUESSES = frozenset(("spaced", "leetspeak", "rot13", "reversed", "joined"))
_BESIDE = 64
# These may hold one of their own kind; another is turned back by a second.
_NESTED = frozenset(("base64", "hex", "escaped", "markup"))
_SENTENCE_END = re.compile(r"[.!?…]\s+|[。！？]|\n+")
_SPACE = re.compile(r"\s+")


class TooManyReadingsError(TooLongError):
    """A prompt has so many readings that not all can be searched: refuse it, it may hide anything."""


@dataclass(frozen=True, slots=True)
class Run:
    """``text[start:end]`` of a view is what edits put in for these disguises, the last one last."""

    start: int
    end: int
    disguises: tuple[Disguise, ...]


@dataclass(frozen=True, slots=True)
class View:
    """``text`` is what a part of the prompt says when its disguises are taken off.

    ``starts[i]`` and ``ends[i]`` are the half-open range of the prompt that ``text[i]`` was read from.
    ``regions`` are the ranges of ``text`` that are of one place of the prompt each, ``runs`` what differs.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    regions: list[Place]
    runs: list[Run]

    def disguise(self, start: int, end: int) -> str:
        """What was taken off ``text[start:end]``: "base64", "base64+rot13"."""
        disguises: dict[Disguise, None] = {}
        at = bisect_left(self.runs, start, key=lambda run: run.end)
        while at < len(self.runs) and self.runs[at].start <= end:
            disguises.update(dict.fromkeys(self.runs[at].disguises))
            at += 1
        return "+".join(disguises)

    @property
    def origins(self) -> list[Place]:
        """The range of the prompt that each character was read from."""
        return list(zip(self.starts, self.ends, strict=True))

    def span(self, start: int, end: int) -> Place:
        """The characters of the prompt that ``text[start:end]``, not empty, was read from."""
        return min(self.starts[start:end]), max(self.ends[start:end])


def views(prompt: str, turns: list[Place] | None = None) -> list[View]:
    """The other readings of ``prompt``; none for most prompts.

    ``turns`` are the character ranges of the conversation's turns. Raises ``TooManyReadingsError`` where
    they have more than ``MAX_READ`` characters for each of the prompt.
    """
    left = most = MAX_READ * len(prompt) + FREE
    every: dict[tuple[str, int], View] = {}
    level = [View(prompt, range(len(prompt)), range(1, len(prompt) + 1), [(0, len(prompt))], [])]
    for depth in range(MAX_DEPTH):
        inner: list[View] = []
        for outer in level:
            for view in _read(outer, turns if not depth else None):
                left -= len(view.text)
                if left < 0:
                    raise TooManyReadingsError(most - left, most)
                if view.text.strip() and view.text != prompt and (view.text, view.starts[0]) not in every:
                    every[view.text, view.starts[0]] = view
                    inner.append(view)
        level = inner
    return list(every.values())


@dataclass(frozen=True, slots=True)
class _Change:
    """An edit, and the disguises that it takes off, the last one last."""

    edit: Edit
    disguises: tuple[Disguise, ...]

    @property
    def is_guess(self) -> bool:
        return self.disguises[-1] in _GUESSES


def _read(outer: View, turns: list[Place] | None) -> Iterator[View]:
    """Readings of a reading. All edits that stand apart are made in the first; what overlaps those in the
    second, where the first's are made as well as room is, and so on: no more than there are readings.
    Then what is no guess is read without the guesses beside it."""
    layers: list[list[_Change]] = []
    for disguise, edits in _edits(outer.text, turns):
        new = list(_useful_changes(outer, disguise, edits))
        for number, layer in enumerate(layers):
            if not new:
                break
            layers[number], new = _merge(layer, new)
        if new:
            layers.append(new)
    for number, layer in enumerate(layers):
        changes = _merge(layer, layers[0])[0] if number else layer
        yield _view(outer, changes, _regions(outer, layer))
    if layers and (beside := _changes_beside_guesses(layers[0])):
        certain = [change for change in layers[0] if not change.is_guess]
        yield _view(outer, certain, _regions(outer, beside))


def _changes_beside_guesses(layer: list[_Change]) -> list[_Change]:
    """The edits that are no guess and stand near one that is."""
    beside: list[_Change] = []
    for one, other in pairwise(layer):
        if one.is_guess != other.is_guess and other.edit.start - one.edit.end < _BESIDE:
            certain = other if one.is_guess else one
            if not beside or beside[-1] is not certain:
                beside.append(certain)
    return beside


def _edits(text: str, turns: list[Place] | None) -> Iterator[tuple[Disguise, list[Edit]]]:
    for disguise, edits in _DISGUISES:
        yield disguise, list(edits(text))
    yield from ciphers(text)
    yield "reversed", list(word_order(text))
    yield "joined", join_pieces(text, turns)
    bodies = [body for _, body in turn_bodies(text, turns) if body[1]]
    yield "joined", list(seams(text, bodies, ""))
    yield "joined", list(seams(text, bodies, " "))


def _useful_changes(outer: View, disguise: Disguise, edits: list[Edit]) -> Iterator[_Change]:
    """The edits that touch what the reading before put in: the others were made with it."""
    first = 0
    for edit in edits:
        if outer.text[edit.start : edit.end] == edit.text or not lies_within(outer.regions, edit):
            continue
        while first < len(outer.runs) and outer.runs[first].end < edit.start:
            first += 1
        before: dict[Disguise, None] = {}
        place = first
        while place < len(outer.runs) and outer.runs[place].start <= edit.end:
            before.update(dict.fromkeys(outer.runs[place].disguises))
            place += 1
        if (not outer.runs or place > first) and (disguise not in before or disguise in _NESTED):
            before.pop(disguise, None)
            yield _Change(edit, (*before, disguise))


def _merge(layer: list[_Change], new: list[_Change]) -> tuple[list[_Change], list[_Change]]:
    """A layer with those of the new edits that overlap none of its own, and the others, without those
    that it has."""
    merged: list[_Change] = []
    left: list[_Change] = []
    at = 0
    for change in new:
        edit = change.edit
        while at < len(layer) and layer[at].edit.end <= edit.start and layer[at].edit.start < edit.start:
            merged.append(layer[at])
            at += 1
        own = layer[at].edit if at < len(layer) else None
        if own is None or edit.end <= own.start:
            merged.append(change)
        elif (own.start, own.end, own.text) != (edit.start, edit.end, edit.text):
            left.append(change)
    return merged + layer[at:], left


def _regions(outer: View, layer: list[_Change]) -> list[Place]:
    """What is to be read: the edits and a window of what stands around, cut between sentences."""
    bounds = set(chain.from_iterable(outer.regions))
    regions: list[Place] = []
    for begin, first_edit, last_edit, end in _windows(outer, layer):
        start = begin if begin in bounds else _cut_after(outer.text, begin, first_edit)
        stop = end if end in bounds else _cut_before(outer.text, last_edit, end)
        regions.append((start, stop))
    return regions


def _windows(outer: View, layer: list[_Change]) -> list[list[int]]:
    """Where a window begins, its first edit begins, its last one ends, and it ends."""
    wide: list[list[int]] = []
    regions = iter(outer.regions)
    first, last = next(regions)
    for change in layer:
        edit = change.edit
        while edit.end > last:
            first, last = next(regions)
        begin, end = max(first, edit.start - WINDOW_CHARS), min(last, edit.end + WINDOW_CHARS)
        if wide and begin <= wide[-1][3] and first <= wide[-1][0]:
            wide[-1][2:] = [edit.end, end]
        else:
            wide.append([begin, edit.start, edit.end, end])
    return wide


def _cut_after(text: str, begin: int, end: int) -> int:
    """Where the first sentence begins in a range, or else the first word."""
    cut = _SENTENCE_END.search(text, begin, end) or _SPACE.search(text, begin, end)
    return cut.end() if cut else begin


def _cut_before(text: str, begin: int, end: int) -> int:
    """Where the last sentence ends in a range, or else the last word."""
    cuts = list(_SENTENCE_END.finditer(text, begin, end)) or list(_SPACE.finditer(text, begin, end))
    return cuts[-1].end() if cuts else end


def _view(outer: View, layer: list[_Change], regions: list[Place]) -> View:
    """The regions of a view with the edits made, which are in order and apart."""
    builder = _Builder(outer)
    changes = iter(layer)
    change = next(changes, None)
    for start, end in regions:
        builder.begin()
        position = start
        while change and change.edit.end <= end:
            if change.edit.start >= position:
                builder.keep(position, change.edit.start)
                builder.put(change)
                position = change.edit.end
            change = next(changes, None)
        builder.keep(position, end)
        builder.regions[-1] = (builder.regions[-1][0], builder.length)
    return View("".join(builder.parts), builder.starts, builder.ends, builder.regions, builder.runs)


class _Builder:
    """A view as it is put together."""

    def __init__(self, outer: View) -> None:
        self._outer = outer
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.regions: list[Place] = []
        self.runs: list[Run] = []

    @property
    def length(self) -> int:
        return len(self.starts)

    def begin(self) -> None:
        """Begin another region, apart from the one before."""
        if self.regions:
            self.parts.append(APART)
            self.starts += self.starts[-1:] * len(APART)
            self.ends += self.ends[-1:] * len(APART)
        self.regions.append((self.length, self.length))

    def keep(self, start: int, end: int) -> None:
        self.parts.append(self._outer.text[start:end])
        self.starts += self._outer.starts[start:end]
        self.ends += self._outer.ends[start:end]

    def put(self, change: _Change) -> None:
        start = self.length
        self.parts.append(change.edit.text)
        for first, last in change.edit.places():
            begin, end = (
                (self._outer.starts[first], self._outer.ends[first])
                if last == first + 1
                else self._outer.span(first, last)
            )
            self.starts.append(begin)
            self.ends.append(end)
        self.runs.append(Run(start, self.length, change.disguises))
