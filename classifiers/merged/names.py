"""The names of several parts of an index as one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from heapq import merge
from itertools import chain
from typing import TypeAlias

from ..index.name_index import NameIndex
from ..names.name_parts import NameParts, PartHit
from ..names.names import NameHit


class MergedNameParts:
    """As ``NameParts``."""

    def __init__(self, parts: Sequence[tuple[NameParts, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = parts

    def find(self, text: str) -> Iterator[PartHit]:
        """As ``NameParts.find``."""
        found = (_leave_out(parts.find(text), gone) for parts, gone in self._parts)
        yield from sorted(chain.from_iterable(found), key=lambda hit: hit.start)

    def surnames(self, text: str, target_ids: Collection[str]) -> Iterator[PartHit]:
        """As ``NameParts.surnames``."""
        for parts, gone in self._parts:
            yield from _leave_out(parts.surnames(text, target_ids), gone)


class MergedNames:
    """As ``NameIndex``."""

    def __init__(self, parts: Sequence[tuple[NameIndex, Collection[str]]]) -> None:
        """Each with the ids of targets that it no longer speaks for."""
        self._parts = parts
        self.parts = MergedNameParts([(names.parts, gone) for names, gone in parts])

    @property
    def size(self) -> int:
        """At most so many names are searched for."""
        return sum(names.size for names, _ in self._parts)

    @cached_property
    def lowercase_names(self) -> list[str]:
        """As ``NameIndex.lowercase_names``; also of targets that are listed no longer."""
        return list(dict.fromkeys(merge(*(names.lowercase_names for names, _ in self._parts))))

    def find(self, text: str) -> Iterator[NameHit]:
        """As ``NameIndex.find``."""
        for names, gone in self._parts:
            yield from _leave_out(names.find(text), gone)

    def find_whole(self, text: str) -> Iterator[NameHit]:
        """As ``NameIndex.find_whole``."""
        for names, gone in self._parts:
            yield from _leave_out(names.find_whole(text), gone)


Names: TypeAlias = NameIndex | MergedNames


def _leave_out(hits: Iterable[NameHit] | Iterable[PartHit], gone: Collection[str]) -> Iterator:  # type: ignore[type-arg]
    return (hit for hit in hits if hit.target_id not in gone)
