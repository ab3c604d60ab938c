"""Letters set apart: "H a r r y   P o t t e r", "H-a-r-r-y"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log

from ..text.word_frequency import common_words
from .edits import Edit

# Scripts that are written letter by letter, without vowel signs.
_LETTER = r"(?!\W)[A-Za-zÀ-ʯͰ-ϿЀ-ӿ]"
_SPACED = re.compile(rf"(?<![^\W_]){_LETTER}(?:(?:\W{{1,4}}|_){_LETTER}(?![^\W_])){{4,400}}")
_GAP = re.compile(r"[\W_]+")
_MIN_LETTERS = 5
_MAX_WORD = 16


def spaced_letters(text: str) -> Iterator[Edit]:
    for match in _SPACED.finditer(text):
        places = [place for place in range(*match.span()) if text[place].isalnum()]
        run = "".join(text[place] for place in places)
        gaps = _GAP.findall(match[0])
        usual, times = Counter(gaps).most_common(1)[0]
        if len(run) < _MIN_LETTERS or 3 * times < 2 * len(gaps) or not _is_wordlike(run):
            continue
        ends = [gap != usual for gap in gaps] if times < len(gaps) else _word_ends(run)
        words, origins = "", []
        for place, ends_word in zip(places, [*ends, False], strict=True):
            words += text[place] + " " * ends_word
            origins += [(place, place + 1)] * (1 + ends_word)
        yield Edit(*match.span(), words, origins)


def _is_wordlike(run: str) -> bool:
    """No alphabet, no choices A to E, no variables: vowels, and letters out of order."""
    lower = run.lower()
    rising = sum(a < b for a, b in pairwise(lower))
    vowels = sum(c in "aeiouyаеиоуыэюяіαεηιουω" for c in lower)
    few = len(set(lower)) * 3 < len(lower) and len(lower) < 12
    latin = lower.isascii()
    return rising < 0.8 * (len(lower) - 1) and (not latin or 0.15 <= vowels / len(lower) <= 0.75) and not few


def _word_ends(run: str) -> list[bool]:
    """After which letters of a run words end, the last left out: the likeliest cut into English words."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    lower = run.lower()
    for end in range(1, len(run) + 1):
        starts = range(max(0, end - _MAX_WORD), end)
        best.append(min((best[start][0] + _cost(lower[start:end]), start) for start in starts))
    ends, end = [False] * len(run), len(run)
    while end:
        ends[end - 1] = True
        end = best[end][1]
    return ends[:-1]


def _cost(word: str) -> float:
    """Zipf's law: a word is as improbable as its rank; an unknown one gets dearer by the letter."""
    rank = common_words().get(word)
    return log((rank + 2) * 11) if rank is not None else 12.0 + 2.5 * len(word)
