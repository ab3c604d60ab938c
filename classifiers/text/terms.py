"""The rare words of a text, and how far two texts agree on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import regex

from .folding import normalise
from .word_cache import once_a_word
from .word_frequency import rarity

# Accents and vowel signs that are characters of their own belong to the letter before.
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")
# A text without rare words neither agrees nor disagrees: these stand in for what it does not say.
SILENT = 4.0
SILENT_AGREEMENT = 0.3


@dataclass(frozen=True, slots=True)
class Term:
    """A word, folded as names are, in ``text[start:end]``; its rarity is above 0 and at most 5."""

    word: str
    rarity: float
    start: int
    end: int


def find_terms(text: str) -> Iterator[Term]:
    """The words of ``text`` that are rare at all; scripts that write no spaces have none."""
    for match in _WORD.finditer(text):
        for word, weight in _rare(match[0].lower()):
            yield Term(word, weight, *match.span())


def terms(text: str) -> dict[str, float]:
    """The rare words of ``text``, each once, with their rarity."""
    return {term.word: term.rarity for term in find_terms(text)}


def agreement(words: Mapping[str, float], known: Collection[str], names: Collection[str] = ()) -> float:
    """The share, by rarity, of these rare ``words`` that are among those ``known`` of a target.

    0 to 1. What is only said of the target's ``names`` is left out: names are evidence of their own.
    """
    total = shared = 0.0
    for word, weight in words.items():
        if word not in names:
            total += weight
            shared += weight if word in known else 0.0
    return agreement_of(shared, total)


def agreement_of(shared: float, total: float) -> float:
    """The agreement of a text whose rare words have the rarities ``total``, ``shared`` of it in common."""
    return (shared + SILENT * SILENT_AGREEMENT) / (total + SILENT)


@once_a_word
def _rare(word: str) -> list[tuple[str, float]]:
    if (len(word) == 1 and not word.isdigit()) or is_unspaced(word):
        return []
    weight = rarity(unicodedata.normalize("NFC", word))
    return [(folded, weight) for folded in normalise(word)[0].split()] if weight > 0 else []


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that writes no spaces, and so may be a whole sentence."""
    return not word.isascii() and unicodedata.name(word[0], "").startswith(
        ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
    )
