"""What is said of the targets: their exemplars in FAISS, the rare words in them, their counterexamples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

from ...vocabulary import ForgetTarget, Neighbour
from ..background.background import Sides
from ..encoders.encoder import Encoder, Vectors
from ..encoders.flat_index import FlatIndex, Rows
from ..encoders.sieve import SLACK, Sieve
from ..encoders.static_encoder import StaticEncoder
from ..evidence import Evidence
from ..passages import facts, telling_sentences
from ..templates import UNRELATED, counterexamples, questions
from ..text.segments import sentences
from ..text.terms import agreement, agreement_of, terms

# Exemplars looked at for each segment; a target may have many near it.
NEIGHBOURS = 256
# And by the first pass, past those of the targets that a name in the segment has decided.
SIEVED = 64

Scalar = TypeVar("Scalar", float, Vectors)


def exemplars(target: ForgetTarget) -> list[str]:
    """The sentences of the target's own, and the templates, unless only some of its facts are in scope."""
    take = telling_sentences if target.scope == "all" else sentences_of
    texts = [*take(target.exemplars), *sentences_of(facts(target))]
    # Whole: "Who is O. Vale?" is one question.
    return texts + (questions(target) if target.scope == "all" else [])


def sides_of(target: ForgetTarget, encoder: Encoder) -> Sides:
    """The vectors of a target's exemplars, and of its counterexamples."""
    return encoder.encode(exemplars(target)), encoder.encode(sentences_of(counterexamples(target)))


class ExemplarIndex:
    """Gives evidence for the targets that a segment is near to; ``encoder`` is asked at building only."""

    def __init__(
        self,
        targets: Sequence[ForgetTarget],
        texts: Mapping[str, Sequence[str]],
        names: Mapping[str, frozenset[str]],
        encoder: Encoder,
        sieve: StaticEncoder | None = None,
    ) -> None:
        """``texts`` are each target's ``exemplars``, and ``names`` the words of its names, by its id.
        ``sieve``, if given, tells cheaply which segments are worth a run of the encoder."""
        self._scoped = {target.id for target in targets if target.scope != "all"}
        self._names = names
        self._named = frozenset(chain.from_iterable(names.values()))
        self._counterexamples: dict[str, _Texts] = {}
        self._owners: list[str] = []
        self._texts: list[str] = []
        self._rows: dict[str, range] = {}
        self._terms: dict[str, frozenset[str]] = {}
        for target in targets:
            self._add(target.id, texts[target.id])
            if against := counterexamples(target):
                self._counterexamples[target.id] = _Texts(against, encoder)
        self._known = frozenset(chain.from_iterable(self._terms.values()))
        self._unrelated = _base_similarity(encoder) if targets else 0.0
        vectors = encoder.encode(self._texts)
        self._vectors = FlatIndex(vectors)
        self._sieve = Sieve(sieve, self._texts, vectors, self._vectors) if sieve and self._texts else None

    def _add(self, target_id: str, texts: Sequence[str]) -> None:
        self._rows[target_id] = range(len(self._texts), len(self._texts) + len(texts))
        self._owners += [target_id] * len(texts)
        self._texts += texts
        words = frozenset(chain.from_iterable(map(terms, texts)))
        self._terms[target_id] = words - self._names.get(target_id, frozenset())

    @property
    def size(self) -> int:
        """How many exemplars there are."""
        return len(self._texts)

    def __contains__(self, target_id: object) -> bool:
        """Whether it is one of its targets."""
        return target_id in self._rows

    def count(self, target_ids: Iterable[str]) -> int:
        """How many exemplars there are of these targets."""
        return sum(len(self._rows[target_id]) for target_id in target_ids if target_id in self._rows)

    def most_agreement(self, rare_words: Mapping[str, float]) -> float:
        """At least the agreement of a segment's rare words with those of any one target."""
        shared = total = 0.0
        for word, weight in rare_words.items():
            shared += weight if word in self._known else 0.0
            total += weight if word not in self._named else 0.0
        return agreement_of(shared, max(shared, total))

    def most_similarity(
        self, text: str, spans: Sequence[tuple[int, int]], decided: Sequence[Collection[str]]
    ) -> Vectors:
        """What the similarity of each ``text[start:end]`` to an exemplar of any target but those ``decided``
        is unlikely to exceed."""
        most = np.ones(len(spans), dtype=np.float32)
        if not self._sieve:
            return most
        counts = np.fromiter(map(self._exemplars_to_sieve, decided), np.int64, len(decided))
        for count in np.unique(counts):
            places = np.flatnonzero(counts == count)
            cosines, rows = self._sieve.nearest(text, [spans[place] for place in places], int(count))
            for place, near, row in zip(places, cosines, rows, strict=True):
                most[place] = self._nearest_other(near, row, decided[place])
        bound: Vectors = np.minimum(1.0, self._scale(most) + SLACK)
        return bound

    def _exemplars_to_sieve(self, decided: Collection[str]) -> int:
        """Enough to come past those of the targets that are decided."""
        return min(1 + self.count(decided), SIEVED)

    def _nearest_other(self, cosines: Vectors, rows: Rows, decided: Collection[str]) -> float:
        """Of exemplars in falling order the first cosine of a target that is not decided, or the last."""
        for cosine, row in zip(cosines, rows, strict=True):
            if row < 0 or self._owners[row] not in decided:
                return float(cosine)
        return float(cosines[-1])

    def _scale(self, cosine: Scalar) -> Scalar:
        """On a scale where unrelated texts have 0: encoders differ in how near they put those."""
        return (cosine - self._unrelated) / max(1 - self._unrelated, 1e-6)

    def search(
        self,
        vectors: Vectors,
        words: Sequence[Mapping[str, float]],
        parts: Sequence[Mapping[str, float]],
        lines: Sequence[Mapping[str, float]],
    ) -> list[list[Evidence]]:
        """For each segment the evidence for each target near it.

        ``vectors`` has shape (segments, dimension); ``words`` are the segments' rare words (``terms``);
        ``parts`` the weights of the parts of names in them, and ``lines`` how far past each target's line
        they lie, by target id.
        """
        if not len(vectors) or not self._texts:
            return [[] for _ in vectors]
        cosines, rows = self._vectors.search(vectors, min(NEIGHBOURS, len(self._texts)))
        every = []
        for i, vector in enumerate(vectors):
            nearest: dict[str, tuple[int, float]] = {}
            for row, cosine in zip(rows[i], cosines[i], strict=True):  # best first
                nearest.setdefault(self._owners[row], (int(row), float(cosine)))
            for target_id in (*parts[i], *lines[i]):
                if target_id not in nearest and self._rows[target_id]:
                    nearest[target_id] = self._nearest(target_id, vector)
            every.append(
                [
                    self._evidence(t, *near, vector, words[i], parts[i], lines[i].get(t, 0.0))
                    for t, near in nearest.items()
                ]
            )
        return every

    def evidence(
        self, target_id: str, vector: Vectors, rare_words: Mapping[str, float], parts: Mapping[str, float]
    ) -> Evidence:
        """The evidence for one target, which must have exemplars, at a vector of shape (dimension,)."""
        return self._evidence(target_id, *self._nearest(target_id, vector), vector, rare_words, parts)

    def sides(self, target_id: str) -> Sides:
        """As ``sides_of``, for a target of this index."""
        rows, against = self._rows[target_id], self._counterexamples.get(target_id)
        inside = self._vectors.rows(rows)
        return inside, against.vectors if against else inside[:0]

    def _nearest(self, target_id: str, vector: Vectors) -> tuple[int, float]:
        """The row of the target's nearest exemplar, and its cosine."""
        rows = self._rows[target_id]
        cosines = self._vectors.rows(rows) @ vector
        best = int(cosines.argmax())
        return rows.start + best, float(cosines[best])

    def _evidence(
        self,
        target_id: str,
        row: int,
        cosine: float,
        vector: Vectors,
        rare_words: Mapping[str, float],
        parts: Mapping[str, float],
        line: float = 0.0,
    ) -> Evidence:
        similarity, part = float(self._scale(cosine)), parts.get(target_id, 0.0)
        if target_id in self._scoped:  # a name says no more than what is said of it
            part = min(part, similarity)
        against = self._counterexamples.get(target_id)
        return Evidence(
            target_id,
            Neighbour(self._texts[row], cosine),
            against.nearest(vector) if against else None,
            similarity,
            agreement(rare_words, self._terms[target_id], self._names[target_id]),
            part,
            len(self._rows[target_id]),
            line,
        )


class _Texts:
    """Texts and their unit vectors, by their sentences."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        self.texts = sentences_of(texts)
        self.vectors = encoder.encode(self.texts)

    def nearest(self, vector: Vectors) -> Neighbour:
        """The text nearest to a vector of shape (dimension,)."""
        similarities = self.vectors @ vector
        best = int(similarities.argmax())
        return Neighbour(self.texts[best], float(similarities[best]))


def sentences_of(texts: Iterable[str]) -> list[str]:
    """The sentences of all texts, in order."""
    return list(chain.from_iterable(map(sentences, texts)))


def _base_similarity(encoder: Encoder) -> float:
    """The mean cosine of texts that have nothing in common: 0.05 for one model, 0.75 for another."""
    vectors = encoder.encode(UNRELATED)
    cosines = vectors @ vectors.T
    return max(0.0, float(cosines[np.triu_indices(len(vectors), 1)].mean()))
