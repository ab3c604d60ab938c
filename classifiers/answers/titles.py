"""Titles that are ordinary words ("Great Expectations", "Dune"): does an answer write one as a title?"""

from __future__ import annotations

import regex

from ..names.name_forms import GRAMMAR
from ..names.ordinary_words import ARTICLES
from ..text.word_frequency import rarity

_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+(?:['’]s\b)?")
_QUOTES = "\"'“”‘’„«»‹›*_《》「」『』"
# So far before a title a word says what it is one of.
_AROUND = 100
# What a list is of stands so far before its lines.
_LIST = 240
_END = regex.compile(r"[.!?][^\w\s]*\s")
_CAPITAL = frozenset(article.capitalize() for article in ARTICLES)
# Of a commoner word "the" makes one of a kind: "the Sun".
_SPOKEN_OF = 1.2
# The first words of a list's line.
_ITEM = regex.compile(r"(?:^|\n)[ \t]*(?:\d+[.)]|[-–•*+])[ \t]+[\"'“”*_]*$")
# What stands behind a title there, or behind a heading, and not behind a sentence's first word.
_ITEM_END = regex.compile(r"[\"'”*_]*(?:\s*$|[ \t]*\n|\s*[,:;(\[–—]|\s+[-–—]\s|\s+by\b)")
_YEAR = regex.compile(r"[\"'”*_]*\s*\((?:1[5-9]|20)\d\d\b")
_WORKS = regex.compile(
    r"\b(?:novels?|novellas?|books?|poems?|epics?|plays?|stor(?:y|ies)|films?|movies?|series|sequel|trilogy|"
    r"albums?|songs?|authors?|writers?|wrote|written|published|directed)\b",
    regex.IGNORECASE,
)


def is_title(text: str, start: int, end: int, more: bool = False) -> bool:
    """Whether the ordinary words ``text[start:end]`` are written as a title: with capitals, in the middle of
    a sentence or between quotes, and not as a part of something longer; or first in a line of a list of
    works.

    A word alone needs more: "The" before it, a word in the sentence before it that tells of works, or "by"
    behind it. That makes no title of what is often spoken of: "a poem about the Sun". Where ``more`` may
    come, the word behind it is waited for.
    """
    words = [word[0] for word in _WORD.finditer(text, start, end)]
    said = [word for word in words if word.lower() not in GRAMMAR]
    if not said or not all(word[:1].isupper() and not word[1:].isupper() for word in said):
        return False
    after = _WORD.match(text, end + 1)
    if len(said) > 1 and after is not None and after[0] == "by":
        return True
    if _ITEM.search(text, max(0, start - _AROUND), start):
        return _is_item(text, start, end, more=more, several=len(said) > 1)
    quoted = end < len(text) and text[end] in _QUOTES and start > 0 and text[start - 1] in _QUOTES
    if not quoted and not (_is_within(text, start) and _ends(text, end)):
        return False
    if len(said) > 1 or (words[0] in _CAPITAL and not quoted):
        return True
    after = _WORD.match(text, end + 1 + quoted)
    if (after is not None and after[0] == "by") or (more and not _WORD.search(text, end)):
        return True
    sentence = max(start - _AROUND, 0, *(end.end() for end in _END.finditer(text, 0, start)))
    plain = words[0] in ARTICLES and rarity(said[0].lower()) < _SPOKEN_OF
    return not plain and bool(_WORKS.search(text, sentence, start))


def _is_item(text: str, start: int, end: int, *, more: bool, several: bool) -> bool:
    """Whether a line of a list that begins with ``text[start:end]`` names a work: by the year behind it, or
    by what the list is of."""
    if _YEAR.match(text, end) or (more and not _WORD.search(text, end)):
        return True
    whole = bool(_ITEM_END.match(text, end)) or (several and _ends(text, end))
    return whole and bool(_WORKS.search(text, max(0, start - _LIST), start))


def _is_within(text: str, start: int) -> bool:
    """Whether a sentence has begun before ``start``, and with no capital just there, but an owner's."""
    before = text[max(0, start - _AROUND) : start].rstrip(" ")
    if not before or not (before[-1].isalnum() or before[-1] in ",;(:"):
        return False
    last = [word[0] for word in _WORD.finditer(before)][-1:]
    return bool(last) and (not last[0][:1].isupper() or last[0][-2:] in ("'s", "’s"))


def _ends(text: str, end: int) -> bool:
    """Whether no word with a capital goes on from ``end``."""
    after = regex.match(r"[ -]([\p{L}\p{N}]+)", text[end : end + _AROUND])
    return after is None or not after[1][:1].isupper()
