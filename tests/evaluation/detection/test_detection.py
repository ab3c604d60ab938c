"""The benchmark end to end, on a few rows and the packaged encoder."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from benchmark_data import make
from typer.testing import CliRunner
from vllm_unlearn.evaluation.cost.latency import measure
from vllm_unlearn.evaluation.data.cases import SPLITS, Listing, Way
from vllm_unlearn.evaluation.detection import plots
from vllm_unlearn.evaluation.detection.detection import Options, evaluate
from vllm_unlearn.evaluation.detection.detection import _Run as Run
from vllm_unlearn.guard.configuration import EncoderSettings
from vllm_unlearn.server.cli.eval import app

drawn = find_spec("matplotlib") is not None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def settings(encoder_name: str, encoder_folder: Path) -> EncoderSettings:
    return EncoderSettings(model=encoder_name, cache_dir=encoder_folder.parent)


@pytest.fixture(scope="module")
def out(data: Path, settings: EncoderSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    families = ("rwku", "neighbours", "benign", "obfuscations", "spans")
    evaluate(Options(data_dir=data, out=out, encoder=settings, sample=4, only=families, plots=drawn))
    return out


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    return found


def test_every_row_has_figures_of_every_method(out: Path) -> None:
    found = results(out)
    by_method: dict[str, set[str]] = {}
    for figure in found["figures"]:
        by_method.setdefault(figure["method"], set()).add(figure["row"])
    assert set(by_method) == {"ours", "without first pass", "names", "nearest", "classifier"}
    assert "RWKU level 3" in by_method["ours"]
    assert by_method["ours"] == by_method["names"] == by_method["without first pass"]
    assert by_method["nearest"] == by_method["classifier"] == by_method["ours"] - {"spans of named mentions"}
    assert {f["way"] for f in found["figures"] if f["method"] == "ours"} == {"name", "exemplars", "passages"}
    assert found["left_out"] == []
    assert "odd ones report" in found["run"]["split"]


def test_a_named_person_is_found_and_a_benign_prompt_is_not(out: Path) -> None:
    ours = {(f["row"], f["figure"], f["way"]): f for f in results(out)["figures"] if f["method"] == "ours"}
    for way in ("name", "exemplars", "passages"):
        assert ours["RWKU level 2", "recall", way]["value"] == 1.0
        assert ours["spans of named mentions", "covered", way]["value"] == 1.0
        assert ours["benign", "flagged", way]["value"] == 0.0


def test_the_table_and_the_errors_are_written(out: Path) -> None:
    table = (out / "results.md").read_text()
    methods = "without first pass | names | nearest | classifier"
    assert f"| row | figure | goal | way | n | ours | met | {methods} |" in table
    assert f"| listing | way | prompts | ours | {methods} |" in table
    assert "| RWKU level 2 | recall | ≥ 99 % | name |" in table
    for line in (out / "errors.jsonl").read_text().splitlines():
        assert json.loads(line)["kind"] in ("missed", "flagged")
    assert (out / "errors.md").read_text().startswith("# Errors by cause")


def test_a_run_that_is_stopped_leaves_what_it_had(
    data: Path, settings: EncoderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Run._judge

    def stopped(run: Run, listing: Listing, way: Way) -> None:
        if way == "exemplars":
            raise KeyboardInterrupt
        judge(run, listing, way)

    monkeypatch.setattr(Run, "_judge", stopped)
    options = Options(
        data_dir=data, out=tmp_path, encoder=settings, sample=2, only=("rwku",), baselines=False, plots=False
    )
    with pytest.raises(KeyboardInterrupt):
        evaluate(options)
    assert {f["way"] for f in results(tmp_path)["figures"]} == {"name"}


@pytest.mark.skipif(not drawn, reason="matplotlib is not installed")
def test_curves_and_scores_are_drawn(out: Path) -> None:
    names = {file.name for file in out.glob("*.png")}
    assert names == {
        f"{kind}-{family}.png" for kind in ("curve", "scores") for family in ("rwku", "obfuscations")
    }


def test_halves_share_no_case(data: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    found = {}
    for split in SPLITS.values():
        folder = tmp_path / split
        evaluate(
            Options(
                data_dir=data,
                out=folder,
                encoder=settings,
                only=("rwku",),
                split=split,
                baselines=False,
                plots=False,
            )
        )
        figures = results(folder)["figures"]
        found[split] = next(f["n"] for f in figures if f["row"] == "RWKU level 2")
    assert found["tuning"] + found["report"] == found["all"] == 16


def test_without_matplotlib_the_remedy_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise plots.PlotError("plots need matplotlib: install `vllm-unlearn[eval]`")

    monkeypatch.setattr(plots, "require", missing)
    run = CliRunner().invoke(app, ["detection", "--data-dir", str(data), "--out", str(tmp_path)])
    assert run.exit_code == 1
    assert "vllm-unlearn[eval]" in run.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "rwku,nothing"], "no family nothing; there are"),
        (["--split", "half"], "--split is one of tuning, report, all"),
        (["--only", "scope"], "knowundo_privacy"),
    ],
)
def test_what_is_wrong_is_named(data: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    given = ["detection", "--data-dir", str(data), "--out", str(tmp_path), "--no-plots", *arguments]
    run = CliRunner().invoke(app, given)
    assert run.exit_code == 1
    assert said in " ".join(run.output.split())


def test_the_command_prints_the_table(data: Path, encoder_name: str, tmp_path: Path) -> None:
    given = [
        "--data-dir",
        str(data),
        "--out",
        str(tmp_path),
        "--only",
        "spans",
        "--no-baselines",
        "--no-plots",
    ]
    run = CliRunner().invoke(app, ["detection", *given, "--encoder", encoder_name])
    assert run.exit_code == 0, run.output
    assert "spans of named mentions" in run.output


def test_latency_is_measured_by_length_and_size(settings: EncoderSettings, tmp_path: Path) -> None:
    found = measure(tmp_path, settings, (2, 20), (20, 100), repeats=2)
    assert {(one.targets, one.tokens) for one in found if one.what == "prompt"} == {
        (2, 20), (2, 100), (20, 20), (20, 100),
    }  # fmt: skip
    assert all(0 < one.p50 <= one.p99 for one in found)
    assert "| conversation, its next turn | 20 | 2,000 |" in (tmp_path / "latency.md").read_text()
