"""The names that an answer is read for, of several parts of an index as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from ..answers.recitals import Recitals
from ..answers.watched_names import Partners, WatchedNames
from ..names.names import NameHit


class MergedWatchedNames:
    """As ``WatchedNames``. What may become a name of a target that is gone still waits, and is let by."""

    def __init__(self, parts: Sequence[tuple[WatchedNames, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = parts
        self._names = [names for names, _ in parts]
        self.longest = max(names.longest for names in self._names)

    def __bool__(self) -> bool:
        return any(self._names)

    def fold(self, text: str) -> str:
        """As ``WatchedNames.fold``."""
        return self._names[0].fold(text)

    def ordinary(self, expected: Collection[str]) -> frozenset[str]:
        """As ``WatchedNames.ordinary``."""
        found = (names.ordinary(frozenset(expected).difference(gone)) for names, gone in self._parts)
        return frozenset(chain.from_iterable(found))

    def begins(self, letters: str, ordinary: Collection[str] = ()) -> bool:
        """As ``WatchedNames.begins``."""
        return any(names.begins(letters, ordinary) for names in self._names)

    def is_article(self, letters: str) -> bool:
        """As ``WatchedNames.is_article``."""
        begun = [names.is_article(letters) for names in self._names if names.begins(letters)]
        return bool(begun) and all(begun)

    def is_head(self, letters: str, last: str) -> bool:
        """As ``WatchedNames.is_head``."""
        return any(names.is_head(letters, last) for names in self._names)

    def is_whole(self, letters: str, ordinary: Collection[str] = ()) -> bool:
        """As ``WatchedNames.is_whole``."""
        return any(names.is_whole(letters, ordinary) for names in self._names)

    def is_plain(self, letters: str, last: str) -> bool:
        """As ``WatchedNames.is_plain``: nor another's name."""
        whole = [names.is_plain(letters, last) for names in self._names if names.is_whole(letters)]
        return bool(whole) and all(whole)

    def is_declined(self, word: str) -> bool:
        """As ``WatchedNames.is_declined``."""
        return any(names.is_declined(word) for names in self._names)

    def partners(self, word: str) -> Partners:
        """As ``WatchedNames.partners``."""
        lists = chain.from_iterable(names.partners(word).lists for names in self._names)
        return Partners(tuple(lists), len(word) > 1)

    def goes_with(self, word: str, before: Sequence[Partners]) -> bool:
        """As ``WatchedNames.goes_with``."""
        return self._names[0].goes_with(word, before)  # which asks the partners alone

    def may_complete(self, piece: str) -> bool:
        """As ``WatchedNames.may_complete``."""
        return any(names.may_complete(piece) for names in self._names)

    def may_end(self, word: str, before: Sequence[Partners]) -> bool:
        """As ``WatchedNames.may_end``."""
        return any(names.may_end(word, before) for names in self._names)

    def find(
        self,
        text: str,
        after: int,
        expected: Collection[str] = (),
        said: Collection[str] = (),
        more: bool = False,
    ) -> Iterator[tuple[NameHit, bool]]:
        """As ``WatchedNames.find``."""
        for names, gone in self._parts:
            for hit, alone in names.find(text, after, expected, said, more):
                if hit.target_id not in gone:
                    yield hit, alone


Watched: TypeAlias = WatchedNames | MergedWatchedNames


class MergedRecitals:
    """As ``Recitals``."""

    def __init__(self, parts: Sequence[tuple[Recitals, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = parts
        self.run = parts[0][0].run

    def __bool__(self) -> bool:
        return any(recitals for recitals, _ in self._parts)

    def find(self, words: deque[str]) -> str | None:
        """As ``Recitals.find``."""
        found = (recitals.find(words, gone) for recitals, gone in self._parts)
        return next(filter(None, found), None)

    def nears(self, words: deque[str]) -> bool:
        """As ``Recitals.nears``."""
        return any(recitals.nears(words) for recitals, _ in self._parts)


AllRecitals: TypeAlias = Recitals | MergedRecitals
