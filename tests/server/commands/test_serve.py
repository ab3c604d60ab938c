from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from commands import Run
from vllm_unlearn.guard.store.store import Store


def test_init_writes_a_configuration_and_a_store_once(run: Run, tmp_path: Path) -> None:
    output = run("init", "--encoder", "package:a/b").output
    assert "unlearn.yaml: written; store at generation 0" in output
    assert "no package 'a' is installed" in output
    written = (tmp_path / "unlearn.yaml").read_text()
    assert written == 'store: "forget.db"\nmode: enforce\nencoder:\n  model: "package:a/b"\n'
    run("forget", "Ann Lee")
    output = run("init", "--store", "other.db").output
    assert "unlearn.yaml: exists, and was kept; store at generation 1" in output
    assert "--store and --encoder change no file that exists" in output
    assert (tmp_path / "unlearn.yaml").read_text() == written
    assert not (tmp_path / "other.db").exists()


def test_init_writes_where_it_is_told(run: Run, tmp_path: Path) -> None:
    run("init", "--config", "new/folder/guard.yaml", "--store", "data.db")
    run("forget", "Ann Lee", "-c", "new/folder/guard.yaml")
    assert [t.name for t in Store(f"sqlite:///{tmp_path}/new/folder/data.db").targets()] == ["Ann Lee"]


def test_init_leaves_no_configuration_of_a_store_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made" in run("init", "--store", "file/forget.db", exit_code=1).output
    run("init", "--store", "forget.db")
    assert Store(f"sqlite:///{tmp_path / 'forget.db'}").head().generation == 0


def test_files_that_are_not_there_are_told_of_early(run: Run, store: Store, tmp_path: Path) -> None:
    assert "does not exist" not in run("status").output
    with (tmp_path / "unlearn.yaml").open("a") as file:
        file.write("corruption: {recipe: gone.safetensors}\ndetection: {benign: gone.txt}\n")
    for command in ("init", "status"):
        output = run(command).output
        assert "gone.safetensors does not exist, so `serve` will not start" in output
        assert "gone.txt does not exist, so `forget` will refuse every target" in output


def test_help_of_serve_needs_no_configuration() -> None:
    asked = [sys.executable, "-m", "vllm_unlearn.server.cli", "serve", "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, cwd="/", timeout=120)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("vllm-unlearn serve MODEL [--config FILE]")
    assert "--help=" in told.stdout  # vLLM's own
