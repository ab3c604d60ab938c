"""Which language a text is in, as far as it takes to tell texts of one from those of others."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from math import log10

import regex

from .word_frequency import word_lists

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
ENGLISH = "en"
_LATIN = "latin"
WORDLESS = ""
"""The language of a text that has no word."""


def language_of(text: str) -> str:
    """The code of a language in Latin letters whose words the text's are, after wordfreq; of other letters
    their script, such as ``cyrillic``; ``WORDLESS`` where there are none."""
    words = _words(text)
    if not words or (script := _script(words)) != _LATIN:
        return script if words else WORDLESS
    lists = word_lists()
    return max(lists, key=lambda language: _commonness(words, lists[language]))


def texts_in(language: str, texts: Sequence[str]) -> list[int]:
    """The places of the texts that are in a language, which is not English."""
    likely = (place for place, text in enumerate(texts) if _may_be(language, text))
    return [place for place in likely if language_of(texts[place]) == language]


def _may_be(language: str, text: str) -> bool:
    """Whether it is worth asking all languages: most texts are in English."""
    words, lists = _words(text), word_lists()
    if language not in lists:
        return not words or _script(words) != _LATIN
    return _commonness(words, lists[language]) > _commonness(words, lists[ENGLISH])


def _words(text: str) -> list[str]:
    return [unicodedata.normalize("NFC", match[0].lower()) for match in _WORD.finditer(text)]


def _script(words: Sequence[str]) -> str:
    """That of the first word in other letters than Latin ones."""
    for word in words:
        script = _LATIN if word.isascii() else unicodedata.name(word[0], _LATIN).split()[0].lower()
        if script != _LATIN:
            return "cjk" if script in ("hiragana", "katakana") else script
    return _LATIN


def _commonness(words: Sequence[str], frequencies: Mapping[str, float]) -> float:
    """The sum of their Zipf frequencies, 0 for a word that the list does not have."""
    return sum(log10(frequencies[word] * 1e9) for word in words if word in frequencies)
