from __future__ import annotations

from pathlib import Path

from vllm_unlearn.evaluation.forgetting.tofu_report import RETAIN_MODEL, TofuReport


def table(tmp_path: Path, **figures: list[dict[str, float]]) -> list[str]:
    everything = {RETAIN_MODEL: [{"fact present": 0.1, "forget quality (KS p)": 1.0}], **figures}
    TofuReport({}, everything, {}, []).write(tmp_path, plots=False)
    return (tmp_path / "results.md").read_text().splitlines()


def test_of_several_p_values_the_least_counts(tmp_path: Path) -> None:
    seeds = [{"forget quality (KS p)": p} for p in (0.9, 0.7, 0.01)]
    assert "| forget quality (KS p) | ≥ 0.05 | 1 | **0.7, least 0.01** |" in table(tmp_path, ours=seeds)
    assert "| forget quality (KS p) | ≥ 0.05 | 1 | 0.8, least 0.7 |" in table(tmp_path, ours=seeds[:2])


def test_of_other_figures_the_mean_counts(tmp_path: Path) -> None:
    seeds = [{"fact present": share} for share in (0.1, 0.12)]
    assert "| fact present | ≤ retain + 0.02 | 0.1 | 0.11 ± 0.014 |" in table(tmp_path, ours=seeds)
    seeds[0]["fact present"] = 0.14
    assert "| fact present | ≤ retain + 0.02 | 0.1 | **0.13 ± 0.014** |" in table(tmp_path, ours=seeds)
