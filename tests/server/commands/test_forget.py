from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import Run
from vllm_unlearn.guard.store.store import Store


@pytest.fixture
def east_of_utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def test_forget_takes_everything_from_its_flags(run: Run, store: Store) -> None:
    flags = "--kind work --id w --alias A --alias B --exemplar E --counterexample C --scope exemplars"
    output = run("forget", "The Work", *flags.split(), "--note", "n", "--expires", "2031-02-03").output
    assert "generation 1: w listed" in output
    assert "no server runs on this store" in output
    (target,) = store.targets()
    assert (target.kind, target.names, target.scope, target.note) == (
        "work",
        ("The Work", "A", "B"),
        "exemplars",
        "n",
    )
    assert (target.exemplars, target.counterexamples) == (("E",), ("C",))
    assert target.expires_at and target.expires_at.date().isoformat() == "2031-02-03"


def test_expires_is_utc_wherever_the_command_runs(run: Run, store: Store, east_of_utc: None) -> None:
    """And what a file says: a date alone lasts to its end."""
    run("forget", "Ann Lee", "--expires", "2031-02-03")
    run("forget", "--file", "-", stdin=b'{"name": "Ben", "expires_at": "2031-02-03"}')
    assert [t.expires_at for t in store.targets()] == [datetime(2031, 2, 3, 23, 59, 59, tzinfo=UTC)] * 2
    run("forget", "Cy", "--expires", "2031-02-03T09:00:00+09:00")
    assert store.get("cy").expires_at == datetime(2031, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give a name, or --file"),
        (["Ann", "--file", "x"], "give a name, or --file"),
        (["--file", "gone.jsonl"], "gone.jsonl cannot be read: No such file"),
        (["Ann", "--kind", "person"], "'passage' (what it is; a person or a company is an entity)"),
        (["Ann", "--scope", "exemplars"], "needs at least one exemplar"),
        (["Ann", "--id", "a b"], "id: must be letters, digits"),
        (
            ["Ann", "--expires", "2020-01-01"],
            "2020-01-01T23:59:59+00:00 is past, so nothing would be suppressed",
        ),
        (["Ann", "--expires", "2031-02-03T09:00"], "has no time zone; write it as 2031-02-03T09:00:00Z"),
        (["Ann", "--expires", "soon"], "expires_at: must be a date (2031-01-31) or a date and time"),
        (["..."], "a name needs at least one letter or digit"),
        (["Taken"], "the id 'taken' is taken; give another with --id, or"),
        (
            ["--file", "taken.jsonl"],
            'give another "id" in its line of taken.jsonl, or take its place',
        ),
    ],
)
def test_a_target_that_is_none_changes_nothing(
    run: Run, store: Store, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    run("forget", "Taken")
    (tmp_path / "taken.jsonl").write_text('{"name": "Taken"}\n')
    assert reason in run("forget", *arguments, exit_code=1).output
    assert store.head().generation == 1


def test_forget_reads_a_file_whole_or_not_at_all(run: Run, store: Store, tmp_path: Path) -> None:
    lines = [json.dumps({"name": f"Name {n}", "exemplars": [f"about {n}"]}).encode() for n in range(5)]
    file = tmp_path / "targets.jsonl"
    file.write_bytes(b"\n".join([*lines, b'{"name": "x", "nmae": 1}', lines[0]]))
    assert (
        "line 6: nmae: is not known; did you mean 'name'?"
        in run("forget", "--file", str(file), exit_code=1).output
    )
    assert store.head().generation == 0
    file.write_bytes(b"\r\n".join(lines))
    output = run("forget", "--file", str(file)).output
    assert "generation 1: name-0, name-1, name-2 and 2 more listed" in output
    run("forget", "--file", "-", "--replace", stdin=b'{"name": "Name 0"}\n{"name": "Newt"}\n')
    assert [t.name for t in store.targets()] == [*(f"Name {n}" for n in range(5)), "Newt"]
    assert store.get("name-0").exemplars == ()


def test_a_change_needs_no_pytorch(run: Run, store: Store) -> None:
    """It takes longer to import than all the rest of a change."""
    script = "import sys; from vllm_unlearn.server.cli import app; app(standalone_mode=False)\n"
    script += "sys.exit('torch' in sys.modules or 'scipy.stats' in sys.modules)"
    for command in (["forget", "Ann Lee"], ["check", "Ann Lee"], ["remember", "Ann Lee"]):
        subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True)
    assert store.head().generation == 2


def test_remember_takes_ids_and_names(run: Run, store: Store) -> None:
    for name in ("Ann Lee", "Ben Ode", "Cy"):
        run("forget", name)
    assert "generation 4: ann-lee, Ben Ode no longer" in run("remember", "ann-lee", "Ben Ode").output
    assert [t.id for t in store.targets()] == ["cy"]
    for unknown, meant in [("Ann Lee", "`vllm-unlearn targets` lists them"), ("CY", "did you mean 'Cy'?")]:
        output = run("remember", "cy", unknown, exit_code=1).output
        assert f"no target has the id or name {unknown!r}; {meant}" in output
    assert [t.id for t in store.targets()] == ["cy"]


def test_an_id_is_the_target_of_that_id(run: Run, store: Store) -> None:
    """Even where it is another target's name."""
    run("forget", "first", "--id", "one")
    run("forget", "other", "--id", "first")
    run("remember", "first")
    assert [t.id for t in store.targets()] == ["one"]


def test_a_name_of_two_targets_is_no_answer(run: Run, store: Store) -> None:
    run("forget", "John Smith", "--id", "smith-1")
    run("forget", "John Smith", "--id", "smith-2")
    output = run("remember", "John Smith", exit_code=1).output
    assert "smith-1" in output and "smith-2" in output
    assert len(store.targets()) == 2
