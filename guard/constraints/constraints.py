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
from .cipher import Cipher, made
from .letters import is_letter, is_spaceless
from .open_names import OpenNames
from .page import Page, Piece, Text
from .parameters import Kind, Place, exchanged, extent, pinned
from .plain_grammar import PlainGrammar, UnreadableError
from .shapes import Shape
from .stand_ins import Group, StandIns
from .steering import Steering, Swap
from .understood import STRANGE_PATTERN, as_guidance, understood

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

    def text_of(self, token: int) -> str | None: ...

    @property
    def size(self) -> int: ...


class Constraints:
    """The parameters of one request: those ``given``, and the ``params`` to use, which are others once
    something that is listed was found in them."""

    def __init__(self, given: Any) -> None:
        self.given = self.params = given
        self.stand_ins: StandIns | None = None
        self.swap: Swap | None = None
        # What vLLM holds the answer to them with, and whether that may write spaces where JSON has them.
        self.backend: str | None = None
        self.any_whitespace = True
        self._texts: dict[tuple[Kind, str], Text] = {}
        self._names: list[Text] = []
        # What stands in the fields: of several the first, and of several the last.
        self._values: list[Text] = []
        self._last: list[Text] = []
        # Names and values as an answer has them, one after the other.
        self._pairs: list[Text] = []

    def read(self) -> None:
        """Find the texts. Raises ``TooDeepError`` for parameters that are nested too deeply."""
        if isinstance(self.given, SamplingParams):
            exchanged(self.given, self._take)

    def _take(self, kind: Kind, source: str, place: Place) -> str:
        text = self._texts.setdefault((kind, source), Text(kind, source, place))
        if text.place == "kept":
            text.place = place
        if place in ("name", "value", "first"):
            self._pairs.append(text)
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
        grammar = self._grammar(self.given, reader)
        texts = self._texts_beside(grammar)
        if not any(is_letter(char) for text in texts for char in text.source):
            return None
        if self.backend == "guidance" and any(
            text.kind == "pattern" and STRANGE_PATTERN.search(text.source) for text in texts
        ):
            raise UnreadableError("a pattern has what is not known here")
        self._seek(texts, names)
        page = self._page(texts)
        verdict = guard.screen(page.text, page.turns)
        if not (matches := _flag_all(page, verdict)):
            self._check_grammar(guard, reader, names)
            return Verdict("pass", verdict.generation)
        if acts:
            key = f"{guard.key}:{verdict.generation}"
            if grammar and any(text.flagged for text in texts):
                self._pin(page, key, matches, guard, reader, names)
            else:
                self._exchange(page, key, matches, reader)
                self._check_grammar(guard, reader, names)
        return Verdict("corrupt", verdict.generation, tuple(matches))

    def _check_grammar(self, guard: Judge, reader: Reader, names: Sequence[str]) -> None:
        """Raise ``UnreadableError`` where guidance finds a name that was not found before, or is left."""
        outputs: Any = getattr(self.params, "structured_outputs", None)
        if self.backend != "guidance" or not outputs.grammar:
            return
        if (grammar := as_guidance(outputs.grammar)) is not None:
            text = Text.of(PlainGrammar(grammar, reader))
            self._seek([text], names)
            page = Page()
            page.write([text], "\n")
            if _flag_all(page, guard.screen(page.text, page.turns)):
                raise UnreadableError("a grammar says what no reader of ours has read in it")

    def steer(
        self, before: str, guard: Judge, reader: Reader, names: Sequence[str], acts: bool = True
    ) -> Verdict | None:
        """Decide on the tokens that the parameters favour, where the prompt ends with ``before``, and swap
        those that are flagged if the guard ``acts``; None without any. Raises ``UnreadableError``."""
        if not isinstance(self.given, SamplingParams) or not (steering := Steering(self.given, reader)):
            return None
        verdict, tokens = steering.screen(before, guard, names)
        if tokens and acts:
            self.swap = steering.swap(tokens, f"{guard.key}:{verdict.generation}")
            self.params = self.swap.params(self.params)
        return verdict

    def _grammar(self, params: SamplingParams, reader: Reader, plain: bool = False) -> Text | None:
        """What xgrammar has understood, if it is what holds the answer, also of ``plain`` schemas. Raises
        ``UnreadableError``."""
        if self.backend != "xgrammar":
            return None
        grammar = understood(params.structured_outputs, self.any_whitespace, plain)
        return Text.of(PlainGrammar(grammar, reader)) if grammar else None

    def _texts_beside(self, grammar: Text | None) -> list[Text]:
        """All that is to be read. An engine that began with another backend goes on with it, and that one may
        read a pattern otherwise: so this is read too, where it says something else."""
        texts = list(self._texts.values())
        if grammar is None:
            return texts
        return [grammar, *(t for t in texts if t.kind == "text" or t.letters not in grammar.letters)]

    def _screen_replayed(self, guard: Judge, reader: Reader, acts: bool) -> Verdict:
        """Tokens that the model is made to say: neutral ones stand for those that are flagged."""
        decoded = reader.decode(self._replayed)
        verdict = guard.screen(decoded.text, decoded.turns)
        if acts and verdict.action == "corrupt":
            params = copy(self.given)
            positions = [token.position for token in decoded.flag(verdict.matches)]
            params.trace_decode_token_ids = reader.neutral(self._replayed, positions)
            self.params = params
        return verdict

    def _seek(self, texts: Sequence[Text], names: Sequence[str]) -> None:
        if names:
            characters = sum(len(text.source) for text in texts)
            seeking = OpenNames(names, _STEPS + _STEPS_FOR_EACH * characters)
            for text in texts:
                text.seek(seeking)

    def _page(self, texts: Sequence[Text]) -> Page:
        page = Page()
        page.write(texts, "\n")
        last = self._last if self._last != self._values else []
        for together in (self._names, self._values, last):
            for between in (" ", "") if len(together) > 1 else ():
                page.write(together, between, every=False)
        if self._names and self._values:
            page.write(self._pairs, " ", every=False)
        return page

    def _exchange(self, page: Page, key: str, matches: Sequence[Match], reader: Reader) -> None:
        cipher = _cipher(page, key, matches)
        params, written = self._exchanged(cipher)
        if params is not self.given:
            patterns = [text for text in self._texts.values() if text.flagged and not text.is_verbatim]
            self._use(params, written, reader)
            self.stand_ins = _stand_ins(cipher, [page], patterns)

    def _exchanged(self, cipher: Cipher, verbatim: bool = False) -> tuple[SamplingParams, list[str]]:
        """The parameters in the letters of ``cipher``, and what was written with these. Only what is no text
        of a pattern, grammar or tag, where it is to be ``verbatim``."""
        written = {
            key: text.exchanged(cipher.replace)
            for key, text in self._texts.items()
            if text.flagged and (text.kind == "text" or not verbatim)
        }
        params = exchanged(self.given, lambda kind, source, _: written.get((kind, source), source))
        return params, list(written.values())

    def _pin(
        self,
        page: Page,
        key: str,
        matches: Sequence[Match],
        guard: Judge,
        reader: Reader,
        names: Sequence[str],
    ) -> None:
        """Hold the answer to a grammar that each backend reads alike, in which what is listed has given way:
        first what is so by what fields say together, then all that the grammar says."""
        cipher = _cipher(page, key, matches)
        params, written = self._exchanged(cipher, verbatim=True)
        grammar = self._grammar(params, reader, plain=True)
        assert grammar  # the client's own was read
        self._seek([grammar], names)
        again = Page()
        again.write([grammar], "\n")
        _flag_all(again, guard.screen(again.text, again.turns))
        source = grammar.exchanged(cipher.replace)
        self._use(pinned(params, source), [*written, source], reader)
        self.stand_ins = _stand_ins(cipher, [page, again], [grammar] if grammar.flagged else [])

    def _use(self, params: SamplingParams, written: Iterable[str], reader: Reader) -> None:
        if params.max_tokens is not None:
            params.max_tokens *= _TOKENS_FOR_ONE
        if params.allowed_token_ids is not None:
            needed = (token for text in written for token in reader.encode(text))
            params.allowed_token_ids = list({*params.allowed_token_ids, *needed})
        self.params = params


def _flag_all(page: Page, verdict: Verdict) -> list[Match]:
    """Mark what the matches of a page cover; those that tell something. Raises ``UnownedMatchError``."""
    matches = [match for match in verdict.matches if page.tells(match)]
    for match in matches:
        if not _flag(page, match):
            raise UnownedMatchError("a match in the parameters owns no letter")
    return matches


def _flag(page: Page, match: Match) -> bool:
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


def _cipher(page: Page, key: str, matches: Iterable[Match]) -> Cipher:
    targets = " ".join(sorted({match.target_id for match in matches}))
    words = (word for group in _groups(page, spelt=True) for word in group.words)
    return made(f"{key}:{targets}", words)


def _stand_ins(cipher: Cipher, pages: Iterable[Page], patterns: Sequence[Text]) -> StandIns:
    shapes = [Shape(text.automaton, text.flagged, cipher) for text in patterns[:_SHAPES]]
    groups = [group for page in pages for group in _groups(page, spelt=False)]
    leads = {before for page in pages for group in _groups(page, spelt=True) for before in group.before}
    return StandIns(cipher, groups, shapes, leads)


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
