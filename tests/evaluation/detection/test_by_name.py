from __future__ import annotations

from pathlib import Path

import typer
from benchmark_data import make
from typer.testing import CliRunner
from vllm_unlearn.evaluation.detection.by_name import main


def test_shares_are_printed_for_both_halves(tmp_path: Path, encoder_name: str) -> None:
    app = typer.Typer()
    app.command()(main)
    data, cache = make(tmp_path / "data"), tmp_path / "cache"
    arguments = ["--data-dir", str(data), "--encoder", encoder_name, "--cache", str(cache)]
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    for half in ("tuning", "report"):
        own = [line for line in lines if line.startswith(half)]
        assert len(own) == 8 and all(" % (" in line for line in own)
        assert f"{half}: namesakes by a part of the name flagged: 0.0 %" in "\n".join(own)
