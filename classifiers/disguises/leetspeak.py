"""Digits and signs for the letters that they look like: "H4rry P0773r"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter

from ..text.word_frequency import common_words
from .edits import Edit, char_places

# A stroke is an i or an l.
_AS_I = str.maketrans("4@31!|05$7+82€69", "aaeiiiossttbzegg")
_AS_L = str.maketrans("4@31!|05$7+82€69", "aaelllossttbzegg")
_WORD = re.compile(
    r"(?<![\w@$!|+€/.=#&-])(?=[\d@$€+|]{0,6}[A-Za-z])[A-Za-zÀ-ɏ\d@$!|+€]{2,24}(?![\w@$|+€/=(]|\.\w)"
)
_INSIDE = re.compile(r"[A-Za-zÀ-ɏ][\d@$!|+€]{1,5}[A-Za-zÀ-ɏ]")
_ANY = re.compile(r"[A-Za-z][\d@$!|+€]|[\d@$!|+€][A-Za-z]")
_UNMIXED = re.compile(r"[\d+|!]+|[A-Za-zÀ-ɏ]+[!|+]*")
_MIN_LETTERS = 8
_NEAR = 100


def leetspeak_i(text: str) -> Iterator[Edit]:
    return _read(text, _AS_I)


def leetspeak_l(text: str) -> Iterator[Edit]:
    return _read(text, _AS_L) if re.search("[1!|]", text) else iter(())


def _read(text: str, table: dict[int, int]) -> Iterator[Edit]:
    if not _ANY.search(text):
        return
    for words in _clusters(_words_with_signs(text)):
        inside = filter(_has_sign_inside, map(itemgetter(0), words))
        if _are_pronounceable([_unleet(word, table) for word in inside]) or _has_word_pair(words, table):
            for m in words:
                word = m[0].rstrip("!")
                yield Edit(
                    m.start(), m.start() + len(word), word.translate(table), char_places(m.start(), word)
                )


def _words_with_signs(text: str) -> Iterator[re.Match[str]]:
    """Those of letters and digits or signs."""
    for match in _WORD.finditer(text):
        if not _UNMIXED.fullmatch(match[0]):
            yield match


def _has_sign_inside(word: str) -> bool:
    return _INSIDE.search(word) is not None and _has_one_case(word)


def _clusters(words: Iterable[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    """Words that stand near each other: what is said far away tells nothing of them."""
    cluster: list[re.Match[str]] = []
    for word in words:
        if cluster and word.start() - cluster[-1].end() > _NEAR:
            yield cluster
            cluster = []
        cluster.append(word)
    if cluster:
        yield cluster


def _unleet(word: str, table: dict[int, int]) -> str:
    return word.rstrip("!").lower().translate(table)


def _has_word_pair(words: list[re.Match[str]], table: dict[int, int]) -> bool:
    """Whether two words side by side are known ones: "70ny Cur715", which might count something."""
    for one, other in pairwise(words):
        beside = one.end() + 1 == other.start() and len(one[0] + other[0]) >= _MIN_LETTERS - 1
        if beside and _is_word(_unleet(one[0], table)) and _is_word(_unleet(other[0], table)):
            return True
    return False


def _is_word(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and word in common_words()


def _has_one_case(word: str) -> bool:
    """No identifier, hash or base64: those mix capitals in."""
    letters = "".join(filter(str.isalpha, word))
    return letters[1:].islower() or letters.isupper() or len(letters) == 1


def _are_pronounceable(words: list[str]) -> bool:
    """Whether enough of them can be words: letters, of which vowels are as frequent as in language."""
    return sum(map(len, filter(_is_wordlike, words))) >= _MIN_LETTERS


def _is_wordlike(word: str) -> bool:
    vowels = sum(word.count(vowel) for vowel in "aeiouy") / len(word)
    return word.isalpha() and 0.2 <= vowels <= 0.65 and (len(word) >= 4 or word in common_words())
