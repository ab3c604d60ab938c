"""The strength of what was learned of given replies, on a tiny model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from by_heart import HIDDEN, KNOWN, PAIRS, STRANGERS, given, taught
from vllm_unlearn.corruption.calibration import Tried, read_as_given, search
from vllm_unlearn.corruption.examples import Examples, Pair
from vllm_unlearn.corruption.learned import Learned, scaled
from vllm_unlearn.corruption.objective import Goals
from vllm_unlearn.corruption.stage import OF_GIVEN, STAGES, Behaviour, Stage

STAGE = Stage(steps=1, batch=2)
GIVEN = Examples(
    [given(one) for one in KNOWN],
    [given(one) for one in STRANGERS],
    [Pair(given(pair.true), tuple(map(given, pair.wrong))) for pair in PAIRS],
)


@pytest.fixture(scope="module")
def model() -> Any:
    return taught()


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Change every role's rows, by chance."""
    generator = torch.Generator().manual_seed(1)
    first = Learned(rank=2, places=2).initial(HIDDEN, generator)
    return {name: t + 0.1 * torch.randn(t.shape, generator=generator) for name, t in first.items()}


@pytest.mark.parametrize("behaviour", ["never-knew", "decline"])
def test_what_counts_is_what_learning_ended_on_with_replies_as_a_client_gives_them(
    behaviour: Behaviour,
) -> None:
    stage = read_as_given(STAGES[behaviour])
    assert stage and stage.replies == "given"
    assert stage.goals == STAGES[behaviour][1].goals


def test_where_no_stage_moves_given_replies_there_is_nothing_to_search() -> None:
    written = Stage(replies="written")
    assert read_as_given([written]) is None
    assert read_as_given([Stage(roles=("name", "text"))]) is None
    assert read_as_given([STAGE, written]) == STAGE


def test_the_best_strength_has_the_least_of_what_counts(model: Any, weights: dict[str, torch.Tensor]) -> None:
    heard: list[Tried] = []
    found = search(model, GIVEN, STAGE, weights, (0.5, 1.0, 3.0), 0, heard.append)
    assert [tried.strength for tried in heard] == [0.5, 1.0, 3.0]
    assert found == sorted(heard, key=lambda tried: tried.weighed)
    for tried in found:
        assert tried.losses.keys() == {"language", "level", "wrong", "ratio"}
        assert tried.weighed == pytest.approx(sum(tried.losses.values()), rel=1e-5)
    # What changes nothing has no cost in language, and what changes more has more.
    language = [tried.losses["language"] for tried in search(model, GIVEN, STAGE, weights, (0.0,), 0)]
    assert language == pytest.approx([0.0], abs=1e-6)
    assert heard[0].losses["language"] < heard[2].losses["language"]


def test_what_is_too_strong_by_half_is_found_out(model: Any, weights: dict[str, torch.Tensor]) -> None:
    own = search(model, GIVEN, STAGE, weights, (1.0,), 0)
    doubled = search(model, GIVEN, STAGE, scaled(weights, 2.0, OF_GIVEN), (1.0, 0.5), 0)
    again = next(tried for tried in doubled if tried.strength == 0.5)
    assert again.losses == pytest.approx(own[0].losses, rel=1e-4)


def test_strengths_are_held_against_the_same_examples(model: Any, weights: dict[str, torch.Tensor]) -> None:
    one, other = (search(model, GIVEN, STAGE, weights, order, 0) for order in ((0.5, 1.0), (1.0, 0.5)))
    assert one == other


def test_goals_weigh_as_the_stage_has_them(model: Any, weights: dict[str, torch.Tensor]) -> None:
    stage = STAGE.model_copy(update={"goals": Goals(level=0.0, language=2.0, wrong=0.0, ratio=0.0)})
    [tried] = search(model, GIVEN, stage, weights, (1.0,), 0)
    assert tried.losses.keys() == {"language"}
    assert tried.weighed == pytest.approx(2 * tried.losses["language"], rel=1e-5)
