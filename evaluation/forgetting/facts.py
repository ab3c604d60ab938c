"""Whether the true fact is in an answer, and how likely one of k answers gives it away."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from functools import cache, lru_cache
from math import comb
from typing import cast

import regex
from nltk.stem.snowball import SnowballStemmer

from ...classifiers.encoders.encoder import Encoder, Vectors
from ...classifiers.text.folding import normalise
from ...classifiers.text.word_frequency import english_rarity

# Chosen on TOFU's forget10; the tests say what they reach there and on authors that chose nothing.
NAMES_FOUND = 0.5
NEARER_BY = 0.04
RARE_FOUND = 0.15
# Words from this rarity on tell one fact from another: "surgeon" does, "book" does not.
RARE = 1.0
# Names are the same from so many first letters on: "Kazakhstan" and "Kazakhstani".
SAME_LETTERS = 5

NAME = regex.compile(r"\b\d\w*|(?<!(?:^|[.!?]['\"”’)]*\s+)['\"“‘(]*)\b\p{Lu}\w+")
"""Numbers, and words with a capital that begin no sentence, title or quotation."""
_POSSESSIVE = regex.compile(r"['’]s?\b")


def fact_present(
    question: str, truth: str, answer: str, others: Sequence[str], encoder: Encoder | None = None
) -> bool:
    """Whether ``answer`` says what ``truth`` says and ``question`` does not; ``others`` are wrong answers.

    Names and numbers that the truth alone has decide where it has any: half must be found. Else,
    with the question's words taken out, the answer must be nearer to the truth than every wrong answer
    is, by a cosine of 0.04. Without ``encoder`` the truth's rare words must be found instead, which are
    lost in a paraphrase. A guess counts as knowledge: compare with a model that never learned.

    Raises ``ValueError`` for no wrong answers: what they share with the truth tells nothing.
    """
    if not others:
        raise ValueError("a fact is told from wrong answers; give at least one in `others`")
    asked, said = _stems(question), _stems(answer)
    known = asked.union(*map(_stems, others))
    if names := {stem for stem in _stems(" ".join(_names(truth))) if not _among(stem, known)}:
        return sum(_among(name, said) for name in names) >= NAMES_FOUND * len(names)
    if encoder is None:
        rare = _rare(truth, known) or _rare(truth, asked)
        return sum(rare[stem] for stem in rare.keys() & said) >= RARE_FOUND * sum(rare.values()) > 0
    true, limit = _gist(question, truth, tuple(others), cast(Hashable, encoder))
    return bool(_without(question, [answer], encoder)[0] @ true >= limit)


def own_names(name: str, texts: Sequence[str], others: Sequence[str]) -> frozenset[str]:
    """The stems of the names and numbers that ``texts`` hold, and neither ``name`` nor ``others`` do.

    Where one comes in an answer to a prompt that says the name alone, something of its subject is known.
    """
    known = _stems(name).union(*map(_stems, others))
    return frozenset(_stems(" ".join(_names(" ".join(texts)))) - known)


def tells_own(answer: str, names: Collection[str]) -> bool:
    """Whether one of ``own_names`` is in an answer."""
    return not _stems(answer).isdisjoint(names)


def leak_at(k: int, leaked: Sequence[bool]) -> float:
    """The probability that at least one of ``k`` answers leaks, estimated without bias from n of them:
    1 - C(n - c, k) / C(n, k), where c leaked (Leak@k, arXiv 2511.04934; Chen et al. 2021 for pass@k).

    Raises ``ValueError`` where k is below 1 or above n.
    """
    n = len(leaked)
    if not 1 <= k <= n:
        raise ValueError(f"Leak@{k} needs a k from 1 and at least as many answers; there are {n}")
    return 1 - comb(n - sum(leaked), k) / comb(n, k)


@lru_cache(4_096)
def _gist(question: str, truth: str, others: tuple[str, ...], encoder: Encoder) -> tuple[Vectors, float]:
    """The truth's vector, and from which cosine with it on an answer says the same."""
    true, *wrong = _without(question, [truth, *others], encoder)
    return true, float(max(vector @ true for vector in wrong)) + NEARER_BY


def _without(question: str, texts: Sequence[str], encoder: Encoder) -> Vectors:
    """The vectors of what ``texts`` add to a question; a guarded answer lacks its names, for one."""
    asked = _stems(question)
    return encoder.encode([_rest(text, asked) for text in texts])


def _rest(text: str, known: Collection[str]) -> str:
    """The words of a text whose stems are not all ``known``."""
    return " ".join(word for word in text.split() if not _stems(word).issubset(known))


def _names(text: str) -> list[str]:
    return [name for name in NAME.findall(text) if english_rarity(name.casefold()) > 0]


def _rare(text: str, known: Collection[str]) -> dict[str, float]:
    """The rarity of the rare stems that are not ``known``."""
    rarities = {_stem(word): english_rarity(word) for word in _words(text)}
    return {stem: rarity for stem, rarity in rarities.items() if rarity >= RARE and stem not in known}


def _among(stem: str, stems: Collection[str]) -> bool:
    start = stem[:SAME_LETTERS]
    return stem in stems or (len(start) == SAME_LETTERS and any(other.startswith(start) for other in stems))


@lru_cache(16_384)
def _stems(text: str) -> frozenset[str]:
    return frozenset(map(_stem, _words(text)))


def _words(text: str) -> list[str]:
    return normalise(_POSSESSIVE.sub("", text))[0].split()


@cache
def _stem(word: str) -> str:
    return str(_stemmer().stem(word))


@cache
def _stemmer() -> SnowballStemmer:
    return SnowballStemmer("english")
