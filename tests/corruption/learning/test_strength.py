from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from vllm_unlearn.corruption.learning.strength import STEPS, Tried, scale, search, strength
from vllm_unlearn.corruption.operators.operators import AnyOperator, Noise, SignFlip, ZeroOut


def bowl(best: float) -> Callable[[AnyOperator], float]:
    return lambda operator: (math.log(strength(operator)) - math.log(best)) ** 2


@pytest.mark.parametrize("best", [0.05, 0.4, 30.0])
def test_the_search_ends_near_the_best_strength(best: float) -> None:
    tried: list[Tried] = []
    found = search(Noise(dimensions=576, sigma=1.0), bowl(best), rate=0.4, track=tried.append)
    assert strength(found.operator) == pytest.approx(best, rel=0.25)
    assert isinstance(found.operator, Noise) and found.operator.dimensions == 576
    assert found.loss == min(t.loss for t in tried)
    assert len(tried) == 2 * STEPS


def test_what_is_counted_is_searched_as_well() -> None:
    found = search(ZeroOut(top=10), bowl(200.0), rate=0.4)
    assert strength(found.operator) == pytest.approx(200, rel=0.25)


def test_the_best_is_kept_where_the_search_goes_astray() -> None:
    losses = iter([1.0, 0.5, *(9.0 + i for i in range(18))])
    assert search(Noise(sigma=1.0), lambda operator: next(losses)).loss == 0.5


def test_a_loss_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noise at the strength 0.86.* is nan"):
        search(Noise(sigma=1.0), lambda operator: math.nan)


@pytest.mark.parametrize(
    ("operator", "expected"), [(Noise(sigma=1.0), 2.5), (ZeroOut(top=5), 2.0), (SignFlip(top=5), 2.0)]
)
def test_scaling_changes_the_strength_alone(operator: AnyOperator, expected: float) -> None:
    other = scale(operator, 2.5 if isinstance(operator, Noise) else 2.4)
    assert strength(other) == expected
    assert type(other) is type(operator)
    assert strength(scale(ZeroOut(top=5), 0.2)) == 1
