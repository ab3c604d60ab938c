from __future__ import annotations

from pathlib import Path

import pytest
from clocks import Clocks
from vllm_unlearn.guard.store.store import Store


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty place for a store, by each dialect in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'forget.db'}"
    return str(request.getfixturevalue("postgres").make_place())


@pytest.fixture
def store(url: str) -> Store:
    return Store.create(url)
