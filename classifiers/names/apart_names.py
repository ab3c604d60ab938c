"""Names of one word that were cut up: "Volde-mort", "Vol*de*mort", "zen daya"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ..text.folded_text import FoldedText, script
from ..text.word_frequency import english_rarity, rarity, rarity_together

MIN_LETTERS = 6
# By how much rarer the pieces must be as words than the whole: joined by a sign that joins words too, and
# by white space, where other words meet by chance ("the rapist", "is Abel").
_RARER_JOINED = 0.5
_RARER_SPACED = 1.4
# Words as rare as this together are not joined by chance, however rare the whole is: "Quill-feather".
_RARE = 3.0
# A word as common as this stands beside any other; then the others must be hardly words at all.
_FUNCTION_WORD = 0.5
_NO_WORD = 4.0
# A whole as common as this is an ordinary word, and may be cut for any reason; pieces that are as common in
# one language are words of it ("prin ce" is Romanian).
_ORDINARY = 1.0
_SENTENCE_END = re.compile(r"[.!?,;:…]\s|\n\s*\n")
# Signs that join words, in prose or in programs. Any other within a word is there to hide it.
_JOINING = re.compile(r"[\s\w.,:;!?/\\+&=|@#$%<>(){}'\"’_–—-]")


def comes_apart(name: str, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether ``folded[begin:end]``, the letters of ``name`` in pieces, is the name and not those words."""
    if " " in name or len(name) < MIN_LETTERS or script(name[0]) != "spaced":
        return False
    gaps = list(_gaps(folded, begin, end))
    if any(map(_SENTENCE_END.search, gaps)):
        return False
    words = list(_pieces(folded, begin, end))
    pieces = [_rarity(word) for word in words]
    rarer = sum(pieces) - _rarity(name)
    if any(map(str.isspace, gaps)):
        certain = min(pieces) >= _FUNCTION_WORD or max(pieces) >= _NO_WORD
        return certain and rarer >= _RARER_SPACED and rarity_together(words) >= _ORDINARY
    if any(map(_JOINING.search, gaps)):
        return rarer >= _RARER_JOINED or sum(pieces) >= _RARE
    return _rarity(name) >= _ORDINARY


def _pieces(folded: FoldedText, begin: int, end: int) -> Iterator[str]:
    """The pieces with their accents: "oncé" of "Bey-oncé" is not the word "once"."""
    for piece in folded.folded[begin:end].split(" "):
        start, stop = folded.span(begin, begin + len(piece))
        yield unicodedata.normalize("NFKC", folded.text[start:stop]).lower()
        begin += len(piece) + 1


def _gaps(folded: FoldedText, begin: int, end: int) -> Iterator[str]:
    """What stands between the pieces in the text."""
    for place in range(begin, end):
        if folded.folded[place] == " ":
            yield folded.text[folded.origins[place - 1] + 1 : folded.origins[place + 1]]


def _rarity(word: str) -> float:
    """As a word of English, or of whichever language has another script."""
    return english_rarity(word) if word.isascii() else rarity(word)
