"""What of a request's parameters is screened, as one text, and where each character of it stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ...classifiers.disguises.edits import APART
from ...vocabulary import Match
from . import patterns
from .automaton import Automaton, of_grammar, of_pattern
from .letters import is_letter
from .open_names import OpenNames, Spelling
from .parameters import Kind, Place
from .plain_grammar import PlainGrammar, spoken

# So much around a name that a pattern spells is read with it, on each side.
_CONTEXT = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a source: a ``text``, and where its characters stand, if not as here."""

    text: str
    reads: list[patterns.Read] | None
    # Where a listed name begins that the source leaves open in part, and in what other places it stands.
    name: int | None = None
    again: list[list[patterns.Read]] = field(default_factory=list)

    @classmethod
    def of(cls, reads: list[patterns.Read], name: int | None = None) -> Reading:
        """The text of ``reads``."""
        return cls("".join(r.char for r in reads), reads, name)

    def place(self, at: int) -> tuple[int, int]:
        """Where the character ``at`` stands in the source."""
        return (self.reads[at].start, self.reads[at].end) if self.reads else (at, at + 1)

    def places(self, at: int) -> Iterator[tuple[int, int]]:
        """All of them."""
        yield self.place(at)
        for reads in self.again:
            if 0 <= (n := at - (self.name or 0)) < len(reads):
                yield reads[n].start, reads[n].end


@dataclass
class Text:
    """A text of the parameters, and what of it is flagged: places in ``source``."""

    kind: Kind
    source: str
    place: Place
    # What has been read of it, if not by a reader of ours.
    plain: PlainGrammar | None = None
    flagged: set[tuple[int, int]] = field(default_factory=set)
    # By the names that a pattern leaves open in part, how it reads with each.
    _spelt: dict[str, Reading] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: PlainGrammar) -> Text:
        """A grammar that has been read."""
        return cls("grammar", plain.source, "value", plain)

    @property
    def is_verbatim(self) -> bool:
        """Whether it says what it makes a model write letter by letter."""
        return self.kind in ("text", "literal")

    @cached_property
    def letters(self) -> str:
        """Those that it asks for, in small letters."""
        return "".join(char.lower() for char in self._plain[0].text if is_letter(char))

    @property
    def readings(self) -> list[Reading]:
        """How it is read: as it stands, or all that a pattern may ask for and the least of it; and with
        names in it."""
        return [*self._plain, *self._spelt.values()]

    @cached_property
    def _plain(self) -> list[Reading]:
        if self.is_verbatim:
            return [Reading(self.source, None)]
        whole = self._whole()
        least = [r for r in whole if not (r.optional or r.later)]
        return [Reading.of(reads) for reads in ([whole, least] if len(least) < len(whole) else [whole])]

    def _whole(self) -> list[patterns.Read]:
        if self.plain:
            return self.plain.reads
        return patterns.pattern(self.source) if self.kind == "pattern" else patterns.grammar(self.source)

    @cached_property
    def automaton(self) -> Automaton:
        """What a pattern or grammar takes."""
        if self.plain:
            return self.plain.automaton
        return of_pattern(self.source) if self.kind == "pattern" else of_grammar(self.source)

    def seek(self, names: OpenNames) -> None:
        """Look for names of which some letters are open, or which go more than one way."""
        if self.is_verbatim or not any(is_letter(char) for char in self.source):
            return
        for spelling in names.find(self.automaton):
            if not spelling.open and spelling.letters.replace(" ", "") in self.letters:
                continue
            reads = self._spelling(spelling)
            if known := self._spelt.get(spelling.letters):
                known.again.append(reads)
            else:
                self._spelt[spelling.letters] = self._with_context(reads)

    def _spelling(self, spelling: Spelling) -> list[patterns.Read]:
        atoms = [self.automaton.atoms[n] for n in spelling.atoms]
        before = (" ", *spelling.letters)
        return [
            patterns.Read(patterns.cased(self.source[a.start : a.end], letter, last == " "), a.start, a.end)
            for a, letter, last in zip(atoms, spelling.letters, before, strict=False)
        ]

    def _with_context(self, name: list[patterns.Read]) -> Reading:
        """What stands around a name says whether it is in scope."""
        reads = self._plain[0].reads
        if not reads or self.kind == "grammar":
            return Reading.of(name, 0)
        low, high = min(r.start for r in name), max(r.end for r in name)
        before = [r for r in reads if r.end <= low][-_CONTEXT:]
        after = [r for r in reads if r.start >= high][:_CONTEXT]
        return Reading.of([*before, *name, *after], len(before))

    def exchanged(self, letters: Callable[[str], str]) -> str:
        """The source, with other letters where it is flagged."""
        source = patterns.replaced(self.source, self.flagged, letters)
        return spoken(source) if self.plain else source


@dataclass(frozen=True, slots=True)
class Piece:
    """One reading of one text, at ``start`` of what is screened."""

    start: int
    reading: Reading
    of: Text
    # Whether it goes on from the piece before.
    goes_on: bool


class Page:
    """What is screened: all texts each by itself, then what they make together."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.turns: list[tuple[int, int]] = []
        self._written: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._written)

    def write(self, texts: Sequence[Text], between: str, every: bool = True) -> None:
        """A turn of the ``texts``, in ``every`` reading or in the first, with so much ``between`` them."""
        begun = self._length
        for text in texts:
            for reading in text.readings[: None if every else 1]:
                goes_on = self._length > begun and between != "\n"
                self._put(between if self._length > begun else "")
                self.pieces.append(Piece(self._length, reading, text, goes_on))
                self._put(reading.text)
        if self._length > begun:
            self.turns.append((begun, self._length))
            self._put(APART)

    def _put(self, text: str) -> None:
        self._written.append(text)
        self._length += len(text)

    def tells(self, match: Match) -> bool:
        """Whether a match is one: a name in one text or in what texts make together, or what they are about;
        texts that are read one after the other, but not written so, are no name."""
        if match.start >= self.turns[0][1]:
            return bool(match.name)
        return not match.name or len(list(self.under(match.start, match.end))) < 2

    def under(self, start: int, end: int) -> Iterator[tuple[Piece, int, int]]:
        """The pieces between ``start`` and ``end``, and what of each lies there."""
        first = bisect_right(self.pieces, start, key=lambda piece: piece.start) - 1
        for n in range(max(first, 0), len(self.pieces)):
            piece = self.pieces[n]
            if piece.start >= end:
                return
            low, high = max(start - piece.start, 0), min(end - piece.start, len(piece.reading.text))
            if low < high:
                yield piece, low, high
