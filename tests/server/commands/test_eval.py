"""The benchmarks' tools as commands; what each measures stands in its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner
from vllm_unlearn.server.cli import app


@pytest.mark.parametrize(
    "arguments",
    [
        ["snapshot", "nowhere", "out.jsonl"],
        ["by-name", "--data-dir", "nowhere"],
        ["tofu-lessons", "nowhere", "out"],
        ["detection", "--data-dir", "nowhere"],
    ],
)
def test_a_data_folder_that_is_not_there_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["eval", *arguments])
    assert result.exit_code == 1
    assert "no data folder nowhere: `vllm-unlearn eval --help` says" in result.output


@pytest.mark.parametrize("tool", ["packaged_gemma", "packaged_e5"])
def test_a_package_that_is_not_there_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setattr(f"vllm_unlearn.evaluation.models.{tool}.PACKAGE", "no_such_package")
    result = CliRunner().invoke(app, ["eval", tool.replace("_", "-"), str(tmp_path / "model")])
    assert result.exit_code == 1
    assert "no package no_such_package here; `pip install --no-deps " in result.output


def test_the_help_says_what_the_data_is() -> None:
    assert "evaluation/data/" in CliRunner().invoke(app, ["eval", "--help"]).output
