from __future__ import annotations

import pytest
import torch
from vllm_unlearn.corruption.learning.objective import Goals
from vllm_unlearn.corruption.learning.stage import Stage


@pytest.mark.parametrize(("spoken", "cost", "slope"), [(0.5, 0.0, 0.0), (1.5, 2.0, 4.0)])
def test_only_what_is_past_the_allowed_language_costs(spoken: float, cost: float, slope: float) -> None:
    stage = Stage(goals=Goals(language=4.0, level=2.0), allowed=1.0)
    language, level = torch.tensor(spoken, requires_grad=True), torch.tensor(0.25, requires_grad=True)
    weighed = stage.weigh({"language": language, "level": level})
    assert weighed.item() == cost + 0.5
    assert [t.item() for t in torch.autograd.grad(weighed, (language, level))] == [slope, 2.0]
