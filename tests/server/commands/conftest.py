from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from vllm_unlearn.guard.store.store import Store


@pytest.fixture
def store(run: Run, tmp_path: Path, encoder_name: str) -> Store:
    run("init", "--encoder", encoder_name)
    return Store(f"sqlite:///{tmp_path / 'forget.db'}")
