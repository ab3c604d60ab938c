"""What stands right after a name and makes it another: "Barack Obama Sr.", "C++", "Will young people",
"GPT-4.5", "Henry v. Ohio", "Rosa parks the car"."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from ..text.folding import normalise
from ..text.word_frequency import english_rarity
from .person import person
from .punctuation import is_question
from .surnames import HALF_TELLING, distinctiveness, is_first_name

_ELDER = re.compile(r",?\s{1,3}(?:(?:[Ss]r|SR|[Ss]nr|SNR)\b|Senior\b(?!\s[A-Z]))")
_REST_OF_NAME = re.compile(
    r"(?:\s[A-Z][\w'’-]{0,30}\.?(?=,?\s)){0,3}?(?=,?\s(?:[Ss]r|SR|[Ss]nr|SNR|Senior)\b)"
)
_OPPOSED = re.compile(r"\svs?\.?\s+[A-Z]")
_JUNIORS = frozenset(("jr", "jnr", "junior"))
_SENIORS = frozenset(("sr", "snr", "senior"))
# Of a name so short the signs after it are a part: C++, C#.
_SIGNED_LETTERS = 2
_SIGNS = re.compile(r"(?:\+{1,2}|#)?")
# A number that goes on behind its point, or began before it.
_DECIMALS = re.compile(r"\.\d|,\d{3}(?!\d)")
_DECIMALS_BEFORE = re.compile(r"\d[.,]\Z")
# Of a case at court: "Henry v. Ohio", "Henry vs. Ohio".
_FIFTH = re.compile(r"\bV\s*\Z")
_VERSUS = re.compile(r"s?\.?\s+[A-Z]|s\b")
# "A 3m board" is three metres long.
_UNIT = re.compile(r"\d+[A-Z]{1,2}")
_MEASURED = re.compile(r"(?:\b(?:an?|is|was|nearly|almost|approximately)|[~<>=×x±-])\s?\Z", re.IGNORECASE)
_MEASURES = re.compile(
    r"\s(?:long|deep|wide|high|tall|thick|away|apart|across|above|below|x|×|by|per|from)\b|\s?[×/]"
)
# What follows a verb, and no name in a statement: "Rosa parks the car".
_OBJECT = re.compile(
    r"\s(?:the|an?|his|her|their|its|my|your|our|this|that|these|those|it|him|them|me|us|for|at|on|in|up|down|out"
    r"|off|over|away|there|here|asleep|apart|until|while|by|every)\b"
)
_VERB_RARITY = 3.0
_GOES_ON = re.compile(r"\s(?P<word>[a-z]{2,})\b")
_GRAMMAR = frozenset(
    """is was has had did does do will would can could should may might and or but not in at on of from to for
    with by about as a an the who that which when where while because so sing sang write wrote make made play
    played act acted win won say said go went live lived die died born""".split()  # noqa: SIM905
)


def follows_another(name: str, text: str, start: int, end: int) -> bool:
    """Whether what stands beside ``name``, in ``text[start:end]``, makes it no name or another's."""
    traits = _traits(name)
    if _goes_on_in_digits(text, start, end) or (traits.fifth and _is_versus(text, end)):
        return True
    if traits.unit and _is_measure(text, start, end):
        return True
    if traits.personal and _is_verb(text, start, end):
        return True
    if traits.personal and _ELDER.match(text, end):
        return True
    if traits.signs is not None:
        signs = _SIGNS.match(text, end)
        return signs is not None and signs[0] != traits.signs
    return traits.words and not text.endswith(name, 0, end) and _is_phrase(text, end)


def part_of_another(text: str, start: int, end: int, own: Collection[str]) -> bool:
    """Whether ``text[start:end]``, of a name with the words ``own``, is of another: of "Robert Downey Sr."
    for a listed Robert Downey Jr., of "Henry v. Ohio" for Henry V."""
    if "v" in own and _OPPOSED.match(text, end):
        return True
    if not _JUNIORS.isdisjoint(own) and _SENIORS.isdisjoint(own) and text[start].isupper():
        run = _REST_OF_NAME.match(text, end)
        return run is not None and _ELDER.match(text, run.end()) is not None
    return False


class _Traits:
    """What matters of a listed name: whether it is a person's who is no senior, the signs after a short one,
    and whether it is made of ordinary words ("Will Young")."""

    def __init__(self, name: str) -> None:
        words = normalise(name)[0].split()
        known = person(name)
        self.personal = known is not None and not _SENIORS & set(known.generation)
        self.fifth = _FIFTH.search(name) is not None
        self.unit = _UNIT.fullmatch(name.strip()) is not None
        short = len(words) == 1 and len(words[0]) <= _SIGNED_LETTERS
        signs = re.search(r"\w(\+{1,2}|#)\W*\Z", name)
        self.signs = (signs[1] if signs else "") if short else None
        self.words = (
            len(words) == 2 and not is_first_name(words[0]) and distinctiveness(words[1]) < HALF_TELLING
        )
        self.words = self.words and all(distinctiveness(word) < HALF_TELLING for word in words)


@lru_cache(65_536)
def _traits(name: str) -> _Traits:
    return _Traits(name)


def _goes_on_in_digits(text: str, start: int, end: int) -> bool:
    after = text[end - 1].isdigit() and _DECIMALS.match(text, end)
    before = text[start].isdigit() and _DECIMALS_BEFORE.search(text[max(0, start - 2) : start])
    return bool(after or before)


def _is_versus(text: str, end: int) -> bool:
    return text[end - 1] == "v" and _VERSUS.match(text, end) is not None


def _is_measure(text: str, start: int, end: int) -> bool:
    """Whether a number and letters, small ones, are a measure."""
    if not text[start:end].islower():
        return False
    before = text[max(0, start - 20) : start]
    return bool(_MEASURED.search(before) or _MEASURES.match(text, end))


def _is_verb(text: str, start: int, end: int) -> bool:
    """Whether the last word is written small behind a capital, and is what somebody does."""
    end = end + 1 if text[end : end + 1] == "s" else end
    first, _, last = text[start:end].rpartition(" ")
    small = first[:1].isupper() and last.islower() and last.isalpha() and last.endswith("s")
    if not small or english_rarity(last) > _VERB_RARITY or not _OBJECT.match(text, end):
        return False
    return not is_question(text, start)


def _is_phrase(text: str, end: int) -> bool:
    """Whether the last word is written small beside capitals, and goes on: "Will young people vote?"."""
    word = re.search(r"\w{1,40}\Z", text[max(0, end - 40) : end])
    after = _GOES_ON.match(text, end)
    around = text[max(0, end - 200) : end]
    small = word is not None and word[0].islower() and any(map(str.isupper, around))
    return small and after is not None and after["word"] not in _GRAMMAR
