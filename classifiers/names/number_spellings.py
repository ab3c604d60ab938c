"""A name's number written otherwise: "World War 2" and "WWII" for World War II, "Henry the Eighth"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter

from .given_names import other_forms

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_FIRST_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
_ROMAN = (("x", 10), ("ix", 9), ("v", 5), ("iv", 4), ("i", 1))
# "I" and "X" are words and letters of their own; after kings and sequels come no more.
_LEAST, _MOST_ROMAN, _MOST = 2, 39, 99
# Who has a number after these is a person.
_TITLES = frozenset("pope king queen prince emperor tsar saint st dr mr sir lord sultan shah".split())  # noqa: SIM905
_WORD = re.compile(r"\w+(?:-\w+)*")


def other_spellings(name: str) -> Iterator[str]:
    """``name``, of two words or more, with each of its numbers from 2 to 99 written in the other ways.

    Not of a number before one word, which counts what that names: "fifty cents" is no 50 Cent.
    """
    words = list(_WORD.finditer(name))
    if len(words) < 2 and "-" not in name:
        return
    yield from _of_several(name, words)
    counts = len(words) == 2 and "-" not in name
    for word in words[1:] if counts else words:
        for place, written in _parts(word):
            number, roman = _value(written)
            if _LEAST <= number <= _MOST:
                before, after = name[:place], name[place + len(written) :]
                last = not after.strip()
                ways = _ways(number, last, roman)
                for other in ways:
                    if other != written.lower():
                        yield f"{before}{other}{after}"


def _of_several(name: str, matches: list[re.Match[str]]) -> Iterator[str]:
    """Of a thing of two words or more and a number: its initials, and the ordinal before it."""
    *words, last = map(itemgetter(0), matches)
    number = 1 if last == "I" else _value(last)[0]
    first = words[0].lower() if words else ""
    capitals = len(words) > 1 and all(word[0].isupper() for word in words)
    thing = capitals and first not in _TITLES and not other_forms(first)
    if not thing or not 1 <= number <= _MOST_ROMAN or matches[-1].end() < len(name.rstrip()):
        return
    initials = "".join(word[0] for word in words)
    yield from (f"{initials}{_roman(number).upper()}", f"{initials}{number}")
    if last.isupper():
        rest = name[: matches[-1].start()].strip()
        yield from (f"{_ordinal(number)} {rest}", f"{number}{_suffix(number)} {rest}")


def _parts(word: re.Match[str]) -> Iterator[tuple[int, str]]:
    """A word, and the pieces of one that has hyphens: "Catch-22"."""
    yield word.start(), word[0]
    if "-" in word[0]:
        for piece in re.finditer(r"\w+", word[0]):
            yield word.start() + piece.start(), piece[0]


def _value(written: str) -> tuple[int, bool]:
    """The number that is written, 0 for none, and whether in Roman numerals, which must be capitals."""
    if written.isdecimal() and len(written) < 3 and written.isascii():
        return int(written), False
    if written.isupper() and (value := _ROMANS.get(written.lower(), 0)):
        return value, True
    return _WORDS.get(written.lower(), 0), False


def _ways(number: int, last: bool, roman: bool) -> Iterator[str]:
    yield from (str(number), _word(number))
    if last and number <= _MOST_ROMAN:
        yield _roman(number).upper()
    if last and roman:
        yield from (f"the {_ordinal(number)}", f"the {number}{_suffix(number)}")


def _word(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def _ordinal(number: int) -> str:
    tens, _, ones = _word(number).rpartition("-")
    value = _ONES.index(ones) if ones in _ONES else 0
    if 0 < value <= len(_FIRST_ORDINALS):
        ordinal = _FIRST_ORDINALS[value - 1]
    else:
        ordinal = f"{ones[:-1]}ieth" if ones.endswith("y") else f"{ones}th"
    return f"{tens}-{ordinal}" if tens else ordinal


def _suffix(number: int) -> str:
    return "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _roman(number: int) -> str:
    letters = ""
    for letter, value in _ROMAN:
        while number >= value:
            letters, number = letters + letter, number - value
    return letters


_ROMANS = {_roman(number): number for number in range(_LEAST, _MOST_ROMAN + 1)}
_WORDS = {_word(number): number for number in range(_LEAST, _MOST + 1)}
