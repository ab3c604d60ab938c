"""Text in, matches out."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..vocabulary import Match
from .encoders.encoder import Encoder
from .evidence import THRESHOLD, Evidence, most
from .forget_index import ForgetIndex
from .names.name_parts import ALONE
from .names.names import NameHit
from .reading import Reading, readings
from .scoped_names import find_in_scope

# Where `scores` stops looking: this far below what flags.
NEAR = 0.1
# A name is evidence enough, unless what stands around it is this much nearer to a counterexample
# of the target's own than to its exemplars: a namesake.
NAMESAKE_MARGIN = -0.05


def detect(
    index: ForgetIndex,
    encoder: Encoder,
    text: str,
    turns: list[tuple[int, int]] | None = None,
    threshold: float = THRESHOLD,
) -> list[Match]:
    """Find every target of ``index`` in ``text``, in order of position.

    Names, and surnames that are as good, are reported where they stand; a segment that is about a target,
    and holds none of its names, is reported whole. ``turns`` are the ranges of the conversation's turns.
    """
    taken: dict[str, _Taken] = defaultdict(_Taken)
    found = _candidates(index, encoder, text, turns, threshold)
    kept = [match for match in sorted(found, key=_strongest) if taken[match.target_id].take(match)]
    return sorted(kept, key=lambda match: (match.start, match.end, match.target_id))


class _Taken:
    """The places of one target's matches, which are apart: a new one is looked for, not compared with all."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def take(self, match: Match) -> bool:
        """Take the match's place, unless a part of it is taken."""
        at = bisect_right(self._ends, match.start)
        if at < len(self._starts) and self._starts[at] < match.end:
            return False
        self._starts.insert(at, match.start)
        self._ends.insert(at, match.end)
        return True


def _strongest(match: Match) -> tuple[float, float, int, int]:
    """Names before descriptions; of names the longest, of descriptions as strong the tightest."""
    length = match.end - match.start
    return (0, 0.0, -length, match.start) if match.name else (1, -match.score, length, match.start)


def scores(
    index: ForgetIndex,
    encoder: Encoder,
    text: str,
    turns: list[tuple[int, int]] | None = None,
    threshold: float = THRESHOLD,
) -> dict[str, float]:
    """The best score in ``text`` of every target that comes near: flagged or not, 1.0 for a name.

    What stays more than ``NEAR`` below ``threshold`` is left out, and not measured.
    """
    best: dict[str, float] = {}
    for match in _candidates(index, encoder, text, turns, threshold - NEAR):
        best[match.target_id] = max(match.score, best.get(match.target_id, 0.0))
    return best


@dataclass(frozen=True, slots=True)
class Near:
    """The strongest evidence in a text that flags nothing, and why it does not."""

    evidence: Evidence
    reason: Literal["score", "scope", "first pass"]
    """It scores too little; or a scoped target is named beside it, whose scope decides; or the first pass
    took the segment for less near than the encoder finds it, and spared the encoder."""


def nearest(index: ForgetIndex, encoder: Encoder, text: str, threshold: float = THRESHOLD) -> Near | None:
    """The strongest evidence in ``text``, which flags nothing, for any target: what ``check`` explains."""
    if not index.targets:
        return None
    reading = next(readings(index, text, None))
    vectors = encoder.encode([s.text for s in reading.segments])
    found = index.search(vectors, reading.said, reading.parts)
    every = [(evidence, row) for row, evidences in enumerate(found) for evidence in evidences]
    if not every:
        return None
    evidence, row = max(every, key=lambda each: each[0].score)
    if evidence.score < threshold:
        return Near(evidence, "score")
    return Near(evidence, "scope" if evidence.target_id in _scoped(index, reading, row) else "first pass")


def scope_scores(index: ForgetIndex, encoder: Encoder, text: str) -> dict[str, float]:
    """For each scoped target that ``text`` names, how far inside its scope what is asked lies, 0 to 1."""
    if not index.targets:
        return {}
    reading = next(readings(index, text, None))
    return {
        match.target_id: match.score for match in find_in_scope(index, encoder, reading, 0.0) if match.name
    }


def _candidates(
    index: ForgetIndex, encoder: Encoder, text: str, turns: list[tuple[int, int]] | None, threshold: float
) -> list[Match]:
    if not index.targets:
        return []
    found: list[Match] = []
    seen: set[tuple[str, int, int]] = set()
    for reading in readings(index, text, turns):
        found += _named(index, encoder, reading, seen)
        found += find_in_scope(index, encoder, reading, threshold)
        found += _described(index, encoder, reading, threshold)
    return found


def _named(
    index: ForgetIndex, encoder: Encoder, reading: Reading, seen: set[tuple[str, int, int]]
) -> Iterator[Match]:
    """The names in a reading that are not ``seen`` at their place in another."""
    for hit in reading.names:
        target = index.targets[hit.target_id]
        start, end = reading.place(hit.start, hit.end)
        if target.scope != "all" or (hit.target_id, start, end) in seen:
            continue
        seen.add((hit.target_id, start, end))
        if target.counterexamples and _namesake(index, encoder, reading, hit):
            continue
        read_as = reading.read_as(hit.start, hit.end)
        yield Match(hit.target_id, start, end, 1.0, hit.name, reading=read_as)


def _namesake(index: ForgetIndex, encoder: Encoder, reading: Reading, hit: NameHit) -> bool:
    around = reading.around(hit)
    margins = [
        e.exemplar.similarity - e.counterexample.similarity
        for e in _evidence(index, encoder, reading, around, hit.target_id)
        if e.counterexample
    ]
    return bool(margins) and max(margins) < NAMESAKE_MARGIN


def _evidence(
    index: ForgetIndex, encoder: Encoder, reading: Reading, rows: Sequence[int], target_id: str
) -> Iterator[Evidence]:
    vectors = encoder.encode([reading.segments[i].text for i in rows])
    for i, vector in zip(rows, vectors, strict=True):
        yield index.evidence(target_id, vector, reading.said[i], reading.parts[i])


def _described(index: ForgetIndex, encoder: Encoder, reading: Reading, threshold: float) -> Iterator[Match]:
    """The segments about a target, whatever they name; where a surname says it all, its places."""
    rows = _worth_encoding(index, reading, threshold)
    vectors = encoder.encode([reading.segments[i].text for i in rows])
    found = index.search(vectors, [reading.said[i] for i in rows], [reading.parts[i] for i in rows])
    for i, every in zip(rows, found, strict=True):
        s = reading.segments[i]
        scoped = _scoped(index, reading, i)
        for e in every:
            if e.score < threshold or e.target_id in scoped:
                continue
            alone = e.name_part >= ALONE
            for part in reading.alone[i] if alone else ():
                if part.target_id == e.target_id:
                    yield _match(e, reading, part.start, part.end, reading.text[part.start : part.end])
            if not alone or e.unnamed >= threshold:
                yield _match(e, reading, s.start, s.end, None)


def _match(e: Evidence, reading: Reading, start: int, end: int, name: str | None) -> Match:
    place, read_as = reading.place(start, end), reading.read_as(start, end)
    return Match(e.target_id, *place, e.score, name, e.exemplar, e.counterexample, read_as)


def _scoped(index: ForgetIndex, reading: Reading, row: int) -> set[str]:
    """The scoped targets that are named in a segment: of them their scope has decided."""
    return {hit.target_id for hit in reading.named[row] if index.targets[hit.target_id].scope != "all"}


def _worth_encoding(index: ForgetIndex, reading: Reading, threshold: float) -> list[int]:
    """The segments that could reach ``threshold``: few texts cost a run of the encoder.

    First by their words, as if each were as near to an exemplar as can be; then by the sieve.
    """
    without = [
        most(0.0, index.most_agreement(said), max((0.0, *parts.values())))
        for said, parts in zip(reading.said, reading.parts, strict=True)
    ]
    rows = [i for i, score in enumerate(without) if score + most(1.0, 0.0, 0.0) >= threshold]
    spans = [(reading.segments[i].start, reading.segments[i].end) for i in rows]
    similarities = index.most_similarity(reading.text, spans)
    return [
        i
        for i, similarity in zip(rows, similarities, strict=True)
        if without[i] + most(float(similarity), 0.0, 0.0) >= threshold
    ]
