"""What depends on a word alone is worked out once for that word, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from sys import getsizeof
from typing import Any, Generic, TypeVar

MEBIBYTE = 2**20
# Longer ones are no words; each would be asked for once, and kept.
LONGEST = 48
# Of an entry, beside its key and its value: the slot in the dictionary, and room to grow.
SLOT = 100

Value = TypeVar("Value")


class WordCache(dict[str, Value], Generic[Value]):
    """``cache[word]`` is ``work(word)``; safe to share by threads.

    It takes at most ``max_bytes``, whatever is asked: a full one starts anew, which costs the work of the
    words that come again. Words longer than ``LONGEST`` are worked out each time.
    """

    def __init__(self, work: Callable[[str], Value], max_bytes: int = 16 * MEBIBYTE) -> None:
        super().__init__()
        self._work = work
        self._max_bytes = max_bytes
        self._bytes = 0

    def __missing__(self, word: str) -> Value:
        value = self._work(word)
        if len(word) > LONGEST:
            return value
        size = SLOT + getsizeof(word) + _size(value)
        if self._bytes + size > self._max_bytes:
            self.clear()
            self._bytes = 0
        self._bytes += size
        self[word] = value
        return value


def once_a_word(work: Callable[[str], Value]) -> Callable[[str], Value]:
    """Decorates a function of a word, which a ``WordCache`` remembers."""
    cache = WordCache(work)

    @wraps(work)
    def recall(word: str) -> Value:
        return cache[word]

    return recall


def _size(value: Any) -> int:
    parts = value if isinstance(value, tuple | list) else ()
    return getsizeof(value) + sum(_size(part) for part in parts)
