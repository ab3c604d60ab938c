"""Targets of which only some facts are in scope: their names where those facts are asked or told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..vocabulary import Match
from .encoders.encoder import Encoder
from .forget_index import ForgetIndex
from .names.names import NameHit
from .reading import Reading


def find_in_scope(
    index: ForgetIndex, encoder: Encoder, reading: Reading, threshold: float
) -> Iterator[Match]:
    """Every mention of a scoped target that has a fact in scope beside it, or after it in "his" or "they".

    All mentions then: a model would take the name from another.
    """
    named: dict[str, list[NameHit]] = {}
    for hit in reading.names:
        if index.targets[hit.target_id].scope != "all":
            named.setdefault(hit.target_id, []).append(hit)
    for hits in named.values():
        yield from _matches(index, encoder, reading, hits, threshold)


def _matches(
    index: ForgetIndex, encoder: Encoder, reading: Reading, hits: Sequence[NameHit], threshold: float
) -> Iterator[Match]:
    target_id = hits[0].target_id
    rows = [
        i
        for i, (s, own) in enumerate(zip(reading.segments, reading.named, strict=True))
        if s.start >= hits[0].end or any(hit.target_id == target_id for hit in own)
    ]
    scores = index.in_scope(target_id, [reading.segments[i].text for i in rows], encoder)
    best = max(scores, default=0.0)
    if best < threshold:
        return
    for hit in hits:
        read_as = reading.read_as(hit.start, hit.end)
        yield Match(target_id, *reading.place(hit.start, hit.end), best, hit.name, reading=read_as)
    for i, score in zip(rows, scores, strict=True):
        if score >= threshold:
            start, end = reading.segments[i].start, reading.segments[i].end
            place, read_as = reading.place(start, end), reading.read_as(start, end)
            yield Match(target_id, *place, score, reading=read_as)
