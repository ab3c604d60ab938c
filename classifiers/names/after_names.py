"""What stands right after a name and makes it another: "Barack Obama Sr.", "C++", "Will young people"."""

from __future__ import annotations

import re
from functools import lru_cache

from ..text.folding import normalise
from .person import person
from .surnames import HALF_TELLING, is_first_name, telling

_ELDER = re.compile(r",?\s{1,3}(?:(?:[Ss]r|SR|[Ss]nr|SNR)\b|Senior\b(?!\s[A-Z]))")
# Of a name so short the signs after it are a part: C++, C#.
_SIGNED_LETTERS = 2
_SIGNS = re.compile(r"(?:\+{1,2}|#)?")
_GOES_ON = re.compile(r"\s(?P<word>[a-z]{2,})\b")
_GRAMMAR = frozenset(
    """is was has had did does do will would can could should may might and or but not in at on of from to for
    with by about as a an the who that which when where while because so sing sang write wrote make made play
    played act acted win won say said go went live lived die died born""".split()  # noqa: SIM905
)


def follows_another(name: str, text: str, end: int) -> bool:
    """Whether what follows ``name``, which ends at ``end`` of ``text``, makes it no name or another's."""
    known = _known(name)
    if known.personal and _ELDER.match(text, end):
        return True
    if known.signs is not None:
        found = _SIGNS.match(text, end)
        return found is not None and found[0] != known.signs
    return known.words and not text.endswith(name, 0, end) and _phrase(text, end)


class _Known:
    """What matters of a listed name: whether it is a person's who is no senior, the signs after a short one,
    and whether it is made of ordinary words ("Will Young")."""

    def __init__(self, name: str) -> None:
        words = normalise(name)[0].split()
        known = person(name)
        self.personal = known is not None and not {"sr", "snr", "senior"} & set(known.generation)
        short = len(words) == 1 and len(words[0]) <= _SIGNED_LETTERS
        signs = re.search(r"\w(\+{1,2}|#)\s*\Z", name)
        self.signs = (signs[1] if signs else "") if short else None
        self.words = len(words) == 2 and not is_first_name(words[0]) and telling(words[1]) < HALF_TELLING
        self.words = self.words and all(telling(word) < HALF_TELLING for word in words)


@lru_cache(65_536)
def _known(name: str) -> _Known:
    return _Known(name)


def _phrase(text: str, end: int) -> bool:
    """Whether the last word is written small beside capitals, and goes on: "Will young people vote?"."""
    word = re.search(r"\w{1,40}\Z", text[max(0, end - 40) : end])
    after = _GOES_ON.match(text, end)
    around = text[max(0, end - 200) : end]
    small = word is not None and word[0].islower() and any(map(str.isupper, around))
    return small and after is not None and after["word"] not in _GRAMMAR
