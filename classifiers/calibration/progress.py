"""How a long piece of work shows how far it is, without knowing where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Gives ``items`` on, one by one, and shows how many are done of ``what``."""

    def __call__(self, what: str, items: Sequence[T], /) -> Iterable[T]:
        """The same items, in order."""
        ...


def pass_on(what: str, items: Sequence[T], /) -> Iterable[T]:
    """Show nothing."""
    return items
