"""How strong one of ECO's operators should be, found by queries alone (arXiv 2406.07933, section 3.3).

No gradient of the model is needed: two losses a step estimate the slope. It goes over the logarithm of
the strength, since operators' scales differ by orders of magnitude (the paper goes over the strength).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..operators.operators import AnyOperator, Noise

STEPS = 10
# Between the two losses of a step, and of a step at most, in the logarithm of the strength.
PROBE = 0.15
LONGEST = 1.0


@dataclass(frozen=True, slots=True)
class Tried:
    """An operator, and the loss that it had."""

    operator: AnyOperator
    loss: float


def search(
    start: AnyOperator,
    loss: Callable[[AnyOperator], float],
    steps: int = STEPS,
    rate: float = 1.0,
    track: Callable[[Tried], None] = lambda tried: None,
) -> Tried:
    """The best operator found on the way down from ``start``; ``track`` hears of each that was tried.

    Raises ``ValueError`` where a loss is not a number.
    """
    best: Tried | None = None
    place = math.log(strength(start))
    for _ in range(steps):
        low = _try(start, math.exp(place - PROBE), loss)
        high = _try(start, math.exp(place + PROBE), loss)
        for tried in (low, high):
            track(tried)
            best = tried if best is None or tried.loss < best.loss else best
        slope = (high.loss - low.loss) / (2 * PROBE)
        place -= max(-LONGEST, min(LONGEST, rate * slope))
    assert best
    return best


def strength(operator: AnyOperator) -> float:
    """What is searched: the deviation of noise, else how many entries."""
    return operator.sigma if isinstance(operator, Noise) else float(operator.top)


def scale(operator: AnyOperator, value: float) -> AnyOperator:
    """The operator at another strength."""
    if isinstance(operator, Noise):
        return operator.model_copy(update={"sigma": value})
    return operator.model_copy(update={"top": max(1, round(value))})


def _try(operator: AnyOperator, value: float, loss: Callable[[AnyOperator], float]) -> Tried:
    candidate = scale(operator, value)
    cost = loss(candidate)
    if not math.isfinite(cost):
        raise ValueError(f"the loss of {candidate.operator} at the strength {value:g} is {cost}")
    return Tried(candidate, cost)
