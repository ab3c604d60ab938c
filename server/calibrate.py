"""Fit the threshold to the operator's own benign traffic: what ``vllm-unlearn calibrate`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..classifiers.calibration.calibration import (
    Calibration,
    CalibrationError,
    Recall,
    Scores,
    calibrate,
    upper_bound,
)
from ..classifiers.calibration.held_out import cross_validate
from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.calibration.prompt_file import Prompt
from ..classifiers.detector import NEAR, Detector
from ..classifiers.encoders.segment_cache import SegmentCache
from ..classifiers.evidence import THRESHOLD
from ..guard.configuration import Settings
from ..guard.encoders import Encoders
from ..guard.store.store import Store

# Scores under this are not measured, so a threshold under it would not be calibrated.
LEAST = THRESHOLD - NEAR
_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Fitted:
    """The threshold that was fitted, beside the one in use (``before``)."""

    calibration: Calibration
    before: float
    flagged_before: int
    names: dict[str, int]
    """How many benign prompts name each target, most first."""
    held_out: tuple[float, ...]
    """The scores of exemplars left out of the index."""
    forget: tuple[float, ...]
    """The scores of the operator's prompts about targets."""
    generation: int

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """What is measured at the threshold in use and at the new one: label, now, new."""
        new = self.calibration
        yield "threshold", f"{self.before:g}", f"{new.threshold:g}"
        yield "benign prompts flagged", self._share(self.flagged_before), self._share(new.flagged)
        before = upper_bound(self.flagged_before, new.n, new.confidence)
        yield f"of all such traffic, at most ({new.confidence:g})", f"{before:.3%}", f"{new.bound:.3%}"
        for label, measured in (("held-out exemplars found", self.held_out), ("forget file", self.forget)):
            if measured:
                yield label, str(Recall.of(measured, self.before)), str(Recall.of(measured, new.threshold))

    def _share(self, flagged: int) -> str:
        n = self.calibration.n
        return f"{flagged / n:.3%} ({flagged:,} of {n:,})"

    def lines(self) -> Iterator[str]:
        """The guarantee, and what it does not cover."""
        yield self.calibration.guarantee
        if self.calibration.threshold == LEAST:
            yield f"{LEAST:g} is the lowest threshold: scores below it are not measured"
        if self.calibration.threshold < self.before:
            yield (
                "this threshold is lower than the one in use: it finds more, and flags more of what is near "
                "a target (neighbours, others of its field), which ordinary traffic may not show"
            )
        if named := self.calibration.named:
            most = ", ".join(f"{i} ({n:,})" for i, n in list(self.names.items())[:_NAMES_SHOWN])
            yield (
                f"{named:,} more benign prompts name a target, and are flagged at every threshold: {most}. "
                "Where they are about a namesake, give the target counterexamples; where they are about "
                "the target, that is what it is listed for"
            )

    def as_json(self) -> dict[str, Any]:
        """All figures; recall at both thresholds."""
        new = self.calibration
        recalls = {}
        for what, scores in (("held_out", self.held_out), ("forget", self.forget)):
            if scores:
                recalls[f"{what}_before"] = asdict(Recall.of(scores, self.before))
                recalls[f"{what}_new"] = asdict(Recall.of(scores, new.threshold))
        figures = asdict(new) | {"bound": new.bound, "marginal": new.marginal, "guarantee": new.guarantee}
        rest = {"generation": self.generation, "threshold_before": self.before, "names": self.names}
        return figures | rest | {"flagged_before": self.flagged_before} | recalls


def fit(
    settings: Settings,
    benign: Sequence[Prompt],
    forget: Sequence[Prompt],
    max_fpr: float,
    confidence: float,
    track: Track = pass_on,
) -> Fitted:
    """Calibrate on ``benign`` for the newest generation of the store; nothing is written.

    ``track`` may show progress. Raises ``StoreError``, ``CalibrationError`` and ``EncoderError``.
    """
    store = Store(settings.store)
    if not store.targets():
        raise CalibrationError("no target is listed, so no prompt has a score; list targets first")
    encoders = Encoders.from_settings(settings, track)
    index, vectors = encoders.newest_index(store, settings)
    targets = tuple(index.targets.values())
    scorer = _Scorer(Detector(index, SegmentCache(encoders.full)))
    benign_scores, names = scorer.benign(track("benign prompts", benign))
    calibration = calibrate(benign_scores, max_fpr, confidence, LEAST)
    before = max(settings.detection.threshold, LEAST)
    unnamed = benign_scores[benign_scores < 1.0]
    return Fitted(
        calibration,
        before,
        int((unnamed >= before).sum()),
        dict(names.most_common()),
        tuple(cross_validate(targets, vectors, encoders.sieve, encoders.backgrounds, track=track)),
        tuple(scorer.about(prompt) for prompt in track("forget file", forget)),
        index.generation,
    )


class _Scorer:
    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._targets = detector.index.targets
        named = Counter(target.name for target in self._targets.values())
        self._ids = {t.name: t.id for t in self._targets.values() if named[t.name] == 1}

    def _scores(self, prompt: Prompt) -> dict[str, float]:
        return self._detector.scores(prompt.text, prompt.turns)

    def benign(self, prompts: Iterable[Prompt]) -> tuple[Scores, Counter[str]]:
        """Each prompt's best score of any target, and how many prompts name each target."""
        best: list[float] = []
        names: Counter[str] = Counter()
        for prompt in prompts:
            scores = self._scores(prompt)
            best.append(max(scores.values(), default=0.0))
            names.update(target_id for target_id, score in scores.items() if score == 1.0)
        return np.array(best), names

    def about(self, prompt: Prompt) -> float:
        """A prompt's score of the target that it is about; the best, where the file does not say."""
        if not prompt.target:
            return max(self._scores(prompt).values(), default=0.0)
        target_id = self._ids.get(prompt.target, prompt.target)
        if target_id not in self._targets:
            raise CalibrationError(
                f"line {prompt.line}: no one target has the id or name {prompt.target!r}; "
                "`vllm-unlearn targets` lists them"
            )
        return self._scores(prompt).get(target_id, 0.0)
