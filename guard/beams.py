"""Beam search asks for its prompt again for each beam and token, with what it has written behind it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import threading
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cachetools import LRUCache

from ..classifiers.text.segments import WINDOW_CHARS
from ..vocabulary import Match

Turns = list[tuple[int, int]]
Find = Callable[[str, Turns | None], list[Match]]

MAX_BYTES = 2**20
# Of an entry, and of each of its matches.
ENTRY, MATCH = 600, 400
# So much is written before a beam's text is remembered, too.
STEP = 4 * WINDOW_CHARS

_SENTENCE_START = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found in a text, whose beginning is kept as a digest; ``read`` is where to read on."""

    index: weakref.ref[Any]
    read: int
    matches: list[Match]


class Beams:
    """Finds in a text that grows what reading it whole finds, and reads it whole but once.

    What was found stays found. Only the end is read again, with a window before it, so that what stands on
    both sides of the seam is seen; what is said further up is no evidence for what a beam adds. Texts are
    kept as keyed digests, up to ``max_bytes``. Safe to share by threads.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._known: LRUCache[tuple[int, bytes], _Known] = LRUCache(max_bytes, _size)
        self._lock = threading.Lock()
        self._secret = os.urandom(16)

    def find(self, index: Any, text: str, turns: Turns | None, find: Find) -> list[Match]:
        """The matches of ``find`` in ``text``, on ``index``; its beginning may have been asked before."""
        seam, known = self._longest(index, text, turns)
        if known is None:
            matches = find(text, turns)
        else:
            rest = _read(text, turns, known.read, find)
            matches = known.matches + [m for m in rest if m.end > seam and m not in known.matches]
        new = _seam(text, len(text) - WINDOW_CHARS)
        if new > (seam + STEP if known else 0):
            begin = min([m.start for m in matches if m.end > new], default=new)
            entry = _Known(weakref.ref(index), _seam(text, min(begin, new - WINDOW_CHARS)), matches)
            with self._lock:
                (key,) = self._keys(text, turns, [new])
                self._known[key] = entry
        return matches

    def _longest(self, index: Any, text: str, turns: Turns | None) -> tuple[int, _Known | None]:
        """The longest beginning of ``text`` that is known: its length, and what of it is."""
        with self._lock:
            lengths = sorted({length for length, _ in self._known if length <= len(text)})
        for key in reversed([*self._keys(text, turns, lengths)]):
            with self._lock:
                known = self._known.get(key)
            if known and known.index() is index:
                return key[0], known
        return 0, None

    def _keys(self, text: str, turns: Turns | None, lengths: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The key of each beginning of ``text``, in one pass: its characters, and the ends of its turns."""
        marks = [*chain.from_iterable(turns or ())]
        content = hashlib.blake2b(digest_size=16, key=self._secret)
        cut = hashlib.blake2b(b"one" if turns is None else b"", digest_size=16, key=self._secret)
        at = mark = 0
        for length in lengths:
            inside = bisect_left(marks, length)
            content.update(text[at:length].encode("utf-8", "surrogatepass"))
            cut.update("".join(f"{place} " for place in marks[mark:inside]).encode())
            yield length, content.digest() + cut.digest()
            at, mark = length, inside


def _size(known: _Known) -> int:
    return ENTRY + MATCH * len(known.matches)


def _seam(text: str, end: int) -> int:
    """The last place in a window before ``end`` where a sentence begins, or at least a word; 0 for none."""
    if end <= 0:
        return 0
    first = max(0, end - WINDOW_CHARS)
    seam = 0
    for start in _SENTENCE_START.finditer(text, first, end):
        seam = start.end()
    return seam or text.rfind(" ", first, end) + 1 or end


def _read(text: str, turns: Turns | None, begin: int, find: Find) -> list[Match]:
    """``find`` in ``text[begin:]``, placed in ``text``."""
    inside = None if turns is None else [(max(0, a - begin), b - begin) for a, b in turns if b > begin]
    matches: list[Match] = []
    for match in find(text[begin:], inside):
        matches.append(dataclasses.replace(match, start=match.start + begin, end=match.end + begin))
    return matches
