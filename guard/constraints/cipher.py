"""Letters for letters: what a listed name is written as where the model must write it itself."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from ...classifiers.text.word_frequency import MAX_RARITY, rarity

# Letters that may stand for each other, such that what can be said stays so for the most part.
_CLASSES = ("aeiouy", "lmnrs", "bcdfgkptv", "hjqwxz", "0123456789")
_BLOCK = 256
_TRIES = 16
# So many words are asked for; a constraint may hold a dictionary.
_WORDS = 200


class Cipher:
    """Puts another letter for each letter, always the same one: capitals for capitals, vowels for vowels,
    digits for digits, and letters of the same script.

    So a pattern or grammar whose letters are replaced takes the same texts as before, letter for letter,
    and what it makes a model write can be read back.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._there: dict[str, str] = {}
        self._back: dict[str, str] = {}
        for letters in _CLASSES:
            self._learn(letters)
        self._blocks: set[int] = set()

    def replace(self, text: str) -> str:
        """``text`` in stand-in letters; what is no letter or digit stays. As long as ``text``."""
        return "".join(self._cased(char, self._there) for char in text)

    def restore(self, text: str) -> str:
        """The ``text`` that was replaced."""
        return "".join(self._cased(char, self._back) for char in text)

    def _cased(self, char: str, table: dict[str, str]) -> str:
        if ord(char) >= 128:
            self._read_block(ord(char.lower()[0]) // _BLOCK)
            self._read_block(ord(char) // _BLOCK)
        lower = char.lower()
        if lower != char and len(lower) == 1 and lower.upper() == char:
            return table.get(lower, lower).upper()
        return table.get(char, char)

    def _read_block(self, block: int) -> None:
        if block not in self._blocks:
            self._blocks.add(block)
            for letters in _letters(block):
                self._learn(letters)

    def _learn(self, letters: str) -> None:
        """One round through all ``letters``, so that none stands for itself."""
        if len(letters) < 2:
            return
        order = list(letters)
        random.Random(f"{self._key}:{letters[0]}").shuffle(order)
        for one, other in zip(order, order[1:] + order[:1], strict=True):
            self._there[one], self._back[other] = other, one


@lru_cache(512)
def _letters(block: int) -> tuple[str, ...]:
    """The letters of 256 code points, in classes that may stand for each other."""
    classes: dict[str, list[str]] = {}
    for char in map(chr, range(max(128, block * _BLOCK), (block + 1) * _BLOCK)):
        kind = unicodedata.category(char)
        if kind[0] not in "LN":
            continue
        if kind == "Ll" and not (len(char.upper()) == 1 and char.upper().lower() == char):
            kind = "Ll alone"
        if kind == "Lu" and len(char.lower()) == 1 and char.lower().upper() == char:
            continue  # goes with its small letter
        classes.setdefault(kind, []).append(char)
    return tuple("".join(chars) for chars in classes.values())


def made(key: str, words: Iterable[str]) -> Cipher:
    """The cipher of ``key`` for ``words``, lower case: of a few, the one that makes the fewest real words."""
    asked = [word for word in words if word.isalpha()][:_WORDS]
    ciphers = (Cipher(f"{key}:{n}") for n in range(_TRIES))
    best: tuple[int, Cipher] | None = None
    for cipher in ciphers:
        real = sum(rarity(cipher.replace(word)) < MAX_RARITY for word in asked)
        if best is None or real < best[0]:
            best = real, cipher
        if not real:
            break
    assert best
    return best[1]
