"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeVar

import faiss
import numpy as np

from ..vocabulary import ForgetTarget, Neighbour
from .encoders.encoder import Encoder, Vectors
from .encoders.sieve import SLACK, Sieve
from .encoders.static_encoder import StaticEncoder
from .evidence import Evidence
from .fact_scope import FactScope, clauses, leave_out, settled
from .names.after_names import follows_another
from .names.fuzzy_names import FuzzyNames
from .names.name_parts import NameParts
from .names.names import NameHit, NameMatcher
from .names.other_names import company_name, other_names
from .names.punctuation import parted_in, punctuated
from .names.surnames import lone_words
from .passages import facts, full_names
from .recurring_names import cast
from .templates import UNRELATED, counterexamples, questions
from .text.folding import normalise
from .text.segments import sentences
from .text.terms import agreement, agreement_of, terms

# Exemplars looked at for each segment; a target may have many near it.
NEIGHBOURS = 256
# And by the first pass, past those of the targets that a name in the segment has decided.
SIEVED = 64
# Of fewer letters a word is not sought where a pattern leaves some of them open.
_LONG_WORD = 5
_WORD = re.compile(r"[^\W_]+")

Scalar = TypeVar("Scalar", float, Vectors)


class _Texts:
    """Texts and their unit vectors, by their sentences."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        self.texts = [sentence for text in texts for sentence in sentences(text)]
        self.vectors = encoder.encode(self.texts)

    def nearest(self, vector: Vectors) -> Neighbour:
        """The text nearest to a vector of shape (dimension,)."""
        similarities = self.vectors @ vector
        best = int(similarities.argmax())
        return Neighbour(self.texts[best], float(similarities[best]))


class ForgetIndex:
    """Immutable; built whole from the targets of one generation, and safe to share by threads."""

    def __init__(
        self,
        generation: int,
        targets: Sequence[ForgetTarget],
        encoder: Encoder,
        sieve: StaticEncoder | None = None,
    ) -> None:
        """``sieve``, if given, tells cheaply which segments are worth a run of the encoder."""
        self.generation = generation
        self.targets = {target.id: target for target in targets}
        names = [(target.id, name) for target in targets for name in _names(target)]
        companies = [(t.id, name) for t in targets for name in _companies(t)]
        self._names, self._fuzzy_names = NameMatcher(names, companies), FuzzyNames(names)
        own = {target.id: _exemplars(target) for target in targets}
        works = [(t.id, word) for t in targets if t.kind == "work" for word in sorted(cast(own[t.id]))]
        self.parts = NameParts(names, works, _lone(targets))
        self._counterexamples = {
            target.id: _Texts(texts, encoder) for target in targets if (texts := counterexamples(target))
        }
        self._owners: list[str] = []
        self._exemplars: list[str] = []
        self._rows: dict[str, range] = {}
        self._terms: dict[str, frozenset[str]] = {}
        for target in targets:
            self._add(target, own[target.id])
        self._known = frozenset(chain.from_iterable(self._terms.values()))
        self._named = frozenset(chain.from_iterable(self.parts.words.values()))
        self._unrelated = _unrelated_similarity(encoder) if targets else 0.0
        self._index = faiss.IndexFlatIP(encoder.dimension)
        vectors = encoder.encode(self._exemplars)
        self._index.add(vectors)
        self._sieve = (
            Sieve(sieve, self._exemplars, vectors, self._index) if sieve and self._exemplars else None
        )
        self._scopes = self._fact_scopes(encoder)

    def _add(self, target: ForgetTarget, texts: list[str]) -> None:
        self._rows[target.id] = range(len(self._exemplars), len(self._exemplars) + len(texts))
        self._owners += [target.id] * len(texts)
        self._exemplars += texts
        words = frozenset(chain.from_iterable(terms(text) for text in texts))
        self._terms[target.id] = words - self.parts.words.get(target.id, frozenset())

    def _fact_scopes(self, encoder: Encoder) -> dict[str, FactScope]:
        """By target id. Scopes of the same name share their texts; ``exemplars`` is each target's own."""
        sharing: dict[str, list[ForgetTarget]] = defaultdict(list)
        for target in self.targets.values():
            if target.scope != "all":
                name = target.id if target.scope == "exemplars" else f"{target.kind} {target.scope}"
                sharing[name].append(target)
        self._given = {
            target.id: (encoder.encode(self._inside(target)), encoder.encode(self._outside(target)))
            for target in chain.from_iterable(sharing.values())
        }
        scopes = {name: self._fact_scope(targets, encoder) for name, targets in sharing.items()}
        return {target.id: scopes[name] for name, targets in sharing.items() for target in targets}

    def _fact_scope(self, targets: Sequence[ForgetTarget], encoder: Encoder) -> FactScope:
        inside, outside = (chain.from_iterable(map(side, targets)) for side in (self._inside, self._outside))
        return FactScope(*(encoder.encode(list(dict.fromkeys(x))) for x in (inside, outside, UNRELATED)))

    def _inside(self, target: ForgetTarget) -> list[str]:
        return [self.without_name(target.id, self._exemplars[row]) for row in self._rows[target.id]]

    def _outside(self, target: ForgetTarget) -> list[str]:
        return [self.without_name(target.id, text) for text in counterexamples(target)]

    @cached_property
    def written(self) -> list[str]:
        """Every name and alias, and their longer words, in small letters with one space between words, in
        order."""
        names = [name for target in self.targets.values() for name in _names(target)]
        written = [form for name in names for form in (name.lower(), normalise(name)[0])]
        whole = {" ".join(_WORD.findall(form)) for form in written}
        words = {word for form in whole for word in form.split() if len(word) >= _LONG_WORD}
        return sorted((whole | words) - {""})

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each is indexed."""
        return {
            "targets": len(self.targets),
            "names": self._names.size,
            "exemplars": len(self._exemplars),
            "counterexamples": sum(len(target.counterexamples) for target in self.targets.values()),
        }

    def find_names(self, text: str) -> Iterator[NameHit]:
        """Every listed name in ``text``, also misspelt; the same place may come more than once."""
        yield from self._names.find(text)
        for hit in self._fuzzy_names.find(text):
            whole = punctuated(hit.name) or not parted_in(text, hit.start, hit.end)
            if whole and not follows_another(hit.name, text, hit.start, hit.end):
                yield hit

    def without_name(self, target_id: str, text: str) -> str:
        """``text`` with a stand-in for the target's names."""
        spans = [(hit.start, hit.end) for hit in self.find_names(text) if hit.target_id == target_id]
        return leave_out(text, spans, self.targets[target_id].kind)

    def in_scope(self, target_id: str, texts: Sequence[str], encoder: Encoder) -> list[float]:
        """How far inside the facts of a scoped target lies what each text asks of it, or of somebody by a
        pronoun: 0 to 1 (``FactScope``); 0 where none stands in it."""
        kind = self.targets[target_id].kind
        asked = [clauses(self.without_name(target_id, text), kind) for text in texts]
        vectors = encoder.encode(list(chain.from_iterable(asked)))
        lines = self._scopes[target_id].scores(vectors)
        scores = iter(settled(lines, vectors, *self._given[target_id]))
        return [max((float(next(scores)) for _ in own), default=0.0) for own in asked]

    def most_agreement(self, said: Mapping[str, float]) -> float:
        """At least the agreement of a segment's rare words with those of any one target."""
        shared = sum(weight for word, weight in said.items() if word in self._known)
        total = sum(weight for word, weight in said.items() if word not in self._named)
        return agreement_of(shared, max(shared, total))

    def most_similarity(
        self, text: str, spans: Sequence[tuple[int, int]], decided: Sequence[Collection[str]]
    ) -> Vectors:
        """What the similarity of each ``text[start:end]`` to an exemplar of any target but those ``decided``
        is unlikely to exceed."""
        most = np.ones(len(spans), dtype=np.float32)
        if not self._sieve:
            return most
        counts = [min(1 + sum(len(self._rows[t]) for t in own), SIEVED) for own in decided]
        for count in sorted(set(counts)):
            places = [place for place, own in enumerate(counts) if own == count]
            cosines, rows = self._sieve.nearest(text, [spans[place] for place in places], count)
            for place, near, found in zip(places, cosines, rows, strict=True):
                others = (
                    c for c, row in zip(near, found, strict=True) if self._owner(row) not in decided[place]
                )
                most[place] = next(others, near[-1])
        bound: Vectors = np.minimum(1.0, self._scaled(most) + SLACK)
        return bound

    def _owner(self, row: int) -> str:
        """The target of an exemplar; "" for the row -1, which stands for none."""
        return self._owners[row] if row >= 0 else ""

    def _scaled(self, cosine: Scalar) -> Scalar:
        """On a scale where unrelated texts have 0: encoders differ in how near they put those."""
        return (cosine - self._unrelated) / max(1 - self._unrelated, 1e-6)

    def search(
        self, vectors: Vectors, said: Sequence[Mapping[str, float]], parts: Sequence[Mapping[str, float]]
    ) -> list[list[Evidence]]:
        """For each segment the evidence for each target near it.

        ``vectors`` has shape (segments, dimension); ``said`` are the segments' rare words (``terms``), and
        ``parts`` the weights of the parts of names in them, by target id.
        """
        if not len(vectors) or not self._exemplars:
            return [[] for _ in vectors]
        cosines, rows = self._index.search(vectors, min(NEIGHBOURS, len(self._exemplars)))
        found = []
        for i, vector in enumerate(vectors):
            nearest: dict[str, tuple[int, float]] = {}
            for row, cosine in zip(rows[i], cosines[i], strict=True):  # best first
                nearest.setdefault(self._owners[row], (int(row), float(cosine)))
            for target_id in parts[i]:
                if target_id not in nearest and self._rows[target_id]:
                    nearest[target_id] = self._nearest(target_id, vector)
            found.append([self._evidence(t, *near, vector, said[i], parts[i]) for t, near in nearest.items()])
        return found

    def evidence(
        self, target_id: str, vector: Vectors, said: Mapping[str, float], parts: Mapping[str, float]
    ) -> Evidence:
        """The evidence for one target, which must have exemplars, at a vector of shape (dimension,)."""
        return self._evidence(target_id, *self._nearest(target_id, vector), vector, said, parts)

    def _nearest(self, target_id: str, vector: Vectors) -> tuple[int, float]:
        """The row of the target's nearest exemplar, and its cosine."""
        rows = self._rows[target_id]
        cosines = self._index.reconstruct_n(rows.start, len(rows)) @ vector
        best = int(cosines.argmax())
        return rows.start + best, float(cosines[best])

    def _evidence(
        self,
        target_id: str,
        row: int,
        cosine: float,
        vector: Vectors,
        said: Mapping[str, float],
        parts: Mapping[str, float],
    ) -> Evidence:
        similarity, part = float(self._scaled(cosine)), parts.get(target_id, 0.0)
        if self.targets[target_id].scope != "all":  # a name says no more than what is said of it
            part = min(part, similarity)
        against = self._counterexamples.get(target_id)
        return Evidence(
            target_id,
            Neighbour(self._exemplars[row], cosine),
            against.nearest(vector) if against else None,
            similarity,
            agreement(said, self._terms[target_id], self.parts.words[target_id]),
            part,
            len(self._rows[target_id]),
        )


def _names(target: ForgetTarget) -> list[str]:
    others = (other_names(name, target.kind) for name in target.names)
    return list(dict.fromkeys([*target.names, *chain.from_iterable(others), *full_names(target)]))


def _companies(target: ForgetTarget) -> list[str]:
    return [bare for name in target.names if (bare := company_name(name, target.kind))]


def _lone(targets: Sequence[ForgetTarget]) -> dict[tuple[str, str], float]:
    """By target id and word how telling a word of a name is alone; of none where only facts are in scope."""
    found: dict[tuple[str, str], float] = {}
    for target in targets:
        for name in _names(target) if target.scope == "all" else ():
            for word, telling in lone_words(name, target.kind).items():
                found[target.id, word] = max(telling, found.get((target.id, word), telling))
    return found


def _exemplars(target: ForgetTarget) -> list[str]:
    """The sentences of the target's own, and the templates, unless only some of its facts are in scope."""
    own = [sentence for text in (*target.exemplars, *facts(target)) for sentence in sentences(text)]
    # Whole: "Who is O. Vale?" is one question.
    return own + (questions(target) if target.scope == "all" else [])


def _unrelated_similarity(encoder: Encoder) -> float:
    """The mean cosine of texts that have nothing in common: 0.05 for one model, 0.75 for another."""
    vectors = encoder.encode(UNRELATED)
    cosines = vectors @ vectors.T
    return max(0.0, float(cosines[np.triu_indices(len(vectors), 1)].mean()))
