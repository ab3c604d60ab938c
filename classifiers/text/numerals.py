"""Numbers tell things apart that are named alike: "World Cup 2018", "Rocky II", "GPT-4"."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from .folding import normalise
from .word_cache import once_a_word

_ROMAN = re.compile(r"(?=.)m{0,3}(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
# The numbers of kings and sequels.
_SMALL_ROMAN = re.compile(r"(?=.)x{0,3}(ix|iv|v?i{0,3})")
# A name's words and its number: "Terminator 3", "GPT-3", "World Cup (2014)".
_RUN = re.compile(r"\w+(?:[\s#(–-]{1,2}\w+)*")
_DECIMALS = re.compile(r"\.(\d{1,9})")
_RUN_BEFORE = re.compile(r"(?:\w+[\s#(–-]{1,2})+\Z")
_SEEN = 60
# A small number before a name is a count.
_MIN_LEADING = 3


@once_a_word
def is_number(word: str) -> bool:
    """Whether a folded word holds a digit ("2018", "4o", "8th") or is a Roman numeral."""
    return _has_digit(word) or _ROMAN.fullmatch(word) is not None


def another_of_a_series(text: str, start: int, end: int, own: Collection[str]) -> bool:
    """Whether the number beside ``text[start:end]``, a part of a name with the words ``own``, is another's.

    "Terminator" in "Terminator 3" for a listed "Terminator 2".
    """
    if not any(map(is_number, own)):
        return False
    after = _RUN.match(text, start, end + _SEEN)
    if after and another_number(_first_foreign(after[0], own), own):
        return True
    decimals = _DECIMALS.match(text, after.end()) if after and after[0][-1].isdigit() else None
    if decimals and decimals[1] not in own:
        return True
    before = _RUN_BEFORE.search(text, max(0, start - _SEEN), start)
    leading = _first_foreign(before[0], own, backwards=True) if before else ""
    return len(leading) >= _MIN_LEADING and another_number(leading, own)


def _first_foreign(run: str, own: Collection[str], backwards: bool = False) -> str:
    words = _run_words(run)
    return next((word for word in (reversed(words) if backwards else words) if word not in own), "")


@lru_cache(1_024)  # of at most _SEEN characters; one is asked about for each name that shares a word
def _run_words(run: str) -> list[str]:
    return normalise(run)[0].split()


def another_number(beside: str, own: Collection[str]) -> bool:
    """Whether the word beside a name with the words ``own`` makes it another of a series."""
    if beside in own or not is_number(beside):
        return False
    if _has_digit(beside):
        return any(map(_has_digit, own))
    return _SMALL_ROMAN.fullmatch(beside) is not None and any(map(_SMALL_ROMAN.fullmatch, own))


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))
