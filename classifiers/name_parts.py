"""Find a part of a listed name (a surname, a first name), where it is not part of a stranger's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .names import normalise
from .word_frequency import rarity

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
MIN_LETTERS = 3
# From this rarity on (a surname like "Perry" has 1.3, "Kravitz" 2.8) a part says all that it can.
FULL_RARITY = 3.0
# A capitalised word as common as this beside a part ("When Perry …") is no name.
PLAIN_RARITY = 0.6
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


class NameParts:
    """The words of all names of more than one word; time linear in the text."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names`` are (target id, name) pairs, aliases among them."""
        self.words: dict[str, frozenset[str]] = {}
        self._owners: dict[str, list[str]] = {}
        for target_id, name in names:
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
        words = [
            _Word(m[0], tuple(normalise(m[0])[0].split()), m.start(), m.end()) for m in _WORD.finditer(text)
        ]
        for position, word in enumerate(words):
            for part in word.folded:
                for target_id in self._owners.get(part, ()):
                    weight = min(1.0, rarity(part) / FULL_RARITY)
                    other = self._stranger(text, words, position, target_id)
                    yield PartHit(target_id, word.start, word.end, -weight if other else weight)

    def _stranger(self, text: str, words: list[_Word], position: int, target_id: str) -> bool:
        """Whether a word beside makes this the name of somebody else; only capitals can tell."""
        word = words[position]
        if not word.text[0].isupper():
            return False
        beside = [words[i] for i in (position - 1, position + 1) if 0 <= i < len(words)]
        return any(self._foreign(text, word, other, target_id) for other in beside)

    def _foreign(self, text: str, word: _Word, other: _Word, target_id: str) -> bool:
        between = text[other.end : word.start] if other.start < word.start else text[word.end : other.start]
        if between.strip(" ") or not other.text[0].isupper() or len(other.text) == 1:
            return False
        if not self.words[target_id].isdisjoint(other.folded):
            return False
        rarest = max((rarity(w) for w in other.folded), default=0.0)
        return rarest > PLAIN_RARITY or other.start > word.start
