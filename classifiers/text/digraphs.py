"""Letters that are also written as two: Löb is Loeb, Đoković Djokovic, Århus Aarhus."""

from __future__ import annotations

import re

_PAIRS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "ő": "oe", "ű": "ue", "đ": "dj", "ð": "dh"}
_PAIRS |= {"a\u0308": "ae", "o\u0308": "oe", "u\u0308": "ue", "a\u030a": "aa"}
_LETTER = re.compile(r"[äöüøåőűđðÄÖÜØÅŐŰĐÐ]|[aouAOU]\u0308|[aA]\u030a")


def spelt_out(text: str) -> tuple[str, list[int]] | None:
    """``text`` with such letters as two, and the index in ``text`` of each character; None without any."""
    if text.isascii():  # most texts
        return None
    pieces: list[str] = []
    origins: list[int] = []
    position = 0
    for match in _LETTER.finditer(text):
        pair = _PAIRS[match[0].lower()]
        pieces += (text[position : match.start()], pair.capitalize() if match[0][0].isupper() else pair)
        origins += (*range(position, match.start()), match.start(), match.end() - 1)
        position = match.end()
    if not pieces:
        return None
    return "".join(pieces) + text[position:], [*origins, *range(position, len(text))]
