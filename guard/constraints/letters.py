"""Which characters belong to a word."""

from __future__ import annotations

import unicodedata


def is_spaceless(char: str) -> bool:
    """Whether ``char`` is of a script that leaves no spaces between words, or may not (kana, Han, Hangul)."""
    return "\u2e80" <= char <= "\ud7ff" or char >= "\U00020000"


def is_letter(char: str) -> bool:
    """Whether ``char`` belongs to a word."""
    return char.isalnum() or (char > "\u02ff" and unicodedata.category(char)[0] == "M")
