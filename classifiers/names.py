"""Find names and aliases in text, whatever their case, accents, spacing or punctuation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import ahocorasick

# Beyond the format characters (category Cf): fillers and variation selectors.
_IGNORABLE = [
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
]  # fmt: skip


class _Folding(dict[str, str]):
    """What a character becomes, worked out once for each: letters fold, the rest is a space."""

    def __missing__(self, char: str) -> str:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
        kept = [c for c in decomposed if not unicodedata.combining(c) and not _invisible(c)]
        folded = "".join(c if _of_a_word(c) else " " for c in kept)
        self[char] = folded
        return folded


def _of_a_word(char: str) -> bool:
    """Letters, digits, and the vowel signs of Indic scripts, which are marks without an accent's class."""
    return char.isalnum() or unicodedata.category(char) in ("Mc", "Mn")


def _invisible(char: str) -> bool:
    """What is not shown (Unicode's Default_Ignorable_Code_Point): put into a word, it splits nothing."""
    return unicodedata.category(char) == "Cf" or any(low <= ord(char) <= high for low, high in _IGNORABLE)


_FOLDING = _Folding()


def normalise(text: str) -> tuple[str, list[int]]:
    """Fold ``text`` for comparison: (folded text, the index in ``text`` of each folded character).

    Compatibility forms, case, accents and zero-width characters go; each run of white space and
    punctuation becomes one space.
    """
    folded: list[str] = []
    origins: list[int] = []
    spaced = True
    for index, char in enumerate(text):
        for c in _FOLDING[char]:
            if c == " " and spaced:
                continue
            spaced = c == " "
            folded.append(c)
            origins.append(index)
    return "".join(folded), origins


@dataclass(frozen=True, slots=True)
class NameHit:
    """``name`` of target ``target_id``, written in ``text[start:end]``."""

    target_id: str
    name: str
    start: int
    end: int


class NameMatcher:
    """All names of all targets in one Aho-Corasick automaton: time linear in the text."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names`` are (target id, name) pairs."""
        owners: dict[str, list[tuple[str, str]]] = {}
        for target_id, name in names:
            if pattern := _pattern(name):
                owners.setdefault(pattern, []).append((target_id, name))
        self._automaton = ahocorasick.Automaton()
        for pattern, pairs in owners.items():
            self._automaton.add_word(pattern, (len(pattern), pairs))
        self._automaton.make_automaton()
        self.size = len(owners)

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name in ``text`` that stands as words of its own."""
        if not self.size:
            return
        folded, origins = normalise(text)
        padded = f" {folded} "
        for last, (length, pairs) in self._automaton.iter(padded):
            first = last - length + 1
            # Positions in `padded` are one ahead of `folded`; the pattern's own spaces are not name.
            begin = first + (padded[first] == " ") - 1
            end = last - (padded[last] == " ") - 1
            for target_id, name in pairs:
                yield NameHit(target_id, name, origins[begin], origins[end] + 1)


def _pattern(name: str) -> str:
    folded = normalise(name)[0].strip()
    if not folded:
        return ""
    # Languages without spaces have no word boundary to ask for.
    before = "" if _unspaced(folded[0]) else " "
    after = "" if _unspaced(folded[-1]) else " "
    return before + folded + after


def _unspaced(char: str) -> bool:
    return unicodedata.name(char, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER"))
