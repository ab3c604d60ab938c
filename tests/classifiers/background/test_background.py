"""Lines by geometry: points whose sides are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from vllm_unlearn.classifiers.background.background import Background, Sides
from vllm_unlearn.classifiers.calibration.calibration import prompts_needed
from vllm_unlearn.classifiers.encoders.encoder import Vectors

DIMENSION = 24


def unit(rows: npt.NDArray[np.floating]) -> Vectors:
    vectors: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def around(axis: int, count: int, seed: int, spread: float = 0.12) -> Vectors:
    """Texts about one thing: near one axis."""
    rows = np.random.default_rng(seed).normal(scale=spread, size=(count, DIMENSION))
    rows[:, axis] += 1.0
    return unit(rows)


def scattered(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, DIMENSION)))


NONE = np.empty((0, DIMENSION), dtype=np.float32)


@pytest.fixture(scope="module")
def background() -> Background:
    return Background(scattered(20_000))


def values(background: Background, sides: Sides, vectors: Vectors) -> Vectors:
    (line,) = background.fit([sides])
    found: Vectors = vectors @ line.normal + line.offset
    return found


@pytest.mark.parametrize("count", [5, 100, 400])
def test_what_is_about_the_target_lies_past_the_bound_and_little_else_does(
    background: Background, count: int
) -> None:
    (line,) = background.fit([(around(0, count, 1), NONE)])
    bound = line.bound(1e-3)
    assert (around(0, 500, 2) @ line.normal + line.offset > bound).mean() > 0.9
    assert (scattered(20_000, 7) @ line.normal + line.offset > bound).mean() < 1e-3


def test_near_texts_that_are_not_about_it_push_the_line_away(background: Background) -> None:
    inside = unit(around(0, 40, 1) + around(1, 40, 2))
    near = unit(around(0, 300, 3) + around(2, 300, 4))
    without, against = (values(background, (inside, outside), near).mean() for outside in (NONE, near[:40]))
    assert against < without / 2


def test_over_the_background_a_line_has_the_mean_0_and_the_deviation_1(background: Background) -> None:
    found = values(background, (around(0, 20, 1), NONE), scattered(20_000))
    assert abs(found.mean()) < 1e-3 and abs(found.std() - 1) < 1e-3


@pytest.mark.parametrize("count", [8, 400])
def test_a_line_is_the_same_whatever_is_fitted_beside_it(background: Background, count: int) -> None:
    one, other = (around(0, count, 1), NONE), (around(1, 9, 2), around(2, 9, 3))
    fresh = Background(scattered(20_000))
    (alone,), (_, beside) = fresh.fit([one]), background.fit([other, one])
    assert np.allclose(alone.normal, beside.normal) and np.allclose(alone.tail, beside.tail)
    assert background.fit([one])[0] is beside, "what was fitted is remembered"


@pytest.mark.parametrize("count", [20, 200])
def test_texts_of_the_background_that_are_about_the_target_draw_no_bound(count: int) -> None:
    ordinary = np.concatenate([scattered(20_000), around(0, 60, 5)])
    (line,) = Background(ordinary).fit([(around(0, count, 1), NONE)])
    # About half of the 60 lie farther in than half of the target's own.
    assert 10 <= len(ordinary) - line.size <= 50
    assert (around(0, 500, 2) @ line.normal + line.offset > line.bound(1e-3)).mean() > 0.4


def test_what_is_about_everything_clears_no_more_than_a_hundredth() -> None:
    (line,) = Background(scattered(5_000)).fit([(scattered(40, 3), NONE)])
    assert line.size >= 4_950


def test_the_bound_grows_as_the_share_falls(background: Background) -> None:
    (line,) = background.fit([(around(0, 20, 1), NONE)])
    bounds = [line.bound(10.0**-power) for power in range(2, 9)]
    assert bounds == sorted(bounds) and len(set(bounds)) == len(bounds)


def test_a_share_that_the_background_can_show_is_not_extrapolated(background: Background) -> None:
    (line,) = background.fit([(around(0, 20, 1), NONE)])
    least = next(share for share in (1e-4, 1.5e-4, 2e-4) if prompts_needed(share) <= line.size)
    assert line.bound(least) <= line.tail[0] < line.bound(1e-5)
