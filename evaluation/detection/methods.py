"""What is compared: a method gives every target that a text may be about a score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar, runtime_checkable

from ...classifiers.detector import Detector
from ...classifiers.encoders.encoder import Encoder
from ...classifiers.encoders.static_encoder import StaticEncoder
from ...classifiers.evidence import THRESHOLD
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.index.lines import Draw
from ...classifiers.names.names import NameMatcher
from ...vocabulary import ForgetTarget
from ..data.cases import Case

# As many prompts at once as fill the encoder's batches.
THREADS = 32
# In the place of a target's id, by a method that tells forget from retain and no more.
ANY_TARGET = "*"

Result = TypeVar("Result")


class Method(Protocol):
    """``scores`` returns, for each case, a score for each target that came near; a target is flagged
    at ``threshold`` or above."""

    name: str
    threshold: float

    def scores(self, cases: Sequence[Case]) -> list[dict[str, float]]: ...


@runtime_checkable
class Spans(Protocol):
    """A method that also says where."""

    def coverage(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """For each case its subject with 1 if every character of ``mention`` is in a match, else 0."""
        ...


class Ours:
    """The detector as it is served; without ``sieve`` every segment is encoded."""

    def __init__(
        self,
        targets: Sequence[ForgetTarget],
        vectors: Encoder,
        encoder: Encoder,
        sieve: StaticEncoder | None,
        threshold: float = THRESHOLD,
        backgrounds: Draw | None = None,
    ) -> None:
        """``vectors`` encodes the targets' texts, ``encoder`` the prompts (from many threads)."""
        self.name = "ours" if sieve else "without first pass"
        self.threshold = threshold
        index = ForgetIndex(1, targets, vectors, sieve=sieve, backgrounds=backgrounds)
        self.detector = Detector(index, encoder, threshold)

    def scores(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Method.scores``."""
        return _in_threads(lambda case: self.detector.scores(case.text, _turns(case)), cases)

    def coverage(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Spans.coverage``."""
        return _in_threads(lambda c: _coverage(c, self._ranges(c)), cases)

    def _ranges(self, case: Case) -> Iterator[tuple[int, int]]:
        for match in self.detector.detect(case.text, _turns(case)):
            if match.target_id == case.subject:
                yield match.start, match.end


class Names:
    """Name matching alone."""

    name = "names"
    threshold = 0.5

    def __init__(self, targets: Sequence[ForgetTarget]) -> None:
        self._names = NameMatcher(_names(targets))

    def scores(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Method.scores``: 1 for every target that is named."""
        return [dict.fromkeys((hit.target_id for hit in self._names.find(c.text)), 1.0) for c in cases]

    def coverage(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Spans.coverage``."""
        return [_coverage(case, self._ranges(case)) for case in cases]

    def _ranges(self, case: Case) -> Iterator[tuple[int, int]]:
        return ((hit.start, hit.end) for hit in self._names.find(case.text) if hit.target_id == case.subject)


def _names(targets: Sequence[ForgetTarget]) -> Iterator[tuple[str, str]]:
    for target in targets:
        for name in target.names:
            yield target.id, name


def _turns(case: Case) -> list[tuple[int, int]] | None:
    return list(case.turns) if case.turns is not None else None


def _coverage(case: Case, ranges: Iterator[tuple[int, int]]) -> dict[str, float]:
    begin, end = case.mention or (0, 0)
    left = set(range(begin, end)).difference(*(range(*span) for span in ranges))
    return {case.subject or "": float(not left)}


def _in_threads(judge: Callable[[Case], Result], cases: Sequence[Case]) -> list[Result]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(judge, cases))
