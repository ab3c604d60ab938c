"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter

from ..vocabulary import ForgetTarget
from .background.line_cache import LineCache
from .encoders.encoder import Encoder
from .encoders.static_encoder import StaticEncoder
from .index.fact_scopes import FactScopes
from .index.lines import Counts, Draw
from .index.part import IndexPart, Means
from .merged.exemplars import Exemplars, MergedExemplars
from .merged.lines import AllLines, MergedLines
from .merged.names import MergedNames, Names
from .merged.watched_names import AllRecitals, MergedRecitals, MergedWatchedNames, Watched

# A change makes a part of its own, together with those before it while they have so few targets in all.
SMALL = 128
# A part is made one with those behind it while it is at most so many times as large.
FACTOR = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """A part, and the ids of targets that it no longer speaks for."""

    part: IndexPart
    gone: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        return len(self.part.targets) - len(self.gone)

    @property
    def living(self) -> Iterator[ForgetTarget]:
        return (target for id_, target in self.part.targets.items() if id_ not in self.gone)


@dataclass(frozen=True, slots=True)
class Compaction:
    """One part made of several."""

    merged: Sequence[_Part]
    part: IndexPart


class ForgetIndex:
    """Immutable, and safe to share by threads.

    Built whole it is one part. A change adds a small one, and says of whom the others no longer speak; so it
    costs what changed, not what is listed (log-structured merge; O'Neil et al. 1996). ``compact`` makes few
    of many.
    """

    def __init__(
        self,
        generation: int,
        targets: Sequence[ForgetTarget],
        encoder: Encoder,
        *,
        sieve: StaticEncoder | None = None,
        backgrounds: Draw | None = None,
        lines: LineCache | None = None,
        canary: str = "",
    ) -> None:
        """``sieve``, if given, tells cheaply which segments are worth a run of the encoder; ``backgrounds``,
        if given, are what the targets' lines are drawn against; ``lines`` keeps these between starts.
        Answers are read for the name ``canary``, too."""
        self.generation = generation
        self._means = Means(encoder=encoder, sieve=sieve, backgrounds=backgrounds, lines=lines, canary=canary)
        self._join([self._make(targets, first=True)], None)

    def change(
        self, generation: int, added: Sequence[ForgetTarget], removed: Collection[str] = ()
    ) -> ForgetIndex:
        """The index of a later generation, which lists what was ``added``, in place of targets with the same
        ids, and not what was ``removed``."""
        gone = {*removed, *(target.id for target in added)}
        parts = [_Part(part.part, part.gone | (gone & part.part.targets.keys())) for part in self._parts]
        parts = [part for part in parts if part.size]
        listed = list({target.id: target for target in added}.values())
        while parts and len(listed) + parts[-1].size <= SMALL:
            listed = [*parts.pop().living, *listed]
        if listed or not parts:
            parts.append(self._make(listed, first=not parts))
        return self._with(parts, generation)

    def compact(self) -> Compaction | None:
        """What makes few parts of many, for ``take``; None where they are few. It takes as long as building
        what it makes one, and changes need not wait for it."""
        parts = self._parts if self._parts[-1].size > SMALL else self._parts[:-1]
        if not parts:
            return None
        first, size = len(parts) - 1, parts[-1].size
        while first and parts[first - 1].size <= FACTOR * size:
            first -= 1
            size += parts[first].size
        merged = parts[first:]
        if len(merged) == 1 and 2 * merged[0].size > len(merged[0].part.targets):
            return None
        listed = list(chain.from_iterable(part.living for part in merged))
        return Compaction(merged, self._make(listed, first=not first).part)

    def take(self, compaction: Compaction) -> ForgetIndex:
        """The same index with what was made of it, or of an earlier one, in place of the parts of that; as it
        is where these are no longer there."""
        every = [part.part for part in self._parts]
        old = [part.part for part in compaction.merged]
        if old[0] not in every or every[(at := every.index(old[0])) : at + len(old)] != old:
            return self
        now = self._parts[at : at + len(old)]
        gone: set[str] = set()
        for before, after in zip(compaction.merged, now, strict=True):
            gone |= after.gone - before.gone
        one = _Part(compaction.part, frozenset(gone))
        return self._with([*self._parts[:at], one, *self._parts[at + len(old) :]], self.generation)

    def _make(self, targets: Sequence[ForgetTarget], *, first: bool) -> _Part:
        means = self._means if first else replace(self._means, canary="")
        return _Part(IndexPart(targets, means), frozenset())

    def _with(self, parts: Sequence[_Part], generation: int) -> ForgetIndex:
        other = copy(self)
        other.generation = generation
        other._join(parts, self.scopes)
        return other

    def _join(self, parts: Sequence[_Part], before: FactScopes | None) -> None:
        """Search ``parts`` as one; where there is but one, and it speaks for all of its targets, itself."""
        self._parts = tuple(parts)
        counts = Counts.sum(part.part.lines.count(part.gone) for part in parts)
        lines = [(part.part.lines.among(counts), part.gone) for part in parts]
        self.targets = {target.id: target for part in parts for target in part.living}
        self.names: Names
        self.exemplars: Exemplars
        self.lines: AllLines
        self.watched: Watched
        self.recitals: AllRecitals
        if len(parts) == 1 and not parts[0].gone:
            one = parts[0].part
            self.names, self.exemplars, self.lines = one.names, one.exemplars, lines[0][0]
            self.watched, self.recitals = one.watched, one.recitals
        else:
            self.names = MergedNames([(part.part.names, part.gone) for part in parts])
            self.exemplars = MergedExemplars([(part.part.exemplars, part.gone) for part in parts])
            self.lines = MergedLines(lines)
            self.watched = MergedWatchedNames([(part.part.watched, part.gone) for part in parts])
            self.recitals = MergedRecitals([(part.part.recitals, part.gone) for part in parts])
        self.words = frozenset(chain.from_iterable(part.part.words for part in parts))
        scoped = sorted(
            (target for target in self.targets.values() if target.scope != "all"), key=attrgetter("id")
        )
        self.scopes = FactScopes(scoped, self.names, self._means.encoder, before)

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each is indexed."""
        return {
            "targets": len(self.targets),
            "names": self.names.size,
            "exemplars": self.exemplars.size,
            "lines": self.lines.size,
            "counterexamples": sum(len(target.counterexamples) for target in self.targets.values()),
        }
