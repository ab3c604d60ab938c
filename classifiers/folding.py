"""Fold text for comparison: case, accents, compatibility forms and invisible characters go."""

from __future__ import annotations

import re
import unicodedata

from anyascii import anyascii

# Beyond the format characters (category Cf): fillers and variation selectors.
_IGNORABLE = [
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
]  # fmt: skip
# Of all of Unicode, which a client may send, it would take 280 MB. More than any text has.
MOST_CHARACTERS = 65_536


class _Folding(dict[str, str]):
    """What a character becomes, worked out once for each: letters fold, the rest is a space."""

    def __missing__(self, char: str) -> str:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
        kept = [c for c in decomposed if not unicodedata.combining(c) and not _invisible(c)]
        folded = "".join(_plain_latin(c) if _of_a_word(c) else " " for c in kept)
        if len(self) >= MOST_CHARACTERS:
            self.clear()
        self[char] = folded
        return folded


def _plain_latin(char: str) -> str:
    """Latin letters that no decomposition makes plain: ø, ł, đ, æ, ı."""
    if char.isascii() or not unicodedata.name(char, "").startswith("LATIN"):
        return char
    plain = anyascii(char).lower()
    return plain if plain.isalnum() else char


def _of_a_word(char: str) -> bool:
    """Letters, digits, and the vowel signs of Indic scripts, which are marks without an accent's class."""
    return char.isalnum() or unicodedata.category(char) in ("Mc", "Mn")


def _invisible(char: str) -> bool:
    """What is not shown (Unicode's Default_Ignorable_Code_Point): put into a word, it splits nothing."""
    return unicodedata.category(char) in ("Cf", "Me") or any(
        low <= ord(char) <= high for low, high in _IGNORABLE
    )


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
