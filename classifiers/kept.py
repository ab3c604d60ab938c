"""What is derived from the list, kept between builds and between starts."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(ABC, Generic[Key, Value]):
    """Remembers what was made, and what of it there was a use for. Safe to share by threads that hold
    ``_lock``."""

    def __init__(self, known: Mapping[Key, Value]) -> None:
        """``known`` is what the file holds."""
        self._known = dict(known)
        self._used: dict[Key, Value] = {}
        self._new = 0
        self._lock = threading.RLock()

    def settle(self) -> None:
        """After a build of all: forget what it had no use for, and write the rest to the file."""
        with self._lock:
            changed = self._new or len(self._used) != len(self._known)
            self._known, self._used, self._new = self._used, {}, 0
            if changed:
                self._save()

    def keep(self, share: float = 0.0) -> None:
        """Write what is new to the file, where it is ``share`` of all and more, and forget nothing: no build
        has said what there is a use for."""
        with self._lock:
            if self._new and self._new >= share * len(self._known):
                self._new = 0
                self._save()

    @abstractmethod
    def _save(self) -> None:
        """Write all that is known to the file."""
