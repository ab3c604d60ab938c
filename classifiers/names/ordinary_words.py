"""Names that are words or numbers of everyday speech, too: "Dune", "It", "law"."""

from __future__ import annotations

from ...vocabulary import ForgetTarget
from ..text.folding import normalise
from ..text.word_frequency import rarity
from .surnames import distinctiveness, is_first_name

# Rarer ones are no words to most readers; commoner ones are words whatever they are called besides.
_RARE = 2.6
_COMMON = 0.1
# What tells of a person as surely as this ("Hamlet", "Gatsby") is a name first.
_NAME = 1.2
# Titles of more words are hardly written but for the work.
_WORDS = 2
# Of a target's names, so many are looked at.
_NAMES = 20
ARTICLES = frozenset(("a", "an", "the"))


def ordinary_names(target: ForgetTarget) -> list[str]:
    """Of a target that is listed whole, the names that are such words."""
    return [name for name in target.names[:_NAMES] if target.scope == "all" and _is_ordinary(name, target)]


def _is_ordinary(name: str, target: ForgetTarget) -> bool:
    words = [word for word in normalise(name)[0].split() if word not in ARTICLES]
    most = _WORDS if target.kind == "work" else 1
    return 0 < len(words) <= most and all(map(_is_word, words))


def _is_word(word: str) -> bool:
    rare = rarity(word)
    named = is_first_name(word) or distinctiveness(word) >= _NAME
    return word.isdigit() or (word.isalpha() and rare < _RARE and (rare < _COMMON or not named))
