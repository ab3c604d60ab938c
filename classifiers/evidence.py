"""How strongly a segment speaks of a target: four kinds of evidence, added up."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from ..vocabulary import Neighbour

# What flags. Chosen on the tuning halves that evaluation/detection names; `vllm-unlearn calibrate` fits it
# to an operator's own traffic.
THRESHOLD = 0.5
# The first three add up to 1. Set by hand on the tuning halves that evaluation/detection/detection.py names,
# for all encoders, all sets and all ways to give a target alike.
SIMILARITY = 0.44
AGREEMENT = 0.30
NAME_PART = 0.26
# A segment at the bound of a target's line flags by that alone, as few ordinary texts lie there.
LINE = THRESHOLD
MOST_LINE = 2.0
# The score 1 is a name's, or a surname's that is as good.
DESCRIBED = 0.999
# The more exemplars there are, the nearer one comes to any text by chance, by about the logarithm of
# their number (the extremes of a sample grow so).
CROWD = 0.017
CROWDED = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a segment shares with one target.

    ``similarity`` is the nearest exemplar's cosine, on a scale where unrelated texts have 0;
    ``agreement`` the share of the segment's rare words that the target's texts hold; ``name_part`` how rare
    a part of the name it holds, more than 1 for one that says alone who is meant, negative for a stranger's;
    ``line`` how far on the target's side of its line it lies, 0 to ``MOST_LINE``
    (``classifiers.index.lines``). ``exemplars`` is their number.
    """

    target_id: str
    exemplar: Neighbour
    counterexample: Neighbour | None
    similarity: float
    agreement: float
    name_part: float
    exemplars: int
    line: float = 0.0

    @property
    def score(self) -> float:
        """0 to 1; 0 where a counterexample of the target's own is at least as near as every exemplar, unless
        the line, which knows of all of them, says otherwise."""
        return self._score(self.name_part)

    @property
    def score_without_name(self) -> float:
        """The score without the part of the name: what the rest says."""
        return self._score(0.0)

    def _score(self, name_part: float) -> float:
        near = self.counterexample and self.counterexample.similarity >= self.exemplar.similarity
        if near and self.line < 1.0:
            return 0.0
        total = highest_score(self.similarity, self.agreement, name_part, self.line)
        most = 1.0 if name_part > 1.0 else DESCRIBED
        return min(most, max(0.0, total - CROWD * log(max(self.exemplars, CROWDED) / CROWDED)))


def highest_score(similarity: float, agreement: float, name_part: float, line: float = 0.0) -> float:
    """The score that such evidence can reach; with a similarity of 1, before any is measured."""
    return SIMILARITY * similarity + AGREEMENT * agreement + NAME_PART * name_part + LINE * line
