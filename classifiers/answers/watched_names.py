"""The names that an answer is read for, and which text could become one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import ahocorasick

from ...vocabulary import ForgetTarget
from ..index.name_index import NameIndex
from ..names.names import NameHit
from ..names.ordinary_words import ordinary_names
from ..text.folding import normalise
from ..text.word_cache import MEBIBYTE, WordCache
from ..text.word_frequency import rarity

# So many letters at a word's end may be an ending that some language puts there.
ENDING = 3
FOLDED_BYTES = 4 * MEBIBYTE


class WatchedNames:
    """All names of the targets that are listed whole; safe to share by threads."""

    def __init__(self, targets: Sequence[ForgetTarget], names: NameIndex) -> None:
        self._names = names
        self._ids = {target.id for target in targets if target.scope == "all"}
        self._ordinary: set[tuple[str, str]] = set()
        self._begins = ahocorasick.Automaton()
        for target in targets:
            if target.id in self._ids:
                self._ordinary.update((target.id, name) for name in ordinary_names(target))
        for target_id, name in (*names.pairs, *names.parts.lone_words):
            if target_id in self._ids and (target_id, name) not in self._ordinary:
                self._begins.add_word(normalise(name)[0].replace(" ", ""), True)
        self._beside: dict[str, set[str]] = {}
        self._lone = {word for target_id, word in names.parts.lone_words if target_id in self._ids}
        for target_id, name in names.pairs:
            if target_id in self._ids:
                self._stand_together(normalise(name)[0].split())
        self._folded = WordCache(lambda word: normalise(word)[0].replace(" ", ""), FOLDED_BYTES)

    def __bool__(self) -> bool:
        return len(self._begins) > 0

    def fold(self, text: str) -> str:
        """The letters of a word or two, as ``begins`` and ``is_whole`` take them."""
        return self._folded[text]

    def begins(self, letters: str) -> bool:
        """Whether a name could go on from ``letters``."""
        longest: int = self._begins.longest_prefix(letters)
        return longest == len(letters)

    def is_whole(self, letters: str) -> bool:
        """Whether ``letters`` are a name's."""
        return letters in self._begins

    def may_end(self, word: str, before: Collection[str]) -> bool:
        """Whether a name may end with the folded ``word``, which may carry an ending: if it says enough
        alone, or another word of the name, or an initial, is among the few words ``before`` it."""
        for cut in range(min(ENDING + 1, len(word))):
            part = word[: len(word) - cut]
            if part in self._lone:
                return True
            beside = self._beside.get(part)
            if beside is not None and any(other in beside or len(other) == 1 for other in before):
                return True
        return False

    def _stand_together(self, words: Sequence[str]) -> None:
        """Remember which words stand in one name with each; those that stand anywhere tell nothing."""
        telling = [word for word in words if len(word) > 1 and rarity(word) > 0]
        for word in telling:
            self._beside.setdefault(word, set()).update(other for other in words if other != word)

    def find(self, text: str, after: int, expected: Collection[str] = ()) -> Iterator[tuple[NameHit, bool]]:
        """The names in ``text`` that end behind ``after``; and whether each is a surname alone, of which the
        next word may make something else. Names that are ordinary words ("May") stand for the targets in
        ``expected`` only."""
        for hit in self._names.find_whole(text):
            ordinary = (hit.target_id, hit.name) in self._ordinary and hit.target_id not in expected
            if hit.end > after and hit.target_id in self._ids and not ordinary:
                yield hit, False
        for part in self._names.parts.find(text):
            if part.end > after and part.stands_alone and part.target_id in self._ids:
                yield NameHit(part.target_id, text[part.start : part.end], part.start, part.end), True
