"""Find a part of a listed name (a surname, a first name), where it is not part of a stranger's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import regex

from .folding import normalise
from .numerals import another_of_a_series
from .word_frequency import english_rarity, rarity

_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['’.-][\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*")
MIN_LETTERS = 3
# From this rarity on (a surname like "Perry" has 1.3, "Kravitz" 2.8) a part says all that it can.
FULL_RARITY = 3.0
# A work's people are in everybody's mouth: "Hermione" has 1.9.
FULL_CAST_RARITY = 2.0
# A capitalised word as common as this beside a part ("When Perry …") is no name.
PLAIN_RARITY = 0.6
# Capitals before a name that are no part of one.
_TITLES = frozenset(
    """mr mrs ms miss mx dr doctor prof professor sir madam lord lady king queen prince princess president
    senator judge captain general actor actress singer author writer director describe discuss summarize
    summarise compare explain list identify outline analyze analyse evaluate recall mention provide
    imagine""".split()  # noqa: SIM905
)
_SPACES = (" ", "\u00a0")
# Words ask little time of their own, but a name may be listed by many.
MAX_OWNERS = 64


@dataclass(frozen=True, slots=True)
class PartHit:
    """A part of the name of ``target_id`` in ``text[start:end]``.

    ``weight`` is 0 to 1, higher for rarer words; negative where the words beside it make it the
    name of somebody else ("Elle Fanning" for Dakota Fanning).
    """

    target_id: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    folded: tuple[str, ...]
    start: int
    end: int
    after: str
    """What stands between this word and the next."""


class NameParts:
    """The words of all names; time linear in the text."""

    def __init__(self, names: Iterable[tuple[str, str]], cast: Iterable[tuple[str, str]] = ()) -> None:
        """``names`` are (target id, name) pairs, aliases among them; ``cast`` (target id, word) pairs of who
        recurs in a work, whatever name may stand around."""
        self.words: dict[str, frozenset[str]] = {}
        self._owners: dict[str, list[str]] = {}
        self._cast = frozenset(cast)
        for target_id, name in (*names, *self._cast):
            self._add(target_id, normalise(name)[0].split())

    def _add(self, target_id: str, words: list[str]) -> None:
        self.words[target_id] = self.words.get(target_id, frozenset()) | frozenset(words)
        for word in words:
            if len(word) >= MIN_LETTERS and rarity(word) > 0:
                owners = self._owners.setdefault(word, [])
                if target_id not in owners and len(owners) < MAX_OWNERS:
                    owners.append(target_id)

    def find(self, text: str) -> Iterator[PartHit]:
        """Every part of a listed name in ``text``, in order."""
        words = list(_words(text))
        for position, word in enumerate(words):
            for part in word.folded:
                for target_id in self._owners.get(part, ()):
                    cast = (target_id, part) in self._cast
                    weight = min(1.0, rarity(part) / (FULL_CAST_RARITY if cast else FULL_RARITY))
                    other = not cast and self._stranger(words, position, target_id)
                    other = other or another_of_a_series(text, word.start, word.end, self.words[target_id])
                    yield PartHit(target_id, word.start, word.end, -weight if other else weight)

    def _stranger(self, words: list[_Word], position: int, target_id: str) -> bool:
        """Whether a word beside makes this the name of somebody else; only capitals can tell."""
        word = words[position]
        if not word.text[0].isupper() or _titled(words, position):
            return False
        before = words[position - 1] if position else None
        if before and before.after in _SPACES and self._foreign(before, target_id):
            return max(map(english_rarity, before.folded)) > PLAIN_RARITY
        after = words[position + 1] if position + 1 < len(words) else None
        return after is not None and word.after in _SPACES and self._foreign(after, target_id)

    def _foreign(self, other: _Word, target_id: str) -> bool:
        """Whether a word can be a name that is not the target's."""
        capital = other.text[0].isupper() and len(other.text) > 1
        return capital and _TITLES.isdisjoint(other.folded) and self.words[target_id].isdisjoint(other.folded)


def _words(text: str) -> Iterator[_Word]:
    found = list(_WORD.finditer(text))
    for m, following in zip_longest(found, found[1:]):
        if folded := tuple(normalise(m[0])[0].split()):
            after = text[m.end() : following.start() if following else len(text)]
            yield _Word(m[0], folded, m.start(), m.end(), after)


def _titled(words: list[_Word], position: int) -> bool:
    """Whether all around is in capitals, as in a title, so that they tell nothing."""
    around = [w.text for w in words[max(0, position - 3) : position + 4]]
    return all(w.isupper() for w in around) or (len(around) > 4 and all(w[0].isupper() for w in around))
