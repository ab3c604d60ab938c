from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt

TOKENS = 12
ROWS = torch.arange(1.0, 1.0 + TOKENS * 4).view(TOKENS, 4)


def prompt(*positions: int, rows: torch.Tensor = ROWS) -> CorruptedPrompt:
    return CorruptedPrompt.of({p: rows[p] for p in positions}, TOKENS)


@given(st.sets(st.integers(0, TOKENS - 1), min_size=1), st.integers(0, TOKENS), st.integers(0, 2 * TOKENS))
def test_a_slice_is_that_of_the_dense_tensor(positions: set[int], start: int, stop: int) -> None:
    dense = torch.zeros((TOKENS, 4))
    dense[sorted(positions)] = ROWS[sorted(positions)]
    one = prompt(*positions)
    assert torch.equal(one[start:stop], dense[start:stop])
    assert (len(one), one.shape, one.is_token.tolist()) == (
        TOKENS,
        tuple(dense.shape),
        [p not in positions for p in range(TOKENS)],
    )
    assert torch.equal(one.embeddings, dense)


@pytest.mark.parametrize(
    "other, same",
    [
        (prompt(1, 5), True),
        (prompt(1, 5, 9), True),  # 9 is not read from 0 to 8
        (prompt(1), False),
        (prompt(1, 6, rows=ROWS[[0, 1, 0, 0, 0, 0, 5]]), False),  # the same rows elsewhere
        (prompt(1, 5, rows=ROWS + 1), False),
        (prompt(1, 5, rows=ROWS.double()), False),
    ],
)
def test_digests_differ_wherever_what_is_read_does(other: CorruptedPrompt, same: bool) -> None:
    assert (prompt(1, 5).digest(0, 8) == other.digest(0, 8)) is same


def test_a_part_without_embeddings_has_no_digest() -> None:
    assert prompt(5).digest(0, 5) is prompt(5).digest(6, TOKENS) is None


def test_only_what_is_flagged_takes_memory() -> None:
    rows = torch.zeros((4, 4096), dtype=torch.bfloat16)
    assert CorruptedPrompt(rows, np.arange(4), 20_000).size == 4 * 4096 * 2
