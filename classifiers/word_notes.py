"""Names that are ordinary words, too: "Dune", "It", "Friends". What of them flags is tried, and said."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from ..vocabulary import ForgetTarget
from .calibration.scope_check import PROMPT_WORDS, NamesOnly, common_share
from .detector import Detector
from .forget_index import ForgetIndex
from .index.lines import has_line
from .names.ordinary_words import ARTICLES, ordinary_names

# The share of prompts that hold the word, from which it is said.
_SEEN = 1e-4


def word_notes(target: ForgetTarget) -> Iterator[str]:
    """For each name that is an ordinary word or number, and each short title of such words, which ways of
    writing it flag.

    They are asked of the detector itself, with that name alone in its list.
    """
    for name in ordinary_names(target):
        if target.kind == "topic" and has_line(target):
            beside = "flags beside what the texts are about"
            yield f"{name}: an ordinary word or number, too{_share(name)}; {beside}"
            continue
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


def _share(name: str) -> str:
    share = common_share(name)
    return f", in about one of {round(1 / share):,} prompts of {PROMPT_WORDS} words" if share >= _SEEN else ""


def _ways(name: str) -> Iterator[str]:
    """A question about what is called so, also in lower case; sentences that have the word; another form."""
    lower = name.lower()
    yield f"Who made {name}?"
    if lower != name:
        yield f"who made {lower}?"
    yield f"she had {lower} in mind"
    article, _, rest = lower.partition(" ")
    if rest and article in ARTICLES:
        yield f"she had one {rest} in mind"
    elif lower.isalpha() and not lower.endswith("s"):
        yield f"she had {lower}s in mind"
