from __future__ import annotations

from collections.abc import Sequence

import flagging
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from vllm_unlearn.corruption.operators.operators import (
    AnyOperator,
    Noise,
    Operator,
    SignFlip,
    ZeroOut,
)

ROWS = torch.tensor([[3.0, -1.0, 0.5, -4.0], [0.1, 0.2, -0.3, 0.0]])
OPERATORS: list[Operator] = [Noise(dimensions=2, sigma=1.0), ZeroOut(top=2), SignFlip(top=2)]


def corrupt(operator: Operator, rows: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    return operator.corrupt(flagging.flagged(rows, seeds), {}, flagging.lookup)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_shape_and_dtype_stay_and_the_input_is_untouched(operator: Operator, dtype: torch.dtype) -> None:
    rows = ROWS.to(dtype)
    before = rows.clone()
    corrupted = corrupt(operator, rows, [1, 2])
    assert (corrupted.shape, corrupted.dtype) == (rows.shape, dtype)
    assert torch.equal(rows, before)
    assert not torch.equal(corrupted, rows)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_seed_decides_its_row_whatever_its_company(operator: Operator) -> None:
    together = corrupt(operator, ROWS, [1, 2])
    assert torch.equal(together, corrupt(operator, ROWS, [1, 2]))
    assert torch.equal(together[1:], corrupt(operator, ROWS[1:], [2]))
    assert torch.equal(together.flip(0), corrupt(operator, ROWS.flip(0), [2, 1]))


@pytest.mark.parametrize("operator", OPERATORS)
def test_one_seed_a_row_is_needed(operator: Operator) -> None:
    with pytest.raises(ValueError, match=r"as many as each other, got \(2, 2, 1, 2\)"):
        corrupt(operator, ROWS, [1])
    assert corrupt(operator, ROWS[:0], []).shape == (0, 4)


def test_noise_is_on_the_first_dimensions_and_as_strong_as_said() -> None:
    rows = torch.zeros((2000, 8))
    noise = corrupt(Noise(dimensions=3, sigma=5.0), rows, range(2000))
    assert torch.equal(noise[:, 3:], rows[:, 3:])
    assert noise[:, :3].std().item() == pytest.approx(5.0, rel=0.05)
    assert noise[:, :3].mean().item() == pytest.approx(0.0, abs=0.3)


def test_noise_is_the_same_on_every_machine() -> None:
    noise = corrupt(Noise(dimensions=2, sigma=1.0), torch.zeros((1, 3)), [42])
    torch.testing.assert_close(noise, torch.tensor([[0.33669036626815796, 0.12880940735340118, 0.0]]))


def test_no_sigma_changes_nothing_and_more_dimensions_than_there_are_mean_all() -> None:
    assert torch.equal(corrupt(Noise(dimensions=4, sigma=0.0), ROWS, [1, 2]), ROWS)
    assert (corrupt(Noise(dimensions=99, sigma=1.0), ROWS, [1, 2]) != ROWS).all()


def test_zero_out_takes_the_largest_magnitudes() -> None:
    assert corrupt(ZeroOut(top=2), ROWS, [1, 2]).tolist() == [
        [0.0, -1.0, 0.5, 0.0],
        [pytest.approx(0.1), 0.0, 0.0, 0.0],
    ]
    assert not corrupt(ZeroOut(top=288), ROWS, [1, 2]).any()


def test_sign_flip_turns_the_largest_magnitudes() -> None:
    assert corrupt(SignFlip(top=2), ROWS[:1], [1]).tolist() == [[-3.0, -1.0, 0.5, 4.0]]
    assert torch.equal(corrupt(SignFlip(top=288), ROWS, [1, 2]), -ROWS)


@pytest.mark.parametrize(
    "document",
    [
        {"operator": "noise", "dimensions": 0},
        {"operator": "noise", "sigma": -1.0},
        {"operator": "noise", "sigma": float("nan")},
        {"operator": "noise", "sigma": float("inf")},
        {"operator": "zero_out", "top": 0},
        {"operator": "sign_flip", "top": 1, "sigma": 2.0},
        {"operator": "shuffle"},
        {},
    ],
)
def test_parameters_out_of_range_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[AnyOperator](AnyOperator).validate_python(document)
