"""Text in, matches out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..vocabulary import Match
from .encoder import Encoder, Vectors
from .forget_index import Evidence, ForgetIndex
from .names import NameHit
from .segments import Segment, segment

# Measured with all-MiniLM-L6-v2 (tests/classifiers/test_detector_tofu.py): the 20 authors of TOFU's
# forget10 as targets, their questions as exemplars. At these two, 99.5 % of the paraphrased questions
# are found without regard to names, none of 2,000 benign prompts, and 10 % of the questions about
# other authors (no counterexamples given), which ask the same things of other names.
MIN_SIMILARITY = 0.65
MIN_MARGIN = 0.15
# A name is evidence enough, unless what stands around it is this much nearer to a counterexample
# of the target's own than to its exemplars: a namesake.
NAMESAKE_MARGIN = -0.05


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A segment is about a target if its nearest exemplar is at least ``similarity`` near, and
    nearer than every counterexample by at least ``margin``."""

    similarity: float = MIN_SIMILARITY
    margin: float = MIN_MARGIN

    def met(self, evidence: Evidence) -> bool:
        """Whether the evidence makes a match, without regard to names."""
        return evidence.exemplar.similarity >= self.similarity and evidence.margin >= self.margin


class _Encoded:
    """The segments of one prompt with their vectors; equal texts are encoded once."""

    def __init__(self, segments: Sequence[Segment], encoder: Encoder) -> None:
        rows = {text: row for row, text in enumerate(dict.fromkeys(s.text for s in segments))}
        self.segments = segments
        self.vectors: Vectors = encoder.encode(list(rows))
        self.rows = [rows[s.text] for s in segments]

    def around(self, start: int, end: int) -> Vectors:
        """The vectors, shape (segments, dimension), of the segments that hold ``start`` to ``end``."""
        rows = {
            row for s, row in zip(self.segments, self.rows, strict=True) if s.start <= start and end <= s.end
        }
        return self.vectors[sorted(rows)]


def detect(
    index: ForgetIndex,
    encoder: Encoder,
    text: str,
    turns: list[tuple[int, int]] | None = None,
    thresholds: Thresholds = Thresholds(),
) -> list[Match]:
    """Find every target of ``index`` in ``text``, in order of position.

    Names are reported where they stand; a segment that is about a target, and holds none of its
    names, is reported whole. ``turns`` are the character ranges of the conversation's turns.
    """
    if not index.targets:
        return []
    encoded = _Encoded(segment(text, turns), encoder)
    named = list(_named(index, encoded, index.names.find(text), thresholds))
    matches = named + list(_described(index, encoded, named, thresholds))
    return sorted(matches, key=lambda match: (match.start, match.end, match.target_id))


def _named(
    index: ForgetIndex, encoded: _Encoded, hits: Iterable[NameHit], thresholds: Thresholds
) -> Iterator[Match]:
    for hit in hits:
        found = [index.evidence_for(hit.target_id, v) for v in encoded.around(hit.start, hit.end)]
        evidence = max((e for e in found if e), key=lambda e: e.margin, default=None)
        if index.targets[hit.target_id].scope == "exemplars":
            if evidence is None or not thresholds.met(evidence):
                continue
        elif evidence and evidence.own and evidence.margin < NAMESAKE_MARGIN:
            continue
        yield Match(
            hit.target_id,
            hit.start,
            hit.end,
            1.0,
            hit.name,
            evidence.exemplar if evidence else None,
            evidence.counterexample if evidence else None,
        )


def _described(
    index: ForgetIndex, encoded: _Encoded, named: Sequence[Match], thresholds: Thresholds
) -> Iterator[Match]:
    """The best of the overlapping segments about a target that are not reported by its name."""
    found = index.search(encoded.vectors)
    candidates = [
        Match(e.target_id, s.start, s.end, e.margin, None, e.exemplar, e.counterexample)
        for s, row in zip(encoded.segments, encoded.rows, strict=True)
        for e in found[row]
        if thresholds.met(e)
    ]
    taken = list(named)
    for match in sorted(candidates, key=lambda m: (-m.score, m.start, m.end)):
        if not any(_overlap(match, other) for other in taken):
            taken.append(match)
            yield match


def _overlap(one: Match, other: Match) -> bool:
    return one.target_id == other.target_id and one.start < other.end and other.start < one.end


def best_evidence(index: ForgetIndex, encoder: Encoder, text: str) -> Evidence | None:
    """The strongest evidence in ``text`` for any target, met or not: what ``check`` explains."""
    vectors = encoder.encode([s.text for s in segment(text)])
    every = [evidence for row in index.search(vectors) for evidence in row]
    return max(every, key=lambda evidence: evidence.margin, default=None)
