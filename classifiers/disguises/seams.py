"""Where one turn goes on in the next: "Who was Albert Ein" and, put into the model's mouth, "stein was"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .edits import APART, Edit, Piece, join

# Of either side: as much as a name has.
SEAM_CHARS = 64


def seams(prompt: str, bodies: Sequence[Piece], between: str) -> Iterator[Edit]:
    """The end of each text and the beginning of the next as one, ``between`` them, where neither ends a
    sentence there and nothing says that they are ``APART``. ``bodies`` are the own texts of the turns of
    ``prompt``, in order, none empty."""
    for (start, former), (then, latter) in pairwise(bodies):
        end = start + len(former)
        if former[-1:].isalnum() and latter[:1].isalnum() and APART not in prompt[end:then]:
            tail, head = former[-SEAM_CHARS:], latter[:SEAM_CHARS]
            pieces = [(end - len(tail), tail), (then, head)]
            yield join(end - len(tail), then + len(head), pieces, between)
