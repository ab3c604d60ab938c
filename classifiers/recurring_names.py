"""Who and what recurs in the texts about a work: "Hogwarts" speaks of it as a part of its name does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import regex

from .names.name_parts import MIN_LETTERS
from .text.folding import normalise
from .text.word_frequency import rarity

# In so many texts a capitalised word is no accident; one as common as "Arthur" may be of any work.
RECURRING = 3
MIN_RARITY = 1.0

# After a lower-case word or a comma: the first word of a sentence, or of a title, has a capital anyway.
_NAME = regex.compile(r"(?<=[\p{Ll},]['’)]? )\p{Lu}[\p{L}\p{M}]+(?: \p{Lu}[\p{L}\p{M}]+)*")


def recurring_names(texts: Iterable[str]) -> frozenset[str]:
    """The names, folded and word by word, that stand in ``RECURRING`` texts or more."""
    texts_with: Counter[str] = Counter()
    for text in texts:
        words: set[str] = set()
        for name in _NAME.findall(text):
            words.update(normalise(name)[0].split())
        texts_with.update(words)
    recurring = [word for word, count in texts_with.items() if count >= RECURRING]
    return frozenset(filter(_is_telling, recurring))


def _is_telling(word: str) -> bool:
    return len(word) >= MIN_LETTERS and rarity(word) >= MIN_RARITY
