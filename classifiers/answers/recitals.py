"""Runs of words that stand in a listed passage: what must not be recited."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence

from ...vocabulary import ForgetTarget
from ..text.folding import normalise

RUN = 12


class Recitals:
    """Knows every run of so many words of the listed passages by a hash, and no text. Case and punctuation
    do not count (MemFree decoding; Ippolito et al. 2022, section 3)."""

    def __init__(self, targets: Sequence[ForgetTarget], run: int = RUN) -> None:
        self.run = run
        self._runs: dict[int, str] = {}
        # Of a run in several passages, their other targets.
        self._others: dict[int, list[str]] = {}
        self._begun: set[int] = set()
        for target in targets:
            for passage in target.passages if target.kind == "passage" else ():
                for words in _runs(normalise(passage)[0].split(), run):
                    if self._runs.setdefault(hash(words), target.id) != target.id:
                        self._others.setdefault(hash(words), []).append(target.id)
                    self._begun.add(hash(words[:-1]))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def find(self, words: deque[str], gone: Collection[str] = ()) -> str | None:
        """A target whose passage holds the last ``run`` of ``words``, of those that are not ``gone``."""
        key = hash(tuple(words)[-self.run :])
        target_id = self._runs.get(key) if len(words) >= self.run else None
        if target_id not in gone:
            return target_id
        return next((other for other in self._others.get(key, ()) if other not in gone), None)

    def nears(self, words: deque[str]) -> bool:
        """Whether one word more could complete a run."""
        last = tuple(words)[-(self.run - 1) :]
        return len(last) == self.run - 1 and hash(last) in self._begun


def _runs(words: Sequence[str], run: int) -> Iterator[tuple[str, ...]]:
    for start in range(len(words) - run + 1):
        yield tuple(words[start : start + run])
