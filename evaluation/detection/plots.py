"""Plots of a run: recall against false positives, and how the scores are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...vocabulary import UserError
from ..data.cases import WAYS
from .outcomes import Key, Outcome, curve
from .report import METHODS

LOWEST = 1e-5
BINS = np.linspace(0, 1, 41)


class PlotError(UserError, RuntimeError):
    """Nothing to plot with; the message says what to install."""


def _pyplot() -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise PlotError(
            "plots need matplotlib: install `vllm-unlearn[eval]`, or leave them out with --no-plots"
        ) from error
    return pyplot


def require() -> None:
    """Raise ``PlotError`` now, and not after a run of an hour."""
    _pyplot()


def plot(outcomes: Mapping[Key, Outcome], folder: Path) -> list[Path]:
    """Write ``curve-FAMILY.png`` and ``scores-FAMILY.png`` for each family with a row of recall."""
    families: dict[str, list[Outcome]] = {}
    for outcome in outcomes.values():
        if outcome.row.negatives:
            families.setdefault(outcome.row.family, []).append(outcome)
    files = []
    for family, of_family in families.items():
        files += [_curves(family, of_family, outcomes, folder), _spread(family, of_family, outcomes, folder)]
    return files


def _curves(family: str, outcomes: Sequence[Outcome], every: Mapping[Key, Outcome], folder: Path) -> Path:
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, len(WAYS), figsize=(15, 5), sharey=True, layout="constrained")
    for axis, way in zip(axes, WAYS, strict=True):
        axis.set(xscale="log", xlim=(LOWEST, 1), ylim=(0, 1.01), title=f"given by {way}",
                 xlabel="false positives")  # fmt: skip
        # Ours last, and thin: on top of what it hides otherwise, and hides nothing.
        for method in reversed(dict.fromkeys(outcome.method for outcome in outcomes)):
            on_curve = [o for o in outcomes if o.way == way and o.method == method]
            if points := _pool(on_curve, every):
                colour = f"C{METHODS.index(method)}"
                x, width = np.maximum(points[1], LOWEST), 1 if method == "ours" else 2.5
                axis.step(x, points[0], color=colour, label=method, where="post", linewidth=width)
        axis.grid(alpha=0.3)
        if axis.has_data():
            axis.legend(loc="lower right", reverse=True)
    axes[0].set_ylabel("recall")
    return _save(pyplot, figure, family, folder / f"curve-{family}.png")


def _pool(outcomes: Sequence[Outcome], every: Mapping[Key, Outcome]) -> tuple[Any, Any] | None:
    """Recall and false positives of a family's rows together."""
    pairs = [(o, n) for o in outcomes if (n := negatives_of(o, every)) is not None]
    if not pairs:
        return None
    unlike = {n.key: n for _, n in pairs}
    points = curve(
        np.concatenate([o.own for o, _ in pairs]), np.concatenate([n.best for n in unlike.values()])
    )
    return np.array([p.recall for p in points]), np.array([p.false_positives for p in points])


def negatives_of(outcome: Outcome, every: Mapping[Key, Outcome]) -> Outcome | None:
    """What the row's false positives are measured on, where that was run."""
    return every.get(Key(outcome.row.negatives or "", outcome.way, outcome.method))


def _spread(family: str, outcomes: Sequence[Outcome], every: Mapping[Key, Outcome], folder: Path) -> Path:
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, len(WAYS), figsize=(15, 4), layout="constrained")
    for axis, way in zip(axes, WAYS, strict=True):
        ours = [o for o in outcomes if o.way == way and o.method == "ours"]
        axis.set(yscale="log", title=f"given by {way}", xlabel="score (0 to 1)")
        if ours:
            axis.hist(np.concatenate([o.own for o in ours]), BINS, alpha=0.6, label="about a target")
            axis.axvline(ours[0].threshold, color="black", linewidth=1, label="threshold")
        other = {n.key: n.best for o in ours if (n := negatives_of(o, every))}
        if other:
            axis.hist(np.concatenate(list(other.values())), BINS, alpha=0.6, label="not about one")
            axis.legend(loc="upper center")
    axes[0].set_ylabel("prompts")
    return _save(pyplot, figure, family, folder / f"scores-{family}.png")


def _save(pyplot: Any, figure: Any, family: str, file: Path) -> Path:
    figure.suptitle(family)
    figure.savefig(file, dpi=100)
    pyplot.close(figure)
    return file
