"""The scopes of the targets of which only some facts must not be known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from ...vocabulary import ForgetTarget
from ..encoders.encoder import Encoder, Vectors
from ..fact_scope import STATED, FactScope, clauses, is_of, leave_out, override_listed, statements
from ..merged.names import Names
from ..names.surnames import name_words
from ..templates import UNRELATED, counterexamples
from ..text.folding import normalise
from .exemplar_index import exemplars


class FactScopes:
    """By target; those of the same kind and scope share a line, ``exemplars`` is each target's own."""

    def __init__(
        self,
        scoped: Sequence[ForgetTarget],
        names: Names,
        encoder: Encoder,
        before: FactScopes | None = None,
    ) -> None:
        """``scoped`` are all such targets; a line is drawn with the names left out. What none of them changed
        of since ``before`` is taken from there."""
        self._names = names
        self._kinds = {target.id: target.kind for target in scoped}
        self._surnames = {target.id: _surnames(target) for target in scoped}
        groups: dict[str, list[ForgetTarget]] = defaultdict(list)
        for target in scoped:
            groups[_line_key(target)].append(target)
        self._groups = {key: tuple(group) for key, group in groups.items()}
        self._listed: dict[str, tuple[Vectors, Vectors]] = {}
        self._lines: dict[str, FactScope] = {}
        for key, group in self._groups.items():
            if before and before._groups.get(key) == group:
                self._take(group, before)
            else:
                self._draw(group, encoder)

    def _take(self, group: Sequence[ForgetTarget], before: FactScopes) -> None:
        for target in group:
            self._listed[target.id], self._lines[target.id] = (
                before._listed[target.id],
                before._lines[target.id],
            )

    def _draw(self, group: Sequence[ForgetTarget], encoder: Encoder) -> None:
        sides = [self._sides(target) for target in group]
        line = _line(sides, encoder)
        for target, (inside, outside) in zip(group, sides, strict=True):
            self._listed[target.id] = encoder.encode(inside), encoder.encode(outside)
            self._lines[target.id] = line

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def __contains__(self, target_id: object) -> bool:
        """Whether only some facts of it are listed."""
        return target_id in self._kinds

    def is_surname(self, target_id: str, text: str) -> bool:
        """Whether ``text`` is a surname of a person of whom some facts are listed, or a form of it."""
        return not self._surnames.get(target_id, frozenset()).isdisjoint(normalise(text)[0].split())

    def _sides(self, target: ForgetTarget) -> tuple[list[str], list[str]]:
        """What was given as inside of the scope, and as outside."""
        inside = [self._without_name(target.id, text) for text in exemplars(target)]
        return inside, [self._without_name(target.id, text) for text in counterexamples(target)]

    def _without_name(self, target_id: str, text: str) -> str:
        """``text`` with a stand-in for the target's names."""
        return leave_out(text, self._whole(target_id, text), self._kinds[target_id])

    def scores(self, target_id: str, texts: Sequence[str], encoder: Encoder) -> list[float]:
        """How far inside the facts of a scoped target lies what each text asks of it, or of somebody by a
        pronoun: 0 to 1 (``FactScope``); 0 where none stands in it."""
        kind = self._kinds[target_id]
        clauses_of = [clauses(self._without_name(target_id, text), kind) for text in texts]
        scores = iter(self._score(target_id, list(chain.from_iterable(clauses_of)), encoder))
        return [max(map(float, islice(scores, count)), default=0.0) for count in map(len, clauses_of)]

    def stated(self, target_id: str, sentence: str, encoder: Encoder) -> float:
        """How far inside the facts of a scoped target lies what a ``sentence`` of an answer tells, 0 to 1,
        where the answer is about it."""
        kind = self._kinds[target_id]
        spans = [*self._whole(target_id, sentence), *self._parts(target_id, sentence)]
        said = leave_out(sentence, spans, kind)
        best = float(self._score(target_id, statements(said, kind), encoder).max())
        return min(1.0, best + STATED) if is_of(said, kind) else best

    def _score(self, target_id: str, texts: list[str], encoder: Encoder) -> Vectors:
        vectors = encoder.encode(texts)
        return override_listed(self._lines[target_id].scores(vectors), vectors, *self._listed[target_id])

    def _whole(self, target_id: str, text: str) -> Iterator[tuple[int, int]]:
        yield from ((hit.start, hit.end) for hit in self._names.find(text) if hit.target_id == target_id)

    def _parts(self, target_id: str, text: str) -> Iterator[tuple[int, int]]:
        yield from ((p.start, p.end) for p in self._names.parts.find(text) if p.target_id == target_id)


def _surnames(target: ForgetTarget) -> frozenset[str]:
    """The last words of a person's names of several words."""
    names = map(name_words, target.names) if target.kind == "entity" else ()
    return frozenset(words[-1] for words in names if len(words) > 1)


def _line_key(target: ForgetTarget) -> str:
    """The same for targets that share their texts."""
    return target.id if target.scope == "exemplars" else f"{target.kind} {target.scope}"


def _line(sides: Sequence[tuple[list[str], list[str]]], encoder: Encoder) -> FactScope:
    """Between all that was given as inside and all that was given as outside."""
    inside, outside = zip(*sides, strict=True)
    texts = (chain.from_iterable(inside), chain.from_iterable(outside), UNRELATED)
    return FactScope(*(encoder.encode(list(dict.fromkeys(side))) for side in texts))
