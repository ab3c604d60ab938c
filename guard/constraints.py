"""What a client makes the model write is read like what it makes the model read.

A listed name that a parameter forces into the answer (a constant, a choice, a pattern, a grammar, the name of
a field) would tell the model what the answer is about, past a clean prompt. So the model is made to write a
stand-in, of which it knows nothing, and the client gets its own words back (``restoring``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from vllm import SamplingParams

from ..vocabulary import Match, Verdict
from . import patterns
from .automaton import Automaton, of_grammar, of_pattern
from .cipher import made
from .letters import is_letter, is_spaceless
from .open_names import OpenNames, Spelling
from .parameters import Kind, Place, exchanged
from .prompts import DecodedPrompt, UnownedMatchError
from .shapes import Shape
from .stand_ins import Group, StandIns

# A stand-in may take more tokens than the name; the client's limit is kept where its words come back.
_TOKENS_FOR_ONE = 4
# Of several texts that describe a target together, those of fewer letters say nothing.
_TELLING = 3
# Longer ones are no words, and looking for their ends would take long.
_LONGEST_WORD = 200
_WORD = re.compile(r"[^\W_]+")
# What is looked at for names with open letters: so many steps, and so many for each character.
_STEPS, _STEPS_FOR_EACH = 200_000, 8
# So many readings of a text are read with what stands around the name, so much on each side.
_WITH_CONTEXT, _CONTEXT = 4, 200
# So many patterns are followed through an answer.
_SHAPES = 64


class Judge(Protocol):
    """What of a ``Guard`` is needed here."""

    def screen(self, text: str, turns: list[tuple[int, int]] | None = None) -> Verdict: ...

    @property
    def key(self) -> str: ...


class Reader(Protocol):
    """What of a ``Screen`` is needed here."""

    def decode(self, token_ids: Sequence[int]) -> DecodedPrompt: ...

    def encode(self, text: str) -> list[int]: ...

    def neutral(self, token_ids: Sequence[int], positions: Sequence[int]) -> list[int]: ...


@dataclass
class _Text:
    """A text of the parameters, and what of it is flagged: places in ``source``."""

    kind: Kind
    source: str
    place: Place
    flagged: set[tuple[int, int]] = field(default_factory=set)
    # How a pattern reads with a listed name where it leaves letters of one open.
    spelt: list[list[patterns.Read]] = field(default_factory=list)

    @property
    def readings(self) -> list[tuple[str, list[patterns.Read] | None]]:
        """How it is read: as it stands, or all that a pattern may ask for and the least of it; and with
        names in it."""
        return [*self._plain, *map(_joined, self.spelt)]

    @cached_property
    def _plain(self) -> list[tuple[str, list[patterns.Read] | None]]:
        if self.kind == "text":
            return [(self.source, None)]
        whole = patterns.pattern(self.source) if self.kind == "pattern" else patterns.grammar(self.source)
        least = [r for r in whole if not (r.optional or r.later)]
        return [_joined(reads) for reads in ([whole, least] if len(least) < len(whole) else [whole])]

    @cached_property
    def automaton(self) -> Automaton:
        """What a pattern or grammar takes."""
        return of_pattern(self.source) if self.kind == "pattern" else of_grammar(self.source)

    def seek(self, names: OpenNames) -> None:
        """Look for names of which some letters are open, or which go more than one way."""
        if self.kind == "text" or not any(is_letter(char) for char in self.source):
            return
        told = "".join(char.lower() for char in self._plain[0][0] if is_letter(char))
        for spelling in names.find(self.automaton):
            if spelling.open or spelling.letters.replace(" ", "") not in told:
                self.spelt.append(self._with_context(self._spelling(spelling)))

    def _spelling(self, spelling: Spelling) -> list[patterns.Read]:
        atoms = [self.automaton.atoms[n] for n in spelling.atoms]
        before = (" ", *spelling.letters)
        return [
            patterns.Read(patterns.cased(self.source[a.start : a.end], letter, last == " "), a.start, a.end)
            for a, letter, last in zip(atoms, spelling.letters, before, strict=False)
        ]

    def _with_context(self, name: list[patterns.Read]) -> list[patterns.Read]:
        reads = self._plain[0][1]
        if not reads or self.kind == "grammar" or len(self.spelt) >= _WITH_CONTEXT:
            return name
        low, high = min(r.start for r in name), max(r.end for r in name)
        before = [r for r in reads if r.end <= low][-_CONTEXT:]
        return [*before, *name, *[r for r in reads if r.start >= high][:_CONTEXT]]

    def exchanged(self, letters: Callable[[str], str]) -> str:
        """The source, with other letters where it is flagged."""
        return patterns.replaced(self.source, self.flagged, letters)


def _joined(reads: list[patterns.Read]) -> tuple[str, list[patterns.Read]]:
    return "".join(r.char for r in reads), reads


@dataclass(frozen=True, slots=True)
class _Piece:
    """One reading of one text, at ``start`` of what is screened."""

    start: int
    text: str
    reads: list[patterns.Read] | None
    of: _Text
    # Whether it goes on from the piece before.
    goes_on: bool
    # Whether letters of it are a listed name's, which the source leaves open.
    spelt: bool

    def place(self, at: int) -> tuple[int, int]:
        """Where the character ``at`` stands in the source."""
        return (self.reads[at].start, self.reads[at].end) if self.reads else (at, at + 1)


class _Page:
    """What is screened: all texts each by itself, then what they make together."""

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.turns: list[tuple[int, int]] = []
        self._written: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._written)

    def write(self, texts: Sequence[_Text], between: str, every: bool = True) -> None:
        """A turn of the ``texts``, in ``every`` reading or in the first, with so much ``between`` them."""
        begun = self._length
        for text in texts:
            for n, (read, reads) in enumerate(text.readings[: None if every else 1]):
                spelt = n >= len(text.readings) - len(text.spelt)
                goes_on = self._length > begun and between != "\n"
                self._put(between if self._length > begun else "")
                self.pieces.append(_Piece(self._length, read, reads, text, goes_on, spelt))
                self._put(read)
        if self._length > begun:
            self.turns.append((begun, self._length))
            self._put("\n\n")

    def _put(self, text: str) -> None:
        self._written.append(text)
        self._length += len(text)

    def tells(self, match: Match) -> bool:
        """Whether a match is one: a name in one text or in what texts make together, or what they are about;
        texts that are read one after the other, but not written so, are no name."""
        if match.start >= self.turns[0][1]:
            return bool(match.name)
        return not match.name or len(list(self.under(match.start, match.end))) < 2

    def under(self, start: int, end: int) -> Iterator[tuple[_Piece, int, int]]:
        """The pieces between ``start`` and ``end``, and what of each lies there."""
        first = bisect_right(self.pieces, start, key=lambda piece: piece.start) - 1
        for n in range(max(first, 0), len(self.pieces)):
            piece = self.pieces[n]
            if piece.start >= end:
                return
            low, high = max(start - piece.start, 0), min(end - piece.start, len(piece.text))
            if low < high:
                yield piece, low, high


class Constraints:
    """The parameters of one request: those ``given``, and the ``params`` to use, which are others once
    something that is listed was found in them."""

    def __init__(self, given: Any) -> None:
        self.given = self.params = given
        self.stand_ins: StandIns | None = None
        self._texts: dict[tuple[Kind, str], _Text] = {}
        self._names: list[_Text] = []
        # What stands in the fields: of several the first, and of several the last.
        self._values: list[_Text] = []
        self._last: list[_Text] = []

    def read(self) -> None:
        """Find the texts. Raises ``TooDeepError`` for parameters that are nested too deeply."""
        if isinstance(self.given, SamplingParams):
            exchanged(self.given, self._take)

    def _take(self, kind: Kind, source: str, place: Place) -> str:
        text = self._texts.setdefault((kind, source), _Text(kind, source, place))
        if text.place == "kept":
            text.place = place
        if place == "name":
            self._names.append(text)
        if place in ("value", "first"):
            self._values.append(text)
        if place in ("value", "last"):
            self._last.append(text)
        return source

    @property
    def characters(self) -> int:
        """How much text there is to read, each text once; a token that is to be replayed counts as one."""
        return sum(len(text.source) for text in self._texts.values()) + len(self._replayed)

    @property
    def _replayed(self) -> Sequence[int]:
        return getattr(self.given, "trace_decode_token_ids", None) or ()

    def screen(
        self, guard: Judge, reader: Reader, acts: bool = True, names: Sequence[str] = ()
    ) -> Verdict | None:
        """Decide on the parameters, and exchange what is flagged if the guard ``acts``; None without text.

        ``names`` are those listed, in order, in small letters: patterns may leave letters of them open.
        Raises ``UnownedMatchError``, and whatever ``guard`` raises.
        """
        if self._replayed:
            return self._screen_replayed(guard, reader, acts)
        if not any(is_letter(char) for text in self._texts.values() for char in text.source):
            return None
        self._seek(names)
        page = self._page()
        verdict = guard.screen(page.text, page.turns)
        matches = [match for match in verdict.matches if page.tells(match)]
        if not matches:
            return Verdict("pass", verdict.generation)
        for match in matches:
            if not self._flag(page, match):
                raise UnownedMatchError("a match in the parameters owns no letter")
        if acts:
            self._exchange(page, f"{guard.key}:{verdict.generation}", matches, reader)
        return Verdict("corrupt", verdict.generation, tuple(matches))

    def _screen_replayed(self, guard: Judge, reader: Reader, acts: bool) -> Verdict:
        """Tokens that the model is made to say: neutral ones stand for those that are flagged."""
        decoded = reader.decode(self._replayed)
        verdict = guard.screen(decoded.text, decoded.turns)
        if acts and verdict.action == "corrupt":
            params = copy(self.given)
            positions = sorted(decoded.owners(verdict.matches))
            params.trace_decode_token_ids = reader.neutral(self._replayed, positions)
            self.params = params
        return verdict

    def _seek(self, names: Sequence[str]) -> None:
        if names:
            seeking = OpenNames(names, _STEPS + _STEPS_FOR_EACH * self.characters)
            for text in self._texts.values():
                text.seek(seeking)

    def _page(self) -> _Page:
        page = _Page()
        page.write(list(self._texts.values()), "\n")
        together = [self._names, self._values, self._last if self._last != self._values else []]
        for texts in together:
            for between in (" ", "") if len(texts) > 1 else ():
                page.write(texts, between, every=False)
        return page

    def _flag(self, page: _Page, match: Match) -> bool:
        """Mark what a match covers, whole words; whether it covers any letter."""
        under = list(page.under(match.start, match.end))
        covers = False
        for piece, low, high in under:
            low, high = _whole_words(piece.text, low, high)
            places = {piece.place(at) for at in range(low, high) if is_letter(piece.text[at])}
            covers = covers or bool(places)
            # What only describes a target is in what the fields say, not in what they are called.
            aside = not match.name and len(under) > 1 and (piece.of.place == "name" or len(places) < _TELLING)
            if piece.of.place != "kept" and not aside:
                piece.of.flagged |= places
        return covers

    def _exchange(self, page: _Page, key: str, matches: Iterable[Match], reader: Reader) -> None:
        groups = _groups(page, spelt=True)
        targets = " ".join(sorted({match.target_id for match in matches}))
        cipher = made(f"{key}:{targets}", (word for group in groups for word in group.words))
        written = {
            text: found.exchanged(cipher.replace) for text, found in self._texts.items() if found.flagged
        }
        params = exchanged(self.given, lambda kind, source, _: written.get((kind, source), source))
        if params is self.given:
            return
        if params.max_tokens is not None:
            params.max_tokens *= _TOKENS_FOR_ONE
        if params.allowed_token_ids is not None:
            needed = [reader.encode(text) for text in written.values()]
            params.allowed_token_ids = list({*params.allowed_token_ids, *(t for ids in needed for t in ids)})
        flagged = [text for text in self._texts.values() if text.flagged and text.kind != "text"]
        shapes = [Shape(text.automaton, text.flagged, cipher) for text in flagged[:_SHAPES]]
        self.params, self.stand_ins = params, StandIns(cipher, _groups(page, spelt=False), shapes)


def _whole_words(text: str, low: int, high: int) -> tuple[int, int]:
    first, last = max(0, low - _LONGEST_WORD), min(len(text), high + _LONGEST_WORD)
    while low > first and _belongs(text[low - 1], text[low]):
        low -= 1
    while high < last and _belongs(text[high], text[high - 1]):
        high += 1
    return low, high


def _belongs(char: str, beside: str) -> bool:
    """Whether two letters are of one word."""
    return is_letter(char) and is_letter(beside) and not is_spaceless(char)


def _groups(page: _Page, spelt: bool) -> list[Group]:
    """The flagged words, lower case, those together with nothing but spaces and marks between them; also
    those that are ``spelt`` with letters which the source leaves open, if wanted."""
    grouping = _Grouping()
    for piece in page.pieces:
        if piece.spelt and not spelt:
            continue
        if not piece.goes_on or not piece.of.flagged:
            grouping.end()
        grouping.read(piece)
    grouping.end()
    return grouping.groups


class _Grouping:
    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._words: list[str] = []
        # The last word that is not flagged, and the one before the group.
        self._last = self._before = ""
        self._end = -1

    def read(self, piece: _Piece) -> None:
        """Go on with ``piece``."""
        if not piece.of.flagged:
            words = _WORD.findall(piece.text[-_LONGEST_WORD:])
            self._last = words[-1].lower() if words else self._last
            return
        parted = piece.start > self._end
        self._end = piece.start + len(piece.text)
        for at, char in enumerate(piece.text):
            if is_letter(char):
                self._put(char.lower() if len(char.lower()) == 1 else char, piece, at, parted)
            parted = not is_letter(char)

    def _put(self, letter: str, piece: _Piece, at: int, parted: bool) -> None:
        if piece.place(at) not in piece.of.flagged:
            self.end()
            self._last = letter if parted else self._last + letter
            return
        if not self._words:
            self._before = self._last
        if parted or not self._words:
            self._words.append("")
        self._words[-1] += letter

    def end(self) -> None:
        """No more words stand together."""
        if self._words:
            self.groups.append(Group(self._words, self._before))
            self._words = []
