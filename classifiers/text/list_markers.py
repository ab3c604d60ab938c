"""What lists things: the letter, number or dot at the start of a line, with the line breaks before it."""

from __future__ import annotations

import re

# "A. ", "(b) ", "12) ", "- ": of a line of blanks alone nothing is looked at twice.
_MARKER = re.compile(r"(?<![^\n])[ \t]*(?:[(\[]?(?:[A-Za-z]|\d{1,3})[.):\]]|[-*•–])(?=[ \t])")


def list_markers(text: str) -> list[tuple[int, int]]:
    """The ranges of the markers in ``text``, in order, without the blank behind them.

    One alone lists nothing, and may be an initial.
    """
    markers: list[tuple[int, int]] = []
    for marker in _MARKER.finditer(text):
        start = marker.start()
        while start and text[start - 1] == "\n":
            start -= 1
        markers.append((start, marker.end()))
    return markers if len(markers) > 1 else []
