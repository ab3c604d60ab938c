"""Lines with the last word first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Edit, join

_CUE = re.compile(
    r"\bbackwards?\b|\b(?:in reverse|reverse[ds]?) (?:the )?(?:word|order|text|sentence|question|message)"
    r"|\brückwärts|à l['’]envers|\bal rev[ée]s\b|\bal contrario"
)
# One of these is in every match, and they are looked for several times as fast.
_CUES = ("backward", "reverse", "rückwärts", "envers", "al rev", "contrario")


def word_order(text: str) -> Iterator[Edit]:
    """Only where the prompt speaks of it: the words tell nothing."""
    lower = text.lower()
    if not any(cue in lower for cue in _CUES) or not _CUE.search(lower):
        return
    for line in re.finditer(r"[^\n:]+", text):
        words = [(line.start() + m.start(), m[0]) for m in re.finditer(r"\S+", line[0])]
        if len(words) > 1:
            yield join(*line.span(), words[::-1], " ")
