"""The ways to write a name: as it is listed, inverted, backwards and in rot13."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from .folding import normalise
from .word_frequency import common_words

_HIDDEN_LETTERS = 6
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa",
                          "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"})  # fmt: skip
_UNWRITTEN = re.compile(r"[.'’‘`´-]")


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a name. ``written`` are its folded spellings as words; an ``inverted`` one
    ("Rowling, J. K.") has a comma after its first word; a ``hidden`` one is reversed or in rot13."""

    kind: Literal["plain", "inverted", "hidden"]
    written: tuple[str, ...]
    owners: list[tuple[str, str]] = field(default_factory=list, compare=False, hash=False)


def name_forms(name: str) -> Iterator[Form]:
    for spelling in dict.fromkeys((name, unicodedata.normalize("NFC", name).translate(_UMLAUTS))):
        words = normalise(spelling)[0].split()
        joined = normalise(_UNWRITTEN.sub("", spelling))[0].split()
        yield Form("plain", tuple(dict.fromkeys((" ".join(words), " ".join(joined)))))
        if len(words) > 1 and "," not in name:
            yield Form("inverted", tuple(dict.fromkeys(map(_inverted, (words, joined)))))
        for hidden in _hidden(words):
            yield Form("hidden", (hidden,))


def _inverted(words: list[str]) -> str:
    return " ".join([words[-1], *words[:-1]])


def _hidden(words: list[str]) -> Iterator[str]:
    """The name in rot13, read backwards, and with each word backwards; no ordinary words."""
    letters = "".join(words)
    if len(letters) >= _HIDDEN_LETTERS:
        disguises = {codecs.encode(letters, "rot13"), letters[::-1], "".join(w[::-1] for w in words)}
        yield from (d for d in sorted(disguises) if d != letters and d not in common_words())
