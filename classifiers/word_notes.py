"""Names that are ordinary words, too: "Dune", "It", "Friends". What of them flags is tried, and said."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from ..vocabulary import ForgetTarget
from .calibration.scope_check import PROMPT_WORDS, NamesOnly, common_share
from .detector import Detector
from .forget_index import ForgetIndex
from .names.surnames import distinctiveness, is_first_name
from .text.folding import normalise
from .text.word_frequency import rarity

# Rarer ones are no words to most readers; commoner ones are words whatever they are called besides.
_RARE = 2.6
_COMMON = 0.1
# What tells of a person as surely as this ("Hamlet", "Gatsby") is a name first.
_NAME = 1.2
# Titles of more words are hardly written but for the work.
_WORDS = 2
# Of a target's names, so many are looked at.
_NAMES = 20
# The share of prompts that hold the word, from which it is said.
_SEEN = 1e-4
_ARTICLES = frozenset(("a", "an", "the"))


def word_notes(target: ForgetTarget) -> Iterator[str]:
    """For each name that is an ordinary word or number, and each short title of such words, which ways of
    writing it flag.

    They are asked of the detector itself, with that name alone in its list.
    """
    for name in ordinary_names(target):
        alone = ForgetTarget(id="alone", kind=target.kind, name=name)
        detector = Detector(ForgetIndex(0, [alone], NamesOnly()), NamesOnly(), inf)
        ways: list[str] = []
        for text in _ways(name):
            ways.append(f'"{text}": {"yes" if detector.detect(text) else "no"}')
        answers = "; ".join(ways)
        apart = (
            "where no counterexample is nearer" if target.counterexamples else "counterexamples tell it apart"
        )
        yield f"{name}: an ordinary word or number, too{_share(name)}; flags {answers} ({apart})"


def ordinary_names(target: ForgetTarget) -> list[str]:
    """The names that ``word_notes`` says something of."""
    return [name for name in target.names[:_NAMES] if target.scope == "all" and _is_ordinary(name, target)]


def _share(name: str) -> str:
    share = common_share(name)
    return f", in about one of {round(1 / share):,} prompts of {PROMPT_WORDS} words" if share >= _SEEN else ""


def _is_ordinary(name: str, target: ForgetTarget) -> bool:
    words = [word for word in normalise(name)[0].split() if word not in _ARTICLES]
    most = _WORDS if target.kind == "work" else 1
    return 0 < len(words) <= most and all(map(_is_word, words))


def _is_word(word: str) -> bool:
    rare = rarity(word)
    named = is_first_name(word) or distinctiveness(word) >= _NAME
    return word.isdigit() or (word.isalpha() and rare < _RARE and (rare < _COMMON or not named))


def _ways(name: str) -> Iterator[str]:
    """A question about what is called so, also in lower case; sentences that have the word; another form."""
    lower = name.lower()
    yield f"Who made {name}?"
    if lower != name:
        yield f"who made {lower}?"
    yield f"she had {lower} in mind"
    article, _, rest = lower.partition(" ")
    if rest and article in _ARTICLES:
        yield f"she had one {rest} in mind"
    elif lower.isalpha() and not lower.endswith("s"):
        yield f"she had {lower}s in mind"
