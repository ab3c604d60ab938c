from __future__ import annotations

from typing import Any

import pytest
from vllm_unlearn.guard.engine.admission import LEAST_CHARS, max_chars, tokens


@pytest.mark.parametrize(
    "prompt, expected",
    [
        ("x" * 40, 10),
        ([1, 2, 3], 3),
        ({"type": "token", "prompt_token_ids": [1, 2], "prompt": "x" * 400}, 2),
        ({"prompt": "x" * 400}, 100),
        (
            {
                "type": "enc_dec",
                "encoder_prompt": {"prompt_token_ids": [1] * 5},
                "decoder_prompt": {"prompt_token_ids": [1]},
            },
            6,
        ),
        ({"type": "embeds", "prompt_embeds": object()}, 0),
        (object(), 0),
    ],
)
def test_the_length_of_any_prompt(prompt: Any, expected: int) -> None:
    assert tokens(prompt) == expected


@pytest.mark.parametrize(
    "setting, length, expected",
    [(None, 1024, LEAST_CHARS), (None, 1_000_000, 8_000_000), (500, 1_000_000, 500)],
)
def test_the_budget_grows_with_the_models_length(setting: int | None, length: int, expected: int) -> None:
    assert max_chars(setting, length) == expected
