"""What texts about a target say of it: sentences to recognise, and the name written in full."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..vocabulary import ForgetTarget
from .segments import sentences
from .terms import terms

# Headings and sentences that could stand in any article ("She received several awards.") say nothing.
MIN_RARITY = 6.0
MAX_FULL_NAME_WORDS = 6

# "Johnathan Southworth Ritter (September 17, 1948 …", "Robert Craig Knievel was …"
_FULL_NAME = re.compile(r"((?:[^\W\d_a-z][\w.'’-]*[\s,]+){2,8}?)(?:\(|(?:is|was|are|were)\b)")


def facts(target: ForgetTarget) -> list[str]:
    """The sentences of the target's passages that would tell it from others."""
    found = (sentence for passage in target.passages for sentence in sentences(passage))
    return [s for s in dict.fromkeys(found) if sum(terms(s).values()) >= MIN_RARITY]


def full_names(target: ForgetTarget) -> Iterator[str]:
    """The names with which a passage begins, if they share a word with the target's."""
    known = {word for name in target.names for word in terms(name)}
    for passage in target.passages:
        match = _FULL_NAME.match(passage)
        if not match:
            continue
        name = match[1].strip(" ,\n\t")
        if len(name.split()) <= MAX_FULL_NAME_WORDS and known & terms(name).keys():
            yield name
