"""What waits in a text that is read token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmark_data import write
from vllm_unlearn.evaluation.answers.holding import FILES, LEAST_CHARACTERS, measure
from vllm_unlearn.evaluation.data.data_folder import DataFolder

PLAIN = "one boat sails " * (LEAST_CHARACTERS // 10)


@pytest.mark.parametrize(
    ("text", "mentions", "waits"), [(PLAIN, 0, 0), (PLAIN + "to Dagny Hollingbery, ", 1, 3)]
)
def test_only_what_may_become_a_name_waits(
    text: str, mentions: int, waits: int, tmp_path: Path, tokenizer: Any
) -> None:
    write(tmp_path, "rwku/targets.jsonl", [{"id": 1, "target": "Dagny Hollingbery"}])
    for file in FILES:
        write(tmp_path, f"{file}.jsonl", [{"text": text}])
    steps: list[None] = []
    held = measure(DataFolder(tmp_path), tokenizer, 2, lambda: steps.append(None), count=32)
    assert held.mentions == 2 * mentions
    assert held.held.max() >= waits
    assert (held.more_than_one > 0) == bool(mentions)
    assert held.listed == 32
    assert held.microseconds > 0
    assert len(steps) == 3
