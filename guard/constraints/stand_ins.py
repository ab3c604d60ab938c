"""The stand-ins of one request, and how a text that holds them gets the client's own words back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .cipher import Cipher
from .letters import is_letter, is_spaceless
from .shapes import Shape, Shaped

# A word of fewer letters is a stand-in only beside another one: by itself it may be anybody's.
SHORT = 4
# So many letters of a stand-in are told inside of a longer word, such as a compound.
_INSIDE = 5
# Beside means: with no more than this between, such as the spaces and quotes of JSON.
_GAP = 8
# Longer ones are let go of as they grow: a script without spaces, or a client's letters in a row.
_LONGEST_WORD = 256


@dataclass(frozen=True, slots=True)
class Replacement:
    """What ``text[start:end]`` is to become."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """``text[:done]`` is decided on: it stays but for ``replacements``. The rest may become a stand-in."""

    done: int
    replacements: list[Replacement]


@dataclass(frozen=True, slots=True)
class Group:
    """Words that were exchanged, lower case, which stand together, and which words may come ``before`` them;
    no word is an empty one."""

    words: Sequence[str]
    before: Sequence[str] = ("",)


class StandIns:
    """Words that stand for others. ``Restoration`` follows one text."""

    def __init__(
        self, cipher: Cipher, groups: Iterable[Group], shapes: Sequence[Shape] = (), leads: Iterable[str] = ()
    ) -> None:
        """``shapes`` are those of the patterns in which letters were exchanged, ``leads`` the words that may
        come before what stands in those."""
        self.cipher = cipher
        self._shapes = shapes
        self._leads = frozenset(leads)
        self._words: set[str] = set()
        self._alone: set[str] = set()
        # By the word before them, what stands first in a group.
        self._after: dict[str, set[str]] = {}
        for group in groups:
            words = [cipher.replace(word) for word in group.words]
            self._words.update(words)
            for before in group.before:
                self._after.setdefault(before, set()).add(words[0])
            if len(words) == 1:
                self._alone.add(words[0])
        self._sorted = sorted(self._words)
        self._long = {word for word in self._words if _is_told_inside(word)}
        self._lengths = sorted({len(word) for word in self._long}, reverse=True)

    def __len__(self) -> int:
        return len(self._words)

    @property
    def words(self) -> list[str]:
        """The stand-ins, in order, but those that a pattern leaves some choice in."""
        return self._sorted

    def restore(self, text: str) -> str:
        """A stand-in, or the beginning of one, in the client's own letters."""
        shaped = None if self._begins(text.lower()) else self._whole(text) or self._begun(text)
        return shaped.text if shaped else self.cipher.restore(text)

    def _whole(self, word: str) -> Shaped | None:
        return next((shaped for shape in self._shapes if (shaped := shape.whole(word))), None)

    def _begun(self, word: str) -> Shaped | None:
        return next((shaped for shape in self._shapes if (shaped := shape.begun(word))), None)

    def holds(self, word: str) -> bool:
        """Whether ``word`` is a stand-in."""
        return word in self._words or self._whole(word) is not None

    def stands_alone(self, word: str, before: str) -> bool:
        """Whether ``word``, a stand-in, is one by itself where the word ``before`` comes before it."""
        if word in self._words:
            return len(word) >= SHORT or word in self._alone or word in self._after.get(before, ())
        shaped = self._whole(word)
        return shaped is not None and (shaped.told >= SHORT or before in self._leads)

    def begins(self, word: str) -> bool:
        """Whether a stand-in begins with ``word``, or is it."""
        return self._begins(word) or self._begun(word) is not None

    def _begins(self, word: str) -> bool:
        place = bisect_left(self._sorted, word)
        return place < len(self._sorted) and self._sorted[place].startswith(word)

    def is_begun(self, word: str, before: str) -> bool:
        """Whether ``word``, the beginning of a stand-in, is that of one which comes after ``before``."""
        if any(first.startswith(word) for first in self._after.get(before, ())):
            return True
        if self._begins(word):
            return len(word) >= SHORT
        shaped = self._begun(word)
        return shaped is not None and (shaped.told >= SHORT or before in self._leads)

    def inside(self, word: str) -> tuple[int, int] | None:
        """Where ``word`` holds a long stand-in; the first such place, and there the longest."""
        if not self._lengths or len(word) < self._lengths[-1]:
            return None
        for start in range(len(word) - self._lengths[-1] + 1):
            for length in self._lengths:
                if (found := word[start : start + length]) in self._long:
                    return start, start + len(found)
        return None

    def may_grow(self, word: str) -> bool:
        """Whether more letters can make a stand-in of ``word``, or of its end."""
        longest = self._lengths[0] if self._lengths else 0
        inner = range(max(1, len(word) - longest + 1), len(word))
        return self.begins(word) or any(self._begins(word[n:]) for n in inner)


class Restoration:
    """Decides, as a text is written, what in it is a stand-in."""

    def __init__(self, stand_ins: StandIns) -> None:
        self._stand_ins = stand_ins
        self._inside_word = False
        # Characters since the last stand-in, while these are no letters.
        self._since: int | None = None
        # The word before; what an answer begins with is what was asked for.
        self._before = ""

    def decide(self, text: str, final: bool) -> Progress:
        """Go on with ``text``, which begins where the last ``done`` was; after ``final`` nothing follows."""
        found: list[Replacement] = []
        words = _words(text)
        done = 0
        for n, (start, end) in enumerate(words):
            self._pass(start - done)
            if end == len(text) and not final and self._waits(text[start:end]):
                return self._held(text, start, found)
            following = words[n + 1] if n + 1 < len(words) else None
            place = self._place(text, (start, end), following, final)
            if place is None:
                return Progress(start, found)
            if place[0] < place[1]:
                found.append(Replacement(*place, self._stand_ins.restore(text[slice(*place)])))
                self._since = 0
            else:
                self._since = None
            self._before = text[start:end].lower()
            done = end
        self._pass(len(text) - done)
        self._inside_word = bool(words) and words[-1][1] == len(text)
        return Progress(len(text), found)

    def _pass(self, characters: int) -> None:
        if characters:
            self._inside_word = False
            self._since = None if self._since is None else self._since + characters

    def _waits(self, word: str) -> bool:
        return self._stand_ins.may_grow(word.lower()) or self._stand_ins.inside(word.lower()) is not None

    def _held(self, text: str, start: int, found: list[Replacement]) -> Progress:
        """A word that still grows waits, but for the beginning of an endless one."""
        done = max(start, len(text) - _LONGEST_WORD)
        self._inside_word = self._inside_word or done > start
        return Progress(done, found)

    def _place(
        self, text: str, word: tuple[int, int], following: tuple[int, int] | None, final: bool
    ) -> tuple[int, int] | None:
        """What of a word is a stand-in: an empty place if nothing is, None if what follows decides."""
        start, end = word
        lower = text[start:end].lower()
        if len(lower) != end - start:
            return start, start
        if self._inside_word:
            place = self._stand_ins.inside(lower)
            return (start + place[0], start + place[1]) if place else (start, start)
        beside = self._since is not None and self._since <= _GAP
        if self._stand_ins.holds(lower):
            if beside or self._stand_ins.stands_alone(lower, self._before):
                return word
            return self._with_next(text, word, following, final)
        if place := self._stand_ins.inside(lower):
            return start + place[0], start + place[1]
        cut = final and end == len(text) and self._stand_ins.begins(lower)
        told = cut and (beside or self._stand_ins.is_begun(lower, self._before))
        return word if told else (start, start)

    def _with_next(
        self, text: str, word: tuple[int, int], following: tuple[int, int] | None, final: bool
    ) -> tuple[int, int] | None:
        nothing = word[0], word[0]
        if (following[0] if following else len(text)) - word[1] > _GAP:
            return nothing
        if following is None:
            return nothing if final else None
        after = text[slice(*following)].lower()
        if following[1] == len(text) and self._stand_ins.begins(after):
            return word if final else None
        return word if self._stand_ins.holds(after) else nothing


def _words(text: str) -> list[tuple[int, int]]:
    """Where letters and digits stand in a row, with the accents on them."""
    words: list[tuple[int, int]] = []
    start = -1
    for place, char in enumerate(text):
        if is_letter(char):
            start = place if start < 0 else start
        elif start >= 0:
            words.append((start, place))
            start = -1
    return [*words, (start, len(text))] if start >= 0 else words


def _is_told_inside(word: str) -> bool:
    return word.isalpha() and len(word) >= (2 if is_spaceless(word[0]) else _INSIDE)
