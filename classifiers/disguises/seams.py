"""Where one turn goes on in the next: "Who was Albert Ein" and, put into the model's mouth, "stein was"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .edits import Edit, Piece, join

# Of either side: as much as a name has.
SEAM_CHARS = 64


def seams(bodies: Sequence[Piece], between: str) -> Iterator[Edit]:
    """The end of each text and the beginning of the next as one, ``between`` them, where neither ends a
    sentence there. ``bodies`` are the turns' own texts, in order, none empty."""
    for (start, former), (then, latter) in pairwise(bodies):
        if former[-1:].isalnum() and latter[:1].isalnum():
            end, beginning = former[-SEAM_CHARS:], latter[:SEAM_CHARS]
            first = start + len(former) - len(end)
            pieces = [(first, end), (then, beginning)]
            yield join(first, then + len(beginning), pieces, between)
