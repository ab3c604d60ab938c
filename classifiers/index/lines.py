"""For each target of a broad kind a line: on which side of it does a segment lie?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...vocabulary import ForgetTarget, Kind
from ..background.background import Background, Sides
from ..background.line import NEAR, Line
from ..background.line_cache import LineCache
from ..encoders.encoder import Vectors
from ..encoders.flat_index import FlatIndex
from ..encoders.static_encoder import StaticEncoder
from ..evidence import MOST_LINE
from ..passages import facts
from .exemplar_index import ExemplarIndex, exemplars, sentences_of

# What a line is drawn for. A person's would tell her from ordinary texts, and not from her neighbours: with
# it RWKU's level 3 is found at 80 instead of 68 %, and of its neighbours' questions 21 instead of 5 % are
# flagged (docs/lab/lines.md).
KINDS: Collection[Kind] = ("topic", "work", "passage")
# Of fewer texts of its own a line would say little that its nearest text does not.
MIN_TEXTS = 5
# Of the rate of false positives that is allowed, lines may use so much; the rest is for what else flags.
SHARE = 0.5
# How much of the background each line's first pass lets through, and all of them together.
FIRST_PASS = 0.03
FIRST_PASSES = 0.06
# Up to here each further line takes its share of all others.
EXACT = 50


@dataclass(frozen=True, slots=True)
class Backgrounds:
    """What lines are drawn against: ordinary ``texts``, as vectors of the encoder and of the first pass if
    there is one, and the share of such texts that may be flagged."""

    texts: tuple[str, ...]
    private: int
    """So many of the texts, the first ones, are an operator's own traffic, and are never shown."""
    full: Background
    static: Background | None
    sieve: StaticEncoder | None
    max_fpr: float

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        vectors: Vectors,
        sieve: StaticEncoder | None,
        *,
        max_fpr: float,
        private: int = 0,
    ) -> Backgrounds:
        """``vectors``, shape (len(texts), dimension), are the encoder's."""
        static = Background(sieve.encode(texts)) if sieve else None
        return cls(tuple(texts), private, Background(vectors), static, sieve, max_fpr)


class Counts(NamedTuple):
    """How many lines share what all may use: ``topics``, and those of works and passages."""

    topics: int
    others: int

    @classmethod
    def sum(cls, every: Iterable[Counts]) -> Counts:
        """Of several parts."""
        topics, others = 0, 0
        for counts in every:
            topics, others = topics + counts.topics, others + counts.others
        return cls(topics, others)

    @property
    def rounded(self) -> Counts:
        """What the bounds are reckoned with: else each of many lines would move with every change."""
        return Counts(_round_up(self.topics), _round_up(self.others))

    def share(self, *, topic: bool) -> float:
        """What each may use of what all may: topics half of it, works and passages the other half, evenly;
        all of it where there are none of the others. So many narrow targets do not starve few broad ones."""
        return (0.5 if all(self) else 1.0) / self[0 if topic else 1]


def _round_up(count: int) -> int:
    """The next of numbers that each are a tenth more than the one before; small ones as they are."""
    rounded = min(count, EXACT)
    while rounded < count:
        rounded += rounded // 10
    return rounded


Draw = Callable[[], Backgrounds]
"""Makes the backgrounds, which takes seconds, where a line is to be drawn."""


class Lines:
    """Tells which targets a segment is about, by lines that are one FAISS index."""

    def __init__(
        self,
        targets: Sequence[ForgetTarget],
        index: ExemplarIndex,
        draw: Draw | None,
        cache: LineCache | None = None,
    ) -> None:
        """Without ``draw`` there is no line. ``cache``, if given, keeps lines from one start to the next."""
        drawn = [target for target in targets if has_line(target)] if draw else []
        self._ids = [target.id for target in drawn]
        self._topics = [target.kind == "topic" for target in drawn]
        self._rows = {target_id: row for row, target_id in enumerate(self._ids)}
        self._sieve: StaticEncoder | None = None
        self._full_lines: Sequence[Line] = ()
        self._static_lines: Sequence[Line] = ()
        self._allowed = 0.0
        fit = cache.fit if cache else Background.fit
        if draw and drawn:
            backgrounds = draw()
            self._allowed = SHARE * backgrounds.max_fpr
            self._full_lines = fit(backgrounds.full, [index.sides(target.id) for target in drawn])
            if backgrounds.static and backgrounds.sieve:
                self._sieve = backgrounds.sieve
                sides = [_static_sides(target, backgrounds.sieve) for target in drawn]
                self._static_lines = fit(backgrounds.static, sides)
        self._bound(self.count())

    def count(self, gone: Collection[str] = ()) -> Counts:
        """How many lines there are of each sort, but for those of targets that are ``gone``."""
        topics = sum(self._topics) - sum(self._topics[self._rows[id_]] for id_ in gone if id_ in self._rows)
        others = len(self._ids) - sum(id_ in self._rows for id_ in gone)
        return Counts(topics, others - topics)

    def among(self, counts: Counts) -> Lines:
        """The same lines where they are among so many, so that each may use less."""
        if counts.rounded == self._counts:
            return self
        others = copy(self)
        others._bound(counts)
        return others

    def _bound(self, counts: Counts) -> None:
        self._counts = counts.rounded
        bounded: list[tuple[Line, float, float]] = []
        for line, topic in zip(self._full_lines, self._topics, strict=True):
            share = self._counts.share(topic=topic)
            bounded.append((line, line.value(NEAR), line.bound(self._allowed * share)))
        self._full = _Sides(bounded)
        share = min(FIRST_PASS, FIRST_PASSES / max(1, sum(self._counts)))
        # Only where it ends counts: from its bound on, a segment is worth a run of the encoder.
        bounds = [(line, line.value(share)) for line in self._static_lines]
        self._static = _Sides([(line, bound - 1.0, bound) for line, bound in bounds])

    def __contains__(self, target_id: object) -> bool:
        """Whether a line was drawn for it."""
        return target_id in self._rows

    @property
    def size(self) -> int:
        """How many lines there are."""
        return len(self._ids)

    @property
    def most(self) -> float:
        """What no segment's evidence exceeds."""
        return MOST_LINE if self._ids else 0.0

    def search(self, vectors: Vectors) -> list[dict[str, float]]:
        """For each segment, ``vectors`` has shape (segments, dimension), by target id how far past the line
        it lies: 0 where its side begins, 1 at the bound; others are left out."""
        found: list[dict[str, float]] = []
        for hits in self._full.search(vectors, 0.0):
            found.append({self._ids[row]: min(value, MOST_LINE) for row, value in hits})
        return found

    def most_evidence(
        self, text: str, spans: Sequence[tuple[int, int]], decided: Sequence[Collection[str]]
    ) -> list[float]:
        """What the evidence of each ``text[start:end]`` for a target that is not ``decided`` is unlikely to
        exceed."""
        if not self._ids or not self._sieve:
            return [self.most] * len(spans)
        most: list[float] = []
        for hits, known in zip(
            self._static.search(self._sieve.encode_spans(text, spans), 1.0), decided, strict=True
        ):
            open_ids = any(self._ids[row] not in known for row, _ in hits)
            most.append(MOST_LINE if open_ids else 0.0)
        return most


class _Sides:
    """Lines as one index, scaled so that each has the value 0 where its side begins, and 1 at its bound."""

    def __init__(self, lines: Sequence[tuple[Line, float, float]]) -> None:
        """Each with the value at which its side begins, and its bound."""
        rows = []
        for line, near, bound in lines:
            rows.append(np.append(line.normal, line.offset - near) / max(bound - near, 1e-6))
        self._index = FlatIndex(np.stack(rows)) if rows else None

    def search(self, vectors: Vectors, least: float) -> list[list[tuple[int, float]]]:
        """For each vector the rows of the lines whose value is more than ``least``, and the values."""
        if not self._index or not len(vectors):
            return [[] for _ in vectors]
        ones = np.ones((len(vectors), 1), dtype=np.float32)
        return self._index.search_above(np.hstack([vectors, ones]), least)


def has_line(target: ForgetTarget) -> bool:
    """Whether a line is drawn for it: of a broad kind, all of it listed, and with enough texts."""
    return target.kind in KINDS and target.scope == "all" and len(own_texts(target)) >= MIN_TEXTS


def own_texts(target: ForgetTarget) -> list[str]:
    """The exemplars that it was given, and the sentences of its passages, each once."""
    return list(dict.fromkeys([*target.exemplars, *facts(target)]))


def shares(targets: Sequence[ForgetTarget]) -> Iterator[float]:
    """What each may use of what all of them may (``Counts.share``)."""
    topics = sum(target.kind == "topic" for target in targets)
    counts = Counts(topics, len(targets) - topics).rounded
    for target in targets:
        yield counts.share(topic=target.kind == "topic")


def _static_sides(target: ForgetTarget, sieve: StaticEncoder) -> Sides:
    return sieve.encode(exemplars(target)), sieve.encode(sentences_of(target.counterexamples))
