"""Fold text for comparison: case, accents, compatibility forms and invisible characters go."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import regex
from anyascii import anyascii
from opencc import OpenCC

# What is not shown, put into a word, splits nothing; nor do the stroke that lengthens Arabic words and the
# signs of transcriptions that most writers leave out: the ʻ of Hawaiʻi, the ʿ of ʿAlī.
_UNWRITTEN = "\u0640\u02b9-\u02bb\u02bd-\u02c1"
_INVISIBLE = regex.compile(rf"[\p{{Default_Ignorable_Code_Point}}\p{{Cf}}\p{{Me}}{_UNWRITTEN}]")
# Apostrophes and accents that Unicode counts among the letters.
_NO_LETTERS = regex.compile(r"[\u02BC\u02C2-\u02DF\u02E5-\u02FF\u0374]")
# One letter that keyboards of different countries write differently; and Hebrew's forms at a word's end.
_SAME_LETTER = str.maketrans(
    "\u06cc\u0649\u06d2\u06a9\u06aa\u06c1\u06be\u0629\u06c3\u0671\u05da\u05dd\u05df\u05e3\u05e5",
    "\u064a\u064a\u064a\u0643\u0643\u0647\u0647\u0647\u0647\u0627\u05db\u05de\u05e0\u05e4\u05e6",
)
# Of all of Unicode, which a client may send, it would take 280 MB. More than any text has.
MOST_CHARACTERS = 65_536


class _Folding(dict[str, str]):
    """What a character becomes, worked out once for each: letters fold, the rest is a space."""

    def __missing__(self, char: str) -> str:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
        chars = [c for c in decomposed if not unicodedata.combining(c) and not _INVISIBLE.match(c)]
        folded = "".join(_plain(c) if _is_of_word(c) else " " for c in chars)
        if len(self) >= MOST_CHARACTERS:
            self.clear()
        self[char] = folded
        return folded


def _plain(char: str) -> str:
    """The letter or digit that stands for all that are written differently and read alike."""
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    name = unicodedata.name(char, "")
    if name.startswith("LATIN"):
        plain = anyascii(char).lower()  # what no decomposition makes plain: ø, ł, đ, æ, ı
        return plain if plain.isalnum() else char
    return _simplify(char) if name.startswith("CJK") else char.translate(_SAME_LETTER)


def _simplify(char: str) -> str:
    """A Chinese character as it is written in mainland China, for those of Taiwan and of Japan."""
    traditional, simplified = _converters()
    plain: str = simplified.convert(traditional.convert(char))
    return plain if len(plain) != 1 or plain == char else _simplify(plain)


@cache
def _converters() -> tuple[OpenCC, OpenCC]:
    return OpenCC("jp2t"), OpenCC("t2s")


def _is_of_word(char: str) -> bool:
    """Letters, digits, and the vowel signs of Indic scripts, which are marks without an accent's class."""
    return not _NO_LETTERS.match(char) and (char.isalnum() or unicodedata.category(char) in ("Mc", "Mn"))


_FOLDING = _Folding()
_PLAIN_OR_NOT = re.compile(r"(?P<plain>[A-Za-z0-9]+)|[^A-Za-z0-9]+")


def normalise(text: str) -> tuple[str, list[int]]:
    """Fold ``text`` for comparison: (folded text, the index in ``text`` of each folded character).

    Compatibility forms, case, accents and zero-width characters go; each run of white space and
    punctuation becomes one space.
    """
    folded: list[str] = []
    origins: list[int] = []
    spaced = True
    for run in _PLAIN_OR_NOT.finditer(text):
        # Most of most texts: folded as it is, several times as fast as letter by letter.
        if run.lastgroup:
            folded.append(run[0].lower())
            origins += range(*run.span())
            spaced = False
            continue
        for index, char in enumerate(run[0], run.start()):
            for c in _FOLDING[char]:
                if c == " " and spaced:
                    continue
                spaced = c == " "
                folded.append(c)
                origins.append(index)
    return "".join(folded), origins
