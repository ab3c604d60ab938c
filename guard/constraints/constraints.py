"""What a client makes the model write is read like what it makes the model read.

A listed name that a parameter forces into the answer (a constant, a choice, a pattern, a grammar, the name of
a field) would tell the model what the answer is about, past a clean prompt. So the model is made to write a
stand-in, of which it knows nothing, and the client gets its own words back (``restoring``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Protocol

from vllm import SamplingParams

from ...vocabulary import Match, Verdict
from ..prompts import DecodedPrompt, UnownedMatchError
from .cipher import made
from .letters import is_letter, is_spaceless
from .open_names import OpenNames
from .page import Page, Piece, Text
from .parameters import Kind, Place, exchanged, extent
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
# So many patterns are followed through an answer.
_SHAPES = 64


class Judge(Protocol):
    """The part of a ``Guard`` that constraints need."""

    def screen(self, text: str, turns: list[tuple[int, int]] | None = None) -> Verdict: ...

    @property
    def key(self) -> str: ...


class Reader(Protocol):
    """The part of a ``Rewriter`` that constraints need."""

    def decode(self, token_ids: Sequence[int]) -> DecodedPrompt: ...

    def encode(self, text: str) -> list[int]: ...

    def neutral(self, token_ids: Sequence[int], positions: Sequence[int]) -> list[int]: ...


class Constraints:
    """The parameters of one request: those ``given``, and the ``params`` to use, which are others once
    something that is listed was found in them."""

    def __init__(self, given: Any) -> None:
        self.given = self.params = given
        self.stand_ins: StandIns | None = None
        self._texts: dict[tuple[Kind, str], Text] = {}
        self._names: list[Text] = []
        # What stands in the fields: of several the first, and of several the last.
        self._values: list[Text] = []
        self._last: list[Text] = []

    def read(self) -> None:
        """Find the texts. Raises ``TooDeepError`` for parameters that are nested too deeply."""
        if isinstance(self.given, SamplingParams):
            exchanged(self.given, self._take)

    def _take(self, kind: Kind, source: str, place: Place) -> str:
        text = self._texts.setdefault((kind, source), Text(kind, source, place))
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
    def extent(self) -> int:
        """About how long they are, before they are read."""
        return extent(self.given)

    @property
    def characters(self) -> int:
        """How much text there is to read, each text once; a token that is to be replayed counts as one."""
        return sum(len(text.source) for text in self._texts.values()) + len(self._replayed)

    @property
    def _replayed(self) -> Sequence[int]:
        return getattr(self.given, "trace_decode_token_ids", None) or ()

    def screen(self, guard: Judge, reader: Reader, names: Sequence[str], acts: bool = True) -> Verdict | None:
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
            positions = [token.position for token in decoded.flagged(verdict.matches)]
            params.trace_decode_token_ids = reader.neutral(self._replayed, positions)
            self.params = params
        return verdict

    def _seek(self, names: Sequence[str]) -> None:
        if names:
            seeking = OpenNames(names, _STEPS + _STEPS_FOR_EACH * self.characters)
            for text in self._texts.values():
                text.seek(seeking)

    def _page(self) -> Page:
        page = Page()
        page.write(list(self._texts.values()), "\n")
        together = [self._names, self._values, self._last if self._last != self._values else []]
        for texts in together:
            for between in (" ", "") if len(texts) > 1 else ():
                page.write(texts, between, every=False)
        return page

    def _flag(self, page: Page, match: Match) -> bool:
        """Mark what a match covers, whole words; whether it covers any letter."""
        under = list(page.under(match.start, match.end))
        covers = False
        for piece, low, high in under:
            low, high = _whole_words(piece.reading.text, low, high)
            places = {
                place
                for at in range(low, high)
                if is_letter(piece.reading.text[at])
                for place in piece.reading.places(at)
            }
            covers = covers or bool(places)
            # What only describes a target is in what the fields say, not in what they are called.
            aside = not match.name and len(under) > 1 and (piece.of.place == "name" or len(places) < _TELLING)
            if piece.of.place != "kept" and not aside:
                piece.of.flagged |= places
        return covers

    def _exchange(self, page: Page, key: str, matches: Iterable[Match], reader: Reader) -> None:
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
        self.params, self.stand_ins = (
            params,
            StandIns(
                cipher,
                _groups(page, spelt=False),
                shapes,
                (before for group in groups for before in group.before),
            ),
        )


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


def _groups(page: Page, spelt: bool) -> list[Group]:
    """The flagged words, lower case, those together with nothing but spaces and marks between them; also
    those that are ``spelt`` with letters which the source leaves open, if wanted."""
    grouping = _Grouping()
    for piece in page.pieces:
        if piece.reading.name is not None and not spelt:
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
        # The last word that is not flagged, and those that may come before the group.
        self._last = ""
        self._before: tuple[str, ...] = ()
        # Whether no word of the piece came yet: it may stand by itself, such as a choice, or behind another.
        self._first = True
        self._end = -1

    def read(self, piece: Piece) -> None:
        """Go on with ``piece``."""
        if not piece.of.flagged:
            words = _WORD.findall(piece.reading.text[-_LONGEST_WORD:])
            self._last = words[-1].lower() if words else self._last
            return
        parted = piece.start > self._end
        self._first = self._first or parted
        self._end = piece.start + len(piece.reading.text)
        for at, char in enumerate(piece.reading.text):
            if is_letter(char):
                self._put(char.lower() if len(char.lower()) == 1 else char, piece, at, parted)
            parted = not is_letter(char)

    def _put(self, letter: str, piece: Piece, at: int, parted: bool) -> None:
        if piece.reading.place(at) not in piece.of.flagged:
            self.end()
            self._last = letter if parted else self._last + letter
            self._first = False
            return
        if not self._words:
            self._before = (self._last, "") if self._first else (self._last,)
            self._first = False
        if parted or not self._words:
            self._words.append("")
        self._words[-1] += letter

    def end(self) -> None:
        """No more words stand together."""
        if self._words:
            self.groups.append(Group(self._words, self._before))
            self._words = []
