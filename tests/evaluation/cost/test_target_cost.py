from __future__ import annotations

from pathlib import Path

from vllm_unlearn.evaluation.cost.target_cost import measure
from vllm_unlearn.guard.configuration import EncoderSettings


def test_segments_and_changes_have_times(encoder_name: str, encoder_folder: Path, tmp_path: Path) -> None:
    settings = EncoderSettings(model=encoder_name, cache_dir=encoder_folder.parent)
    title, _, _, _, *lines = measure(tmp_path, settings, targets=4, rounds=2).splitlines()
    assert title.startswith("2 targets, 18 texts, 2 lines")  # each with five exemplars and four templates
    cells = {
        what: [cell.strip() for cell in rest]
        for what, *rest in (line.strip("|").split("|") for line in lines)
    }
    counts = {what.strip(): int(rest[-1]) for what, rest in cells.items()}
    assert counts["a segment"] == counts["… that is not encoded"] + counts["… that is"] > 100
    assert counts["one more target"] == 2
    assert float(cells[" one more target "][1]) > 0
