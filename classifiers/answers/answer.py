"""One answer as it is written: how much of it may be sent, and where it says what is listed."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import regex

from ..merged.watched_names import AllRecitals, Watched
from ..names.names import NameHit
from .watched_names import ENDING, Partners

# Of a script without spaces each character may begin a name.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"\p{{L}}\p{{N}}\p{{M}}--{_UNSPACED}\p{{Hangul}}"
# A word of Latin letters ends where Hangul begins: "Einstein은". Behind a small letter a capital begins
# another: "EinsteinAnd".
_WORD = regex.compile(
    rf"[{_UNSPACED}]|[\p{{Hangul}}\p{{M}}]+|[{_LETTER}\p{{Ll}}]*\p{{Ll}}[{_LETTER}\p{{Lu}}]*|[{_LETTER}]+",
    regex.V1,
)
_SEAM = regex.compile(r"(?<=\p{Ll})(?=\p{Lu})")
# What may stand between such words: the second may be of the same name, or of no name.
_BETWEEN = (" ", ", ")
# What stands between two words of a name is no longer.
_GAP = 4
# So many words before its last may hold the others of a name.
_BEFORE = 6
# So much before a word says whose name it is part of.
_AROUND = 240
_KEPT = 4 * _AROUND


@dataclass(frozen=True, slots=True)
class Mention:
    """What is listed stands in the answer's characters from ``start`` to before ``end``; negative places are
    of the prompt's end. ``recited`` is of a passage, ``told`` a sentence, and neither a name."""

    target_id: str
    text: str
    start: int
    end: int
    recited: bool = False
    told: bool = False


class Answer:
    """Reads the text of one answer piece by piece, in time linear in it.

    A name is read with the character after it, which says whether its last word ends there. So what could
    become a name waits, and what cannot is free at once.
    """

    def __init__(
        self,
        names: Watched,
        recitals: AllRecitals,
        before: str = "",
        expected: Collection[str] = (),
    ) -> None:
        """The answer goes on from ``before``; ``expected`` are the targets that the prompt is about."""
        self._names, self._recitals, self._expected = names, recitals, frozenset(expected)
        self._ordinary = names.ordinary(self._expected) if expected else frozenset()
        # The text from `_first` on, counted from the answer's beginning, is kept.
        self._text, self._first = before[-_AROUND:], -len(before[-_AROUND:])
        self._scanned = self._first
        self._runs: list[int] = []
        # Runs that end within a word of a name: "is a" may become "Isaura", and hardly ever does.
        self._loose: set[int] = set()
        self._words: deque[str] = deque(maxlen=recitals.run)
        self._before: deque[Partners] = deque(maxlen=_BEFORE)
        self._alone: int | None = None
        # From here a word is looked at again, once what was found in it is allowed.
        self._again: int | None = None
        self._allowed: set[tuple[str, str]] = set()
        self._said: set[str] = set()
        self.free = 0
        """So many characters of the answer may be sent: what stands in them can no longer become listed."""
        self.held = sys.maxsize
        """Behind this place all may have to be forgotten again."""
        self.read("")
        self.free = 0

    @property
    def length(self) -> int:
        """How many characters of the answer were read."""
        return self._first + len(self._text)

    def said(self, start: int, end: int | None = None) -> str:
        """What is kept of the characters from ``start``, which may be negative, to before ``end``."""
        return self._slice(max(start, self._first), self.length if end is None else end)

    def read(self, piece: str, final: bool = False) -> Mention | None:
        """Go on with ``piece``. Returns the first thing that is listed; ``allow`` it or ``rewind``, and go on
        with ``read("", final)``. At the end, ``final``, all words are whole."""
        self._text += piece
        if self._again is not None and (mention := self._look(self._again, final)):
            return mention
        for word in _WORD.finditer(self._text, self._scanned - self._first):
            start, end = word.start() + self._first, word.end() + self._first
            if end == self.length and not final:
                break
            if mention := self._end_word(start, end, final):
                return mention
        if final and self._alone is not None:
            alone, self._alone = self._alone, None
            if mention := self._look(alone, final=True):
                return mention
        self.free = self.length if final else self._begun()
        self._go_past()
        self._forget()
        return None

    def allow(self, mention: Mention) -> None:
        """Let this one by, and all like it: the client wrote it."""
        self._allowed.add((mention.target_id, self._names.fold(mention.text)))

    def remember(self, target_id: str) -> None:
        """Take note that the model brought ``target_id`` up: it says what was taken back another way, "Sir
        James Einstein". From here on a surname that is as good means the target, whatever stands beside."""
        self._said.add(target_id)

    def rewind(self, place: int) -> None:
        """Forget what was read from ``place`` on, which must not lie far back."""
        self._text = self._text[: place - self._first]
        self.free = min(self.free, place)
        self._read_again()

    def renew(self, names: Watched, recitals: AllRecitals) -> None:
        """Go on with another list."""
        self._names, self._recitals = names, recitals
        self._ordinary = names.ordinary(self._expected) if self._expected else frozenset()
        self._words = deque(maxlen=recitals.run)
        self._read_again()

    def _read_again(self) -> None:
        """Where words, and names that may go on, begin in the text as it stands."""
        words = [(w.start() + self._first, w.end() + self._first) for w in _WORD.finditer(self._text)]
        if words and words[-1][1] == self.length:
            words.pop()
        if words and self._names.may_end(self._slice(*words[-1]), ()):
            words.pop()  # a surname may wait for its next word
        waits = self._alone is not None and self._alone < self.length
        self._scanned, self._alone = words[-1][1] if words else self._first, self._alone if waits else None
        folded = [self._names.fold(self._slice(*word)) for word in words]
        self._words.clear()
        self._words.extend(folded)
        self._before.clear()
        self._before.extend(map(self._names.partners, folded[-_BEFORE:]))
        self._runs, self._loose, self._again = [], set(), None
        for start, _ in words[-_BEFORE:]:
            letters = self._names.fold(self._slice(start, self._scanned))
            if self._names.begins(letters, self._ordinary):
                self._runs.append(start)
                if not self._names.is_head(letters, self._slice(*words[-1])):
                    self._loose.add(start)

    def would_say(self, piece: str) -> bool:
        """Whether ``piece`` next would complete a name, if its word ended there."""
        if not any(char.isalnum() for char in piece):
            return False
        text = self._text + piece
        words = list(_WORD.finditer(text, self._scanned - self._first))
        begins = [run - self._first for run in self._runs] + [word.start() for word in words]
        *others, last = (word[0] for word in words)
        before = (*self._before, *(self._names.partners(self._names.fold(word)) for word in others))
        if not self._names.may_end(last, before) and not any(
            self._names.is_whole(self._names.fold(text[begin:]), self._ordinary) for begin in begins
        ):
            return False
        around = max(0, len(text) - _AROUND)
        return any(
            (hit.target_id, self._names.fold(text[around + hit.start : around + hit.end]))
            not in self._allowed
            for hit, _ in self._find(text[around:] + " ", len(self._text) - around)
        )

    def may_say(self, piece: str) -> bool:
        """As ``would_say``, but that a misspelt name is none: so most pieces are decided on at once."""
        return self._names.may_complete(piece) and self.would_say(piece)

    def _end_word(self, start: int, end: int, final: bool) -> Mention | None:
        """A word is whole: whatever ended with it is looked at."""
        runs: list[int] = []
        loose: set[int] = set()
        looks = False
        last = self._scanned
        for run in (*(self._runs if start - last < _GAP else ()), start):
            letters = self._names.fold(self._slice(run, end))
            whole = self._names.is_whole(letters, self._ordinary)
            plain = letters not in self._ordinary and self._names.is_plain(letters, self._slice(start, end))
            looks = looks or (whole and not plain)
            if self._names.begins(letters, self._ordinary):
                runs.append(run)
                if not self._names.is_head(letters, self._slice(start, end)):
                    loose.add(run)
        self._runs, self._loose, self._scanned = runs, loose, end
        folded = self._names.fold(self._slice(start, end))
        looks = looks or self._names.may_end(self._slice(start, end), self._before)
        self._words.append(folded)
        self._before.append(self._names.partners(folded))
        if self._recitals and (mention := self._recite(start, end, folded)):
            return mention
        if self._alone is not None:
            start, self._alone, looks = self._alone, None, True
        return self._look(start, final) if looks else None

    def _recite(self, start: int, end: int, folded: str) -> Mention | None:
        if target_id := self._recitals.find(self._words):
            return Mention(target_id, self._slice(start, end), start, end, recited=True)
        return None

    def _look(self, after: int, final: bool) -> Mention | None:
        """The first name that ends behind ``after``. A surname alone is looked at again with the next word,
        which may make it a thing's."""
        self._again = None
        first = max(self._first, min(after, self._scanned) - _AROUND)
        text = self._slice(first, self._scanned + 1) + (" " if final else "")
        found = self._find(text, after - first, more=not final)
        hits = sorted(found, key=lambda pair: pair[0].start)
        for hit, alone in hits:
            mention = Mention(hit.target_id, text[hit.start : hit.end], hit.start + first, hit.end + first)
            if (
                mention.end <= max(0, self.free)
                or (hit.target_id, self._names.fold(mention.text)) in self._allowed
            ):
                continue
            if alone and not final and mention.end >= self._scanned:
                self._alone = mention.start if self._alone is None else min(self._alone, mention.start)
                continue
            self._again = after
            return mention
        return None

    def _find(self, text: str, after: int, more: bool = False) -> Iterator[tuple[NameHit, bool]]:
        yield from self._names.find(text, after, self._expected, self._said, more)
        seams = [seam.start() for seam in _SEAM.finditer(text)]
        for between in _BETWEEN if seams else ():
            yield from self._find_parted(text, after, more, seams, between)

    def _find_parted(
        self, text: str, after: int, more: bool, seams: Sequence[int], between: str
    ) -> Iterator[tuple[NameHit, bool]]:
        """As ``_find``, with ``between`` put into the words that are written as one."""
        pieces = [text[start:end] for start, end in pairwise((0, *seams, len(text)))]
        width = len(between)
        begins = [seam + number * width for number, seam in enumerate(seams, 1)]

        def back(place: int) -> int:
            return place - width * bisect_right(begins, place)

        begin = after + width * bisect_left(seams, after)
        for hit, alone in self._names.find(between.join(pieces), begin, self._expected, self._said, more):
            yield replace(hit, start=back(hit.start), end=back(hit.end)), alone

    def _begun(self) -> int:
        """Where the first thing begins that could become listed."""
        begun = [self.length] if self._alone is None else [self._alone]
        gap = self.length - self._scanned
        unfinished = _WORD.search(self._text, self._scanned - self._first)
        if unfinished is None:
            begun += (run for run in self._runs if gap < _GAP and run not in self._loose)
        else:
            start = unfinished.start() + self._first
            runs = self._runs if start - self._scanned < _GAP else ()
            article = self._names.is_article(self._names.fold(self._slice(start, self.length)))
            for run in filter(self._may_become, runs if article else (*runs, start)):
                begun.append(start if run in self._loose else run)
            recites = bool(self._recitals) and self._recitals.nears(self._words)
            word = self._slice(start, self.length)
            if recites or self._names.is_declined(word) or self._names.goes_with(word, self._before):
                begun.append(start)
        return max(0, self.free, min(begun))

    def _may_become(self, run: int) -> bool:
        letters = self._names.fold(self._slice(run, self.length))
        return self._names.begins(letters, self._ordinary) or any(
            self._names.is_whole(letters[:-cut], self._ordinary)
            for cut in range(1, min(ENDING + 1, len(letters)))
        )

    def _slice(self, start: int, end: int) -> str:
        return self._text[start - self._first : end - self._first]

    def _go_past(self) -> None:
        """Read nothing twice that is no word, nor a word that is longer than any name."""
        unfinished = _WORD.search(self._text, self._scanned - self._first)
        if unfinished is None:
            self._scanned = max(self._scanned, self.length - _GAP)
        elif len(unfinished[0]) > self._names.longest:
            self._scanned, self._runs, self._loose = self.length, [], set()

    def _forget(self) -> None:
        """Drop what no name can reach back to."""
        if len(self._text) > _KEPT:
            first = min(self.free, self._scanned, self.held, *self._runs) - _AROUND
            self._text = self._text[max(0, first - self._first) :]
            self._first = max(self._first, first)
