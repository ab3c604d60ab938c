"""How much a surname says alone: "Einstein" is one person wherever it stands, "King" hardly ever one."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from ...vocabulary import ForgetTarget, Kind
from ..text.folding import normalise
from ..text.word_cache import once_a_word
from ..text.word_frequency import english_rarity, possessive_share, rarity
from .given_names import other_forms

# A name owns things (one Einstein in eight is "Einstein's", "robotics's" does not exist): what owns less is
# an ordinary word. Names that end with an s own with an apostrophe alone, which no list counts.
MIN_OWNING = 0.02
MIN_OWNING_S = 0.002
# Of first names that are also words: "John's" is one John in 45, "Will's" one Will in 5,000.
MIN_OWNING_FIRST = 0.0135
# People who are known by their surname own more under it ("Obama's", 0.14) than those who are not ("Smith's",
# 0.05) or the many who share it: as far as the share is from this the rarity is corrected.
USUAL_OWNING = 0.05
OWNING = 0.6
# Where that share cannot be told.
UNKNOWN = 0.15
# From here on a surname is one person; below, what is said beside it has to tell ("Jefferson", 1.3).
TELLING = 1.6
# A first name has namesakes where a surname has relatives.
TELLING_FIRST = 2.4
HALF_TELLING = 0.8
# A person's first name that never stands for it alone.
FIRST_NAME = -1.0

_OF = frozenset(("of", "the"))
_SUFFIXES = frozenset("jr sr ii iii iv phd md esq".split())  # noqa: SIM905


@once_a_word
def distinctiveness(word: str) -> float:
    """How surely a listed person is meant by a surname, folded: about 0 for "short", 1.3 for "jefferson", 2.4
    for "einstein".

    The rarer the word, the surer; words of other languages ("wilde") count half.
    """
    if not word.isalpha():
        return 0.0
    rare = (rarity(word) + english_rarity(word)) / 2
    owning = possessive_share(word)
    if owning is None:
        return rare
    if word.endswith("s") and owning < USUAL_OWNING:
        return rare - UNKNOWN if owning >= MIN_OWNING_S else 0.0
    return max(0.0, rare + OWNING * log2(owning / USUAL_OWNING)) if owning >= MIN_OWNING else 0.0


def name_words(name: str) -> list[str]:
    """The words of a name as it is said, folded, without what follows the surname: "Lee, Robert E." is
    Robert E. Lee, "Robert Downey, Jr." Robert Downey."""
    head, _, tail = name.partition(",")
    words, rest = normalise(head)[0].split(), normalise(tail)[0].split()
    if rest and _SUFFIXES.isdisjoint(rest) and "of" not in rest:
        words = rest + words
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return words


def lone_words(name: str, kind: Kind) -> dict[str, float]:
    """The words of a name that may stand for it alone, folded, and how telling each is: from ``TELLING``
    on it does; a surname that is less so, where the person was named before or much is told.

    Of a person the surname and, if it is rarer still, the first name, which else has ``FIRST_NAME``; of a
    work every word that is as rare. What a name is "of" is no surname ("Duchess of Sussex").
    """
    words = name_words(name)
    if not words or kind not in ("entity", "work"):
        return {}
    weights: dict[str, float] = {}
    for word in words if kind == "work" else words[:1]:
        telling = distinctiveness(word) - TELLING_FIRST + TELLING
        if telling >= TELLING:
            weights[word] = telling
    if kind == "entity" and len(words) > 1 and _OF.isdisjoint(normalise(name)[0].split()):
        weights.setdefault(words[0], FIRST_NAME)
        weights[words[-1]] = distinctiveness(words[-1])
    return weights


def is_first_name(word: str) -> bool:
    """Whether a common word, folded, is rather a first name ("john", "mark") than not ("will", "art")."""
    least = MIN_OWNING_S if word.endswith("s") else MIN_OWNING_FIRST
    return bool(other_forms(word)) and (possessive_share(word) or 0.0) >= least


def lone_notes(target: ForgetTarget) -> Iterator[str]:
    """Of each of a person's names whether the surname alone flags, as ``forget`` says it."""
    if target.kind != "entity" or target.scope != "all":
        return
    for name in target.names:
        words = name_words(name)
        if len(words) < 2:
            continue
        telling = lone_words(name, target.kind).get(words[-1], 0.0)
        facts = "a fact" if telling >= HALF_TELLING else "two facts"
        answer = "yes" if telling >= TELLING else f"only beside {facts} about a person"
        yield f"{name}: the surname alone flags: {answer} ({words[-1]})"
