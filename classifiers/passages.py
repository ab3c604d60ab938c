"""What texts about a target say of it: sentences to recognise, and the name written in full."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from ..vocabulary import ForgetTarget
from .text.folding import normalise
from .text.segments import sentences
from .text.terms import is_unspaced, terms

# Headings and sentences that could stand in any article ("She received several awards.") say nothing.
MIN_RARITY = 6.0
MIN_UNSPACED = 8
MAX_FULL_NAME_WORDS = 6
# Where a passage names the target itself so early, its first words may be somebody else's name.
OPENING = 200

# "Johnathan Southworth Ritter (September 17, 1948 …", "Robert Craig Knievel was …"
_FULL_NAME = re.compile(r"((?:[^\W\d_a-z][\w.'’-]*[\s,]+){2,8}?)(?:\(|(?:is|was|are|were)\b)")


def facts(target: ForgetTarget) -> list[str]:
    """The sentences of the target's passages that would tell it from others.

    All of them where none would, and nothing else says what is in scope: a target must not be listed and
    never found.
    """
    every = list(dict.fromkeys(chain.from_iterable(map(sentences, target.passages))))
    needed = target.scope != "all" and not target.exemplars
    return list(filter(_is_distinctive, every)) or (every if needed else [])


def telling_sentences(texts: Iterable[str]) -> list[str]:
    """Of each text the sentences that would tell what it is about from others, or all where none would:
    "What can you do?" at the end of a question would be found in anything."""
    telling: list[str] = []
    for text in texts:
        every = sentences(text)
        telling += list(filter(_is_distinctive, every)) or every
    return telling


def _is_distinctive(sentence: str) -> bool:
    if is_unspaced(sentence):
        return len(sentence) >= MIN_UNSPACED
    return sum(terms(sentence).values()) >= MIN_RARITY


def full_names(target: ForgetTarget) -> Iterator[str]:
    """The names with which a passage begins, if they can be the target's in full."""
    for passage in target.passages:
        match = _FULL_NAME.match(passage)
        name = match[1].strip(" ,\n\t") if match else ""
        if (
            name
            and len(name.split()) <= MAX_FULL_NAME_WORDS
            and _may_be_full_name(name, target.name, passage)
        ):
            yield name


def _may_be_full_name(name: str, known: str, passage: str) -> bool:
    """All of the known name, or three words with its last, where the passage does not name both."""
    words, own = normalise(name)[0].split(), normalise(known)[0].split()
    if set(own) <= set(words):
        return True
    elsewhere = normalise(known)[0] in normalise(passage[:OPENING])[0]
    return len(words) > 2 and own[-1:] == words[-1:] and not elsewhere
