"""Letters replaced or turned round: Caesar ciphers (rot13 and the others) and writing backwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Literal

from .edits import Edit, each
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
    for run in _runs(text) if _maybe_cipher(text) else ():
        words = [match[0].lower() for match in run]
        if _unremarkable(words):
            continue
        start, end = run[0].start(), run[-1].end()
        if shift := _shift(words):
            rotated.append(Edit(start, end, _rotated(text[start:end], shift), each(start, text[start:end])))
        elif _is_backwards(words):
            backwards.append(_turned(start, text[start:end]))
            words_backwards += (_turned(m.start(), m[0]) for m in _CHUNK.finditer(text, start, end))
    yield from (("rot13", rotated), ("reversed", backwards), ("reversed", words_backwards))


def _maybe_cipher(text: str) -> bool:
    """Whether unknown words are known ones when turned by one shift, or when read backwards."""
    unknown = {word for word in WORD.findall(text.lower()) if len(word) > 2} - plain_words()
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
            yield _trimmed(run)
            run = []
        if not known:
            run.append(match)
    yield _trimmed(run)


def _trimmed(run: _Run) -> _Run:
    """The run without short known words at its ends, which belong to what surrounds it."""
    unknown = [i for i, match in enumerate(run) if match[0].lower() not in plain_words()]
    return run[unknown[0] : unknown[-1] + 1] if unknown else []


def _unremarkable(words: list[str]) -> bool:
    """Whether a run is too short to be told from chance, or reads well enough as it is."""
    return _letters(words) < _MIN_LETTERS or 2 * sum(word in plain_words() for word in words) > len(words)


def _letters(words: Iterable[str]) -> int:
    return sum(map(len, words))


def _shift(words: list[str], share: float = 0.5) -> int:
    """By how many letters to turn the words back, 0 where no shift makes more than a share known."""
    votes: Counter[int] = Counter()
    for word in words:
        if len(word) > 3 and word.isascii() and (plain := _shapes().get(_shape(word))):
            votes[(ord(plain[0]) - ord(word[0])) % 26] += len(word)
    read = [word for word in words if len(word) > 2]
    for shift, letters in votes.most_common(2):
        if shift and letters >= _MIN_LETTERS:
            known = sum(_rotated(word, shift) in plain_words() for word in read)
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
    return {base + i: base + (i + shift) % 26 for base in (65, 97) for i in range(26)}


def _rotated(text: str, shift: int) -> str:
    return text.translate(_rotation(shift))


def _is_backwards(words: list[str]) -> bool:
    known = [word for word in words if word in _backwards()]
    long = [word for word in words if len(word) > 2]
    return 2 * len(known) > len(long) and len(known) > 1 and _letters(known) >= _MIN_LETTERS


@cache
def _backwards() -> frozenset[str]:
    return frozenset(word[::-1] for word in plain_words() if len(word) > 2) - plain_words()


def _turned(start: int, text: str) -> Edit:
    return Edit(start, start + len(text), text[::-1], each(start, text)[::-1])
