"""Text in, matches out."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..vocabulary import Match
from .encoders.encoder import Encoder, Vectors
from .evidence import THRESHOLD, Evidence, highest_score
from .forget_index import ForgetIndex
from .names.name_parts import ALONE, PartHit
from .names.names import NameHit
from .reading import Reading, readings
from .text.segments import Segment

# Where `scores` stops looking: this far below what flags.
NEAR = 0.1
# A name is evidence enough, unless what stands around it is this much nearer to a counterexample
# of the target's own than to its exemplars: a namesake.
NAMESAKE_MARGIN = -0.05

# Names that begin before a part of one, among which the one around it is looked for.
_NAMES_NEAR = 16

Turns = list[tuple[int, int]]
"""The ranges of a conversation's turns in its text."""


@dataclass(frozen=True, slots=True)
class Near:
    """The strongest evidence in a text that flags nothing, and why it does not."""

    evidence: Evidence
    reason: Literal["score", "scope", "first pass"]
    """It scores too little; or a scoped target is named beside it, whose scope decides; or the first pass
    took the segment for less near than the encoder finds it, and spared the encoder."""


class Detector:
    """Finds the targets of one index in texts; safe to share by threads if its encoder is."""

    def __init__(self, index: ForgetIndex, encoder: Encoder, threshold: float = THRESHOLD) -> None:
        """``encoder`` is of the texts; what scores ``threshold`` or more is flagged."""
        self.index = index
        self.threshold = threshold
        self._encoder = encoder

    def detect(self, text: str, turns: Turns | None = None) -> list[Match]:
        """Find every target in ``text``, in order of position.

        Names, and surnames that are as good, are reported where they stand; a segment that is about a
        target, and holds none of its names, is reported whole.
        """
        places: dict[str, _Places] = defaultdict(_Places)
        matches: list[Match] = []
        candidates = list(self._candidates(text, turns, self.threshold))
        starts = {(match.target_id, match.start) for match in candidates if _is_plain(match)}
        ends = {(match.target_id, match.end) for match in candidates if _is_plain(match)}
        for match in sorted(candidates, key=_rank):
            # From one name to another of the same target a disguise hides nothing.
            target_id = match.target_id
            if match.disguise and (target_id, match.start) in starts and (target_id, match.end) in ends:
                continue
            if places[target_id].take(match):
                matches.append(match)
        return sorted(matches, key=lambda match: (match.start, match.end, match.target_id))

    def scores(self, text: str, turns: Turns | None = None) -> dict[str, float]:
        """The best score in ``text`` of every target that comes near: flagged or not, 1.0 for a name.

        What stays more than ``NEAR`` below the threshold is left out, and not measured.
        """
        best: dict[str, float] = {}
        for match in self._candidates(text, turns, self.threshold - NEAR):
            best[match.target_id] = max(match.score, best.get(match.target_id, 0.0))
        return best

    def nearest(self, text: str) -> Near | None:
        """The strongest evidence for any target in ``text``, which flags nothing: what ``check`` explains."""
        if not self.index.targets:
            return None
        reading = next(readings(self.index, text, None))
        best: tuple[Evidence, int] | None = None
        for row, every in enumerate(self._search(reading, range(len(reading.segments)))):
            for evidence in every:
                if best is None or evidence.score > best[0].score:
                    best = evidence, row
        if best is None:
            return None
        evidence, row = best
        if evidence.score < self.threshold:
            return Near(evidence, "score")
        return Near(
            evidence, "scope" if evidence.target_id in self._scope_targets(reading, row) else "first pass"
        )

    def scope_scores(self, text: str) -> dict[str, float]:
        """For each scoped target that ``text`` names, how far inside its scope what is asked lies, 0 to 1."""
        if not self.index.targets:
            return {}
        reading = next(readings(self.index, text, None))
        return {match.target_id: match.score for match in self._find_facts(reading, 0.0) if match.name}

    def find_scoped(self, text: str) -> list[str]:
        """The scoped targets that ``text`` names, if only by a surname that is nobody else's there, in order
        of their last mention."""
        scopes = self.index.scopes
        if not scopes:
            return []
        found = [(hit.end, hit.target_id) for hit in self.index.names.find_whole(text)]
        for part in self.index.names.parts.find(text):
            if part.weight > 0 and scopes.is_surname(part.target_id, text[part.start : part.end]):
                found.append((part.end, part.target_id))
        named = dict.fromkeys(
            target_id for _, target_id in sorted(found, reverse=True) if target_id in scopes
        )
        return list(named)[::-1]

    def find_told(self, sentence: str, about: Iterable[str], expected: Collection[str] = ()) -> str | None:
        """A target of which a ``sentence`` of an answer tells what is listed: a fact in scope of one of the
        scoped targets that it is ``about``, or what lies past a line. None of those that are ``expected``."""
        for target_id in about:
            if target_id in self.index.scopes and target_id not in expected:
                score = self.index.scopes.stated(target_id, sentence, self._encoder)
                if score >= self.threshold:
                    return target_id
        if not self.index.lines.size:
            return None
        reading = next(readings(self.index, sentence, None))
        for match in self._find_descriptions(reading, self.threshold):
            if match.target_id in self.index.lines and match.target_id not in expected and not match.name:
                return match.target_id
        return None

    def _candidates(self, text: str, turns: Turns | None, least: float) -> Iterator[Match]:
        """What scores ``least`` or more in any reading of ``text``; the same may come more than once."""
        if not self.index.targets:
            return
        seen: set[tuple[str, int, int]] = set()
        for reading in readings(self.index, text, turns):
            yield from self._find_names(reading, seen)
            yield from self._find_facts(reading, least)
            yield from self._find_descriptions(reading, least)

    def _find_names(self, reading: Reading, seen: set[tuple[str, int, int]]) -> Iterator[Match]:
        """The names in a reading that are not ``seen`` at their place in another."""
        for hit in reading.names:
            target = self.index.targets[hit.target_id]
            place = (hit.target_id, *reading.place(hit.start, hit.end))
            if target.scope != "all" or place in seen:
                continue
            seen.add(place)
            if not (target.counterexamples and self._is_namesake(reading, hit)):
                yield _name_match(reading, hit, 1.0)

    def _is_namesake(self, reading: Reading, hit: NameHit) -> bool:
        """Whether all that holds the name is nearer to a counterexample."""
        rows = reading.around(hit)
        margins: list[float] = []
        for row, vector in zip(rows, self._encode_rows(reading, rows), strict=True):
            evidence = self.index.exemplars.evidence(
                hit.target_id, vector, reading.rare_words[row], reading.part_weights[row]
            )
            if evidence.counterexample:
                margins.append(evidence.exemplar.similarity - evidence.counterexample.similarity)
        return bool(margins) and max(margins) < NAMESAKE_MARGIN

    def _find_facts(self, reading: Reading, least: float) -> Iterator[Match]:
        """Mentions of a scoped target, if a fact in scope stands beside one, or after it in "his" or "they".

        All mentions then: a model would take the name from another one.
        """
        hits_of: dict[str, list[NameHit]] = defaultdict(list)
        for hit in reading.names:
            if self.index.targets[hit.target_id].scope != "all":
                hits_of[hit.target_id].append(hit)
        for target_id, hits in hits_of.items():
            rows = _scope_rows(reading, hits)
            texts = [reading.segments[row].text for row in rows]
            scores = self.index.scopes.scores(target_id, texts, self._encoder)
            best = max(scores, default=0.0)
            if best < least:
                continue
            for hit in hits:
                yield _name_match(reading, hit, best)
            for row, score in zip(rows, scores, strict=True):
                if score >= least:
                    yield _fact_match(reading, row, target_id, score)

    def _find_descriptions(self, reading: Reading, least: float) -> Iterator[Match]:
        """The segments about a target, whatever they name; where a surname says it all, its places."""
        rows = self._rows_to_encode(reading, least)
        for row, every in zip(rows, self._search(reading, rows), strict=True):
            scoped = self._scope_targets(reading, row)
            for evidence in every:
                if evidence.score >= least and evidence.target_id not in scoped:
                    yield from _evidence_matches(reading, row, evidence, least)

    def _rows_to_encode(self, reading: Reading, least: float) -> list[int]:
        """The segments that could reach ``least``: few texts cost a run of the encoder.

        First by their words, as if each were as near to an exemplar and as far past a line as can be; then by
        the first passes of the lines and of the exemplars. What a name in it has decided cannot change.
        """
        similar, past_line = highest_score(1.0, 0.0, 0.0), highest_score(0.0, 0.0, 0.0, self.index.lines.most)
        doubts = [doubt for doubt in self._doubts(reading) if doubt.score + similar + past_line >= least]
        lines = self.index.lines.most_evidence(reading.text, *_columns(doubts))
        for doubt, line in zip(doubts, lines, strict=True):
            doubt.score += highest_score(0.0, 0.0, 0.0, line)
        doubts = [doubt for doubt in doubts if doubt.score + similar >= least]
        similarities = self.index.exemplars.most_similarity(reading.text, *_columns(doubts))
        for doubt, similarity in zip(doubts, similarities, strict=True):
            doubt.score += highest_score(float(similarity), 0.0, 0.0)
        return [doubt.row for doubt in doubts if doubt.score >= least]

    def _doubts(self, reading: Reading) -> Iterator[_Doubt]:
        """The segments of which names do not decide all, with the score that their words can reach."""
        for row, (words, parts) in enumerate(zip(reading.rare_words, reading.part_weights, strict=True)):
            certain = self._certain_targets(reading, row)
            if len(certain) == len(self.index.targets):
                continue
            part = max((0.0, *(weight for target_id, weight in parts.items() if target_id not in certain)))
            score = highest_score(0.0, self.index.exemplars.most_agreement(words), part)
            yield _Doubt(row, reading.segments[row], certain, score)

    def _certain_targets(self, reading: Reading, row: int) -> set[str]:
        """The targets of which a segment can tell nothing more, since their names stand in it: a segment is
        not reported beside a name, nor a surname within one."""
        certain: set[str] = set()
        for hit in reading.names_of[row]:
            target = self.index.targets[hit.target_id]
            if target.scope == "all" and not target.counterexamples:
                certain.add(hit.target_id)
        for part in reading.lone_parts[row] if certain else ():
            if part.target_id in certain and not _lies_within(part, reading.names_of[row]):
                certain.remove(part.target_id)
        return certain

    def _search(self, reading: Reading, rows: Sequence[int]) -> list[list[Evidence]]:
        """For each of these segments the evidence for each target near it."""
        words = [reading.rare_words[row] for row in rows]
        parts = [reading.part_weights[row] for row in rows]
        vectors = self._encode_rows(reading, rows)
        return self.index.exemplars.search(vectors, words, parts, self.index.lines.search(vectors))

    def _encode_rows(self, reading: Reading, rows: Sequence[int]) -> Vectors:
        return self._encoder.encode([reading.segments[row].text for row in rows])

    def _scope_targets(self, reading: Reading, row: int) -> set[str]:
        """The scoped targets that are named in a segment: of them their scope has decided."""
        scoped: set[str] = set()
        for hit in reading.names_of[row]:
            if self.index.targets[hit.target_id].scope != "all":
                scoped.add(hit.target_id)
        return scoped


@dataclass(slots=True)
class _Doubt:
    """A segment that may be about a target that is not ``decided``, and the score that it can reach."""

    row: int
    segment: Segment
    decided: set[str]
    score: float


def _columns(doubts: Sequence[_Doubt]) -> tuple[list[tuple[int, int]], list[set[str]]]:
    """Where the segments stand, and what is decided of them."""
    spans = [(doubt.segment.start, doubt.segment.end) for doubt in doubts]
    return spans, [doubt.decided for doubt in doubts]


class _Places:
    """The places of one target's matches, none inside of another: in order of their starts they are in order
    of their ends, so that a new one is looked for, not compared with all."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def take(self, match: Match) -> bool:
        """Take a name's place unless one that is taken holds it; any other's unless a part of it is taken.

        So a reading that is longer by a letter hides no name: "Stephen King, Stephen King" holds two, and
        "King, Stephen". Names must come with the longest first.
        """
        at = bisect_right(self._starts, match.start) if match.name else bisect_right(self._ends, match.start)
        if match.name and at and self._ends[at - 1] >= match.end:
            return False
        if not match.name and at < len(self._starts) and self._starts[at] < match.end:
            return False
        self._starts.insert(at, match.start)
        self._ends.insert(at, match.end)
        return True


def _lies_within(part: PartHit, names: Sequence[NameHit]) -> bool:
    """Whether a part of a name stands within one of its target's ``names``, which are in order."""
    last = bisect_right(names, part.start, key=lambda hit: hit.start)
    near = names[max(0, last - _NAMES_NEAR) : last]
    return any(hit.target_id == part.target_id and part.end <= hit.end for hit in near)


def _is_plain(match: Match) -> bool:
    """Whether it is a name as it stands."""
    return bool(match.name) and not match.disguise


def _rank(match: Match) -> tuple[float, float, int, int]:
    """Names before descriptions; of names the longest, of descriptions as strong the tightest."""
    length = match.end - match.start
    return (0, 0.0, -length, match.start) if match.name else (1, -match.score, length, match.start)


def _scope_rows(reading: Reading, hits: Sequence[NameHit]) -> list[int]:
    """The segments that may ask something of the target of ``hits``: they name it, or come after it."""
    rows: list[int] = []
    for row, (segment, names) in enumerate(zip(reading.segments, reading.names_of, strict=True)):
        if segment.start >= hits[0].end or any(name.target_id == hits[0].target_id for name in names):
            rows.append(row)
    return rows


def _name_match(reading: Reading, hit: NameHit, score: float) -> Match:
    """A listed name where it stands."""
    place, disguise = reading.place(hit.start, hit.end), reading.disguise(hit.start, hit.end)
    return Match(hit.target_id, *place, score, hit.name, disguise=disguise)


def _fact_match(reading: Reading, row: int, target_id: str, score: float) -> Match:
    """A segment that tells or asks what is in a target's scope."""
    start, end = reading.segments[row].start, reading.segments[row].end
    return Match(target_id, *reading.place(start, end), score, disguise=reading.disguise(start, end))


def _evidence_matches(reading: Reading, row: int, evidence: Evidence, least: float) -> Iterator[Match]:
    """The surnames in a segment that say alone who is meant, and the segment if there is more."""
    alone = evidence.name_part >= ALONE
    if alone:
        for part in reading.lone_parts[row]:
            if part.target_id == evidence.target_id:
                name = reading.text[part.start : part.end]
                yield _evidence_match(reading, evidence, part.start, part.end, name)
    if not alone or evidence.score_without_name >= least:
        segment = reading.segments[row]
        yield _evidence_match(reading, evidence, segment.start, segment.end, None)


def _evidence_match(reading: Reading, evidence: Evidence, start: int, end: int, name: str | None) -> Match:
    return Match(
        evidence.target_id,
        *reading.place(start, end),
        evidence.score,
        name,
        evidence.exemplar,
        evidence.counterexample,
        reading.disguise(start, end),
    )
