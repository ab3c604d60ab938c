from __future__ import annotations

from pathlib import Path

import pytest
from clocks import Clocks
from vllm_unlearn.guard.store.store import Store


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
