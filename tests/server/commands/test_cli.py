from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import vllm_unlearn
from commands import Run
from typer.testing import CliRunner
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.cli import app


@pytest.mark.parametrize(
    "command",
    ["forget X", "remember x", "targets", "log", "status", "check x", "serve m", "wait --generation 1"],
)
def test_without_a_configuration_every_command_says_so(run: Run, command: str) -> None:
    output = run(*command.split(), exit_code=1).output
    assert output.startswith("vllm-unlearn: nothing is configured here; run `vllm-unlearn init`")


def test_a_missing_store_and_a_wrong_setting_are_sentences(run: Run, tmp_path: Path) -> None:
    (tmp_path / "unlearn.yaml").write_text("store: gone.db")
    assert "gone.db does not exist; make one with" in run("targets", exit_code=1).output
    (tmp_path / "unlearn.yaml").write_text("stroe: x")
    assert "stroe: is not known; did you mean 'store'?" in run("targets", exit_code=1).output
    assert "cannot be read: No such file" in run("targets", "-c", "typo.yaml", exit_code=1).output


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").output == f"vllm-unlearn {vllm_unlearn.__version__}\n"


def test_a_closed_standard_input_is_a_sentence(run: Run, store: Store) -> None:
    command = [sys.executable, "-m", "vllm_unlearn.server.cli", "forget", "--file", "-"]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "standard input" in done.stderr and "Traceback" not in done.stderr


ODD = os.fsdecode(b"\xff Stephen King")
USES = [
    ["check", ODD],
    ["forget", ODD],
    ["forget", "Ann", "--alias", ODD],
    ["forget", "Ann", "--exemplar", ODD],
    ["forget", "Ann", "--note", ODD],
    ["remember", ODD],
    ["recipe", ODD, "r.safetensors"],
]


@pytest.mark.parametrize("arguments", USES, ids=[" ".join(use[:-1]) for use in USES])
def test_an_argument_that_is_not_utf8_is_a_sentence(run: Run, store: Store, arguments: list[str]) -> None:
    output = run(*arguments, exit_code=1).output
    assert "the text holds bytes that are not UTF-8" in output
    assert store.head().generation == 0


@pytest.mark.parametrize(
    "command",
    [
        "init -c {}/unlearn.yaml",
        "init -c new.yaml --store {}/forget.db",
        "targets -c {}",
        "forget --file {}",
        "forget Ann --passages {}",
        "calibrate --benign {}",
        "recipe {model} {}",
        "recipe {model} {}/r.safetensors",
        "learn {model} --known {}",
        "eval detection --data-dir {} --out {}",
        "eval latency --out {}/out --targets 1 --tokens 20 --repeats 2",
    ],
)
@pytest.mark.parametrize("place", ["a folder", "a file", "a place for nobody", "odd"])
def test_a_path_that_cannot_be_used_is_a_sentence(
    run: Run, store: Store, tmp_path: Path, model_folder: Path, command: str, place: str
) -> None:
    """The fixture fails for a traceback. Some of these can be used, and do what they are for."""
    places = {
        "a folder": tmp_path / "folder",
        "a file": tmp_path / "file",
        "a place for nobody": Path("/proc/nobody"),
        "odd": tmp_path / os.fsdecode(b"odd\xff"),
    }
    places["a folder"].mkdir()
    places["a file"].touch()
    words = [
        word.replace("{}", str(places[place])).replace("{model}", str(model_folder))
        for word in command.split()
    ]
    result = CliRunner().invoke(app, words)
    unexpected = result.exception and not isinstance(result.exception, SystemExit)
    assert not unexpected, repr(result.exception)
    assert result.exit_code == 0 or "vllm-unlearn: " in result.output
