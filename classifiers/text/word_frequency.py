"""How rare a word is in ordinary text, after wordfreq's lists (Speer 2022, doi:10.5281/zenodo.7199437)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log10
from operator import itemgetter

from wordfreq import get_frequency_dict, top_n_list

from .folding import normalise
from .word_cache import once_a_word

# Words of these languages are told from names; English is the language of most indexed texts.
# fmt: off
LANGUAGES = (
    "es", "fr", "de", "pt", "it", "nl", "pl", "ru", "uk", "cs", "ro", "sv", "da", "fi", "hu", "el", "tr",
    "ar", "fa", "he", "hi", "bn", "id", "vi", "ko",
)
# fmt: on
# Folding changes letters of most of their words.
_FOLDED = ("ar", "fa", "he")
# Zipf's scale: the logarithm of the number of times in a billion words.
ORDINARY_ZIPF = 5.5
MAX_RARITY = 5.0


# A date tells people apart, a count does not.
SMALL_NUMBER_RARITY = 1.0
NUMBER_RARITY = 3.0
# The list of English words ends at Zipf 1, and a name owns something one time in twenty.
MAX_OWNING_RARITY = 2.6


@once_a_word
def rarity(word: str) -> float:
    """0 for a word as common as "where" (Zipf 5.5), 5 for one that no list has; lower case expected.

    A word of several languages is as rare as in the one where it is commonest.
    """
    if word.isdigit():
        if len(word) == 1:
            return 0.0
        return SMALL_NUMBER_RARITY if len(word) < 3 else NUMBER_RARITY
    return _rarity(max(frequencies.get(word, 0.0) for frequencies in _lists()))


def english_rarity(word: str) -> float:
    """As ``rarity``, among English words alone."""
    return _rarity(_lists()[0].get(word, 0.0))


def rarity_together(words: Sequence[str]) -> float:
    """The rarity of the rarest of some words, in the language where that is least."""
    commonest = 0.0
    for frequencies in _lists():
        commonest = max(commonest, min(frequencies.get(word, 0.0) for word in words))
    return _rarity(commonest)


@once_a_word
def possessive_share(word: str) -> float | None:
    """How often an English word owns something: the frequency of "word's" to that of "word".

    None where the word is so rare that the list would not have the other.
    """
    english = _lists()[0]
    if english_rarity(word) > MAX_OWNING_RARITY:
        return None
    return english.get(f"{word}'s", 0.0) / english[word]


def _rarity(frequency: float) -> float:
    zipf = log10(frequency * 1e9) if frequency else 0.0
    return min(MAX_RARITY, max(0.0, ORDINARY_ZIPF - zipf))


@cache
def common_words() -> dict[str, int]:
    """The 40,000 commonest English words, with their ranks."""
    return {word: rank for rank, word in enumerate(top_n_list("en", 40_000))}


def preload() -> None:
    """Read the lists now (half a second), so that no request and no change of the index waits for them."""
    _lists()
    common_words()


@cache
def word_lists() -> dict[str, dict[str, float]]:
    """The frequencies of words by language, English first; lower case."""
    return dict(zip(("en", *LANGUAGES), _lists(), strict=True))


@cache
def _lists() -> tuple[dict[str, float], ...]:
    return (get_frequency_dict("en", "large"), *map(_list, LANGUAGES))


def _list(language: str) -> dict[str, float]:
    frequencies = get_frequency_dict(language, "small")
    if language not in _FOLDED:
        return frequencies
    # Ascending, so that of two words that fold alike the commoner stays.
    ascending = sorted(frequencies.items(), key=itemgetter(1))
    return {folded: f for word, f in ascending if (folded := normalise(word)[0])}
