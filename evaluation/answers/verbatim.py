"""How much of a text stands word for word in an answer."""

from __future__ import annotations

from collections.abc import Iterable

from .questions import plain_words

MOST = 11
"""So many words of a listed passage may stand in an answer in a row."""


class Passages:
    """Texts that an answer is held against; case, accents and punctuation do not count."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [f" {' '.join(plain_words(text))} " for text in texts]

    def longest_run(self, answer: str) -> int:
        """The words of the longest run of ``answer`` that stands in a text."""
        words, longest = plain_words(answer), 0
        for start in range(len(words)):
            while start + longest < len(words) and self._hold(words[start : start + longest + 1]):
                longest += 1
        return longest

    def _hold(self, words: list[str]) -> bool:
        run = f" {' '.join(words)} "
        return any(run in text for text in self._texts)
