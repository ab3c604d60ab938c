"""Letters replaced or turned round: Caesar ciphers (rot13 and the others) and writing backwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

from .edits import Edit, char_places
from .plain_words import WORD, plain_words

_BREAK = re.compile(r"[\n:\"“”„«»‹›()<>\[\]{}|]|.{5}")
_CHUNK = re.compile(r"\S+")
_MIN_LETTERS = 8
_MAX_WORDS = 2_000

# Neighbouring words of a line that are no known ones.
_Run = list[re.Match[str]]


def ciphers(text: str) -> Iterator[tuple[Literal["rot13", "reversed"], list[Edit]]]:
    """What Caesar ciphers and writing backwards, all or word by word, say, run by run."""
    rotated: list[Edit] = []
    backwards: list[Edit] = []
    words_backwards: list[Edit] = []
    for run in _runs(text) if _may_be_cipher(text) else ():
        words = [match[0].lower() for match in run]
        if _is_plain(words):
            continue
        start, end = run[0].start(), run[-1].end()
        if shift := _shift(words):
            rotated.append(
                Edit(start, end, _rotate(text[start:end], shift), char_places(start, text[start:end]))
            )
        elif _is_backwards(words):
            backwards.append(_reverse(start, text[start:end]))
            words_backwards += (_reverse(m.start(), m[0]) for m in _CHUNK.finditer(text, start, end))
    yield from (("rot13", rotated), ("reversed", backwards), ("reversed", words_backwards))


def _may_be_cipher(text: str) -> bool:
    """Whether unknown words are known ones when turned by one shift, or when read backwards."""
    unknown = set(_long_words(WORD.findall(text.lower()))) - plain_words()
    return _letters(unknown) >= _MIN_LETTERS and (
        _letters(unknown & _backwards()) >= _MIN_LETTERS or _shift(sorted(unknown), 0) != 0
    )


def _runs(text: str) -> Iterator[_Run]:
    """Where known words stop: what a cipher left behind, or another language."""
    run: _Run = []
    for match in WORD.finditer(text):
        word = match[0].lower()
        known = len(word) > 3 and word in plain_words()
        if run and (known or len(run) == _MAX_WORDS or _BREAK.search(text, run[-1].end(), match.start())):
            yield _trim(run)
            run = []
        if not known:
            run.append(match)
    yield _trim(run)


def _trim(run: _Run) -> _Run:
    """The run without short known words at its ends, which belong to what surrounds it."""
    first, last = 0, len(run)
    while first < last and run[first][0].lower() in plain_words():
        first += 1
    while first < last and run[last - 1][0].lower() in plain_words():
        last -= 1
    return run[first:last]


def _is_plain(words: list[str]) -> bool:
    """Whether a run is too short to be told from chance, or reads well enough as it is."""
    return _letters(words) < _MIN_LETTERS or 2 * sum(word in plain_words() for word in words) > len(words)


def _long_words(words: Iterable[str]) -> list[str]:
    """Those of three letters or more."""
    return [word for word in words if len(word) > 2]


def _letters(words: Iterable[str]) -> int:
    return sum(map(len, words))


def _shift(words: list[str], share: float = 0.5) -> int:
    """By how many letters to turn the words back, 0 where no shift makes more than a share known."""
    votes: Counter[int] = Counter()
    for word in words:
        if len(word) > 3 and word.isascii() and (plain := _shapes().get(_shape(word))):
            votes[(ord(plain[0]) - ord(word[0])) % 26] += len(word)
    read = _long_words(words)
    for shift, letters in votes.most_common(2):
        if shift and letters >= _MIN_LETTERS:
            known = sum(_rotate(word, shift) in plain_words() for word in read)
            if known > max(1, share * len(read)):
                return shift
    return 0


@cache
def _shapes() -> dict[bytes, str]:
    """Known words of four letters or more by their shape, which a Caesar cipher leaves."""
    return {_shape(word): word for word in sorted(plain_words()) if len(word) > 3 and word.isascii()}


def _shape(word: str) -> bytes:
    return bytes((ord(b) - ord(a)) % 26 for a, b in pairwise(word))


@cache
def _rotation(shift: int) -> dict[int, int]:
    turned = (
        ascii_uppercase[shift:],
        ascii_uppercase[:shift],
        ascii_lowercase[shift:],
        ascii_lowercase[:shift],
    )
    return str.maketrans(ascii_uppercase + ascii_lowercase, "".join(turned))


def _rotate(text: str, shift: int) -> str:
    return text.translate(_rotation(shift))


def _is_backwards(words: list[str]) -> bool:
    known = [word for word in words if word in _backwards()]
    return 2 * len(known) > len(_long_words(words)) and len(known) > 1 and _letters(known) >= _MIN_LETTERS


@cache
def _backwards() -> frozenset[str]:
    return frozenset(word[::-1] for word in _long_words(plain_words())) - plain_words()


def _reverse(start: int, text: str) -> Edit:
    return Edit(start, start + len(text), text[::-1], char_places(start, text)[::-1])
