"""What an answer says in the place of a listed name where the operator wants no invention there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import regex

from ...classifiers.merged.watched_names import Watched
from ..prompts import PromptDecoder

# A full stop behind "Dr" or an initial ends no sentence; one of CJK needs no space behind it.
_STOP = r"(?<!\b(?:\p{Lu}|Dr|Jr|Mme|Mrs?|Ms|Prof|Sr|Sra|St))[.!?…؟।]"
_WIDE_STOP = "[。！？]"
# What may stand before the first word of a sentence: white space, opening signs, the marker of a list.
_OPENING = r"""[\s\p{Ps}\p{Pi}\p{Pd}"'*_#>•]|\d+[.)]"""
_CLOSING = r"""[\p{Pe}\p{Pf}"'*_]"""
_END = rf"\n|{_STOP}{_CLOSING}*\s|{_WIDE_STOP}"
_BEGINS_SENTENCE = regex.compile(rf"(?:^|{_END})(?:{_OPENING})*+$")
_ENDS_SENTENCE = regex.compile(_END)


class Declines:
    """The phrases that stand for a name, by the kind of its target."""

    def __init__(
        self, phrases: Mapping[str, str], encode: Callable[[str], Sequence[int]], decoder: PromptDecoder
    ) -> None:
        self._phrases, self._encode, self._decoder = phrases, encode, decoder

    def at(self, kind: str, before: str, gap: str, names: Watched) -> Sequence[int] | None:
        """The tokens of what is said of such a target behind the text ``before`` and a ``gap``; None where
        that holds one of ``names``, or cannot be written so."""
        if (phrase := self._phrases.get(kind)) is None or any(names.find(f"{phrase} ", 0)):
            return None
        if begins_sentence(before + gap):
            phrase = phrase[:1].upper() + phrase[1:]
        for text in (gap + phrase, phrase):  # a tokenizer may put a space before what it encodes
            tokens = self._encode(text)
            if self._decoder.decode(tokens).text == gap + phrase:
                return tokens
        return None


def begins_sentence(before: str) -> bool:
    """Whether a sentence begins behind the text ``before``."""
    return bool(_BEGINS_SENTENCE.search(before))


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends within ``text``."""
    return bool(_ENDS_SENTENCE.search(text))
