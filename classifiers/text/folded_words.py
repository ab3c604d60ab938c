"""The words of a folded text, and how they stand in the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from .folded_text import FoldedText

_WORD = re.compile(r"[^ ]+")
_OTHER_PUNCTUATION = re.compile(r"[^\w\s.'’\"“”()-]|\s-{1,2}\s|\w{2}\.|\n|_")


class FoldedWords:
    """Words by their place, from 0 on."""

    def __init__(self, folded: FoldedText) -> None:
        self._folded = folded
        self.words = folded.folded.split()

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        return [match.span() for match in _WORD.finditer(self._folded.folded)]

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, place: int) -> str:
        return self.words[place]

    def between(self, first: int, stop: int) -> tuple[str, ...]:
        """The words from ``first`` to before ``stop``."""
        return tuple(self.words[first:stop])

    def span(self, first: int, last: int) -> tuple[int, int]:
        """From where to where these words stand in the folded text."""
        return self._spans[first][0], self._spans[last][1]

    def text_of(self, place: int) -> str:
        """The word as it stands in the text."""
        start, end = self._folded.span(*self._spans[place])
        return self._folded.text[start:end]

    def before(self, place: int) -> str:
        """The character of the text before a word."""
        start = self._folded.origins[self._spans[place][0]]
        return self._folded.text[max(0, start - 1) : start]

    def after(self, place: int) -> str:
        """The character of the text after a word."""
        end = self._folded.origins[self._spans[place][1] - 1] + 1
        return self._folded.text[end : end + 1]

    def gap(self, place: int) -> str:
        """What stands in the text between a word and the next."""
        end = self._folded.origins[self._spans[place][1] - 1] + 1
        return self._folded.text[end : self._folded.origins[self._spans[place + 1][0]]]

    def in_capitals(self, places: Iterable[int]) -> bool:
        """Whether each of the words begins with a capital."""
        return all(self._folded.text[self._folded.origins[self._spans[i][0]]].isupper() for i in places)

    def as_one(self, first: int, last: int) -> bool:
        """Whether no punctuation stands between these words but initials' and quotes."""
        start, stop = (self._folded.origins[self._spans[place][0]] for place in (first, last))
        return not _OTHER_PUNCTUATION.search(self._folded.text[start:stop])
