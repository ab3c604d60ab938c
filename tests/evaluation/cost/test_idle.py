from __future__ import annotations

from pathlib import Path

from vllm_unlearn.evaluation.cost.idle import TARGETS, measure
from vllm_unlearn.guard.store.store import Store


def test_an_idle_guard_is_measured_and_signs_off(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'forget.db'}"
    assert 0 < measure(url, seconds=0.5) < 1
    assert len(Store(url).targets()) == TARGETS
    assert Store(url).fleet.replicas() == ()
