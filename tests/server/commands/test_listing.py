from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from commands import Run
from vllm_unlearn.guard.store.fleet import About
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.target_file import make_target


def test_targets_are_listed(run: Run, store: Store) -> None:
    assert run("targets", "--json").output == ""
    names = ["Zoe [bold]x", "[/red] Ann", "東京"]
    for number, name in enumerate(names):
        run("forget", name, "--id", f"t{number}", "--expires", "2031-02-03")
    assert [json.loads(line)["name"] for line in run("targets", "--json").output.splitlines()] == names
    output = run("targets").output
    assert all(name in output for name in names)


WIDTHS = [None, 20, 40, 80, 200]


@pytest.mark.parametrize("width", WIDTHS, ids=lambda width: f"terminal of {width}" if width else "a pipe")
def test_no_width_cuts_an_id_or_a_name(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, width: int | None
) -> None:
    target = make_target(name="Bartholomäus [bold]Featherstonehaugh", id="case-" + "0123456789" * 5, note="n")
    other = make_target(name="A\tB\nC", aliases=["東京 " * 8, "x" * 90], expires_at="2031-02-03")
    store.forget([target, other], actor="a-very-long-user-name@of-a-long-host-name.example")
    monkeypatch.setenv("COLUMNS", str(width or 10))
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if width else "0")
    shown = ["Bartholomäus [bold]Featherstonehaugh", target.id, other.id, "東京 " * 7 + "東京", "x" * 90]
    output = run("targets").output
    assert all(text in output for text in [*shown, "2031-02-03T23:59:59+00:00"])
    if not width:
        rows = [line.split("\t") for line in output.splitlines()]
        assert [len(row) for row in rows] == [10, 10, 10]
        assert "A B C" in rows[1]
    output = run("log").output
    assert all(text in output for text in (target.id, other.id, store.changes()[0].actor))


def test_the_texts_of_each_kind_are_counted(run: Run, store: Store) -> None:
    texts = {"exemplars": ["a", "b"], "counterexamples": ["c"], "passages": ["d", "e", "f"]}
    store.forget([make_target(name="Ann Lee", **texts)])
    heads, cells = (line.split("\t") for line in run("targets").output.splitlines())
    for what, given in texts.items():
        assert cells[heads.index(what)] == str(len(given))


def test_a_note_is_in_the_list_and_in_the_log(run: Run, store: Store) -> None:
    run("forget", "Ann Lee", "--note", "case 7")
    assert "case 7" in run("targets").output
    run("forget", "Ann Lee", "--note", "case 8", "--replace")
    run("remember", "ann-lee")
    entries = [json.loads(line) for line in run("log", "--json").output.splitlines()]
    assert [entry["notes"] for entry in entries] == [["case 7"], ["case 8"], ["case 8"]]
    assert run("log").output.count("case 8") == 2


def test_the_log_and_the_status_are_shown(run: Run, store: Store) -> None:
    run("forget", "Ann Lee")
    run("remember", "ann-lee")
    entries = [json.loads(line) for line in run("log", "--json").output.splitlines()]
    assert [(e["generation"], e["action"], e["targets"]) for e in entries] == [
        (1, "forget", ["ann-lee"]),
        (2, "remember", ["ann-lee"]),
    ]
    assert [e["digest"] for e in entries] == [c.digest for c in store.changes()]
    assert "remember" in run("log").output
    about = About(since=datetime(2031, 2, 3, tzinfo=UTC), process=7, host="host", **FIRST)
    store.fleet.beat("host:1", 1, "shadow", timedelta(seconds=60), digest="d", about=about)
    status = json.loads(run("status", "--json").output)
    (replica,) = status.pop("replicas")
    source = "stand-ins (noise, if a server's log says so)"
    assert status == {"generation": 2, "targets": 0, "differences": [], "corruption": source}
    assert replica.items() >= {"id": "host:1", "generation": 1, "mode": "shadow", "digest": "d"}.items()
    assert replica.items() >= {"since": "2031-02-03T00:00:00+00:00", "process": 7, "host": "host"}.items()
    assert replica.items() >= FIRST.items()
    output = run("status").output
    assert "generation 2, 0 targets, 1 replica" in output
    assert all(value[:12] in output for value in FIRST.values())


FIRST: dict[str, Any] = {
    "encoder": "e" * 64,
    "recipe": "0123456789abcdef",
    "model": "m",
    "version": "0.1.0",
    "vllm": "0.32",
}


@pytest.mark.parametrize("what", FIRST)
def test_a_fleet_of_two_minds_is_told_of(run: Run, store: Store, what: str) -> None:
    lease = timedelta(seconds=60)
    for name in ("host:1", "host:2"):
        store.fleet.beat(name, 0, "enforce", lease, about=About(**FIRST))
    assert "differ" not in run("status").output
    store.fleet.beat("host:3", 0, "enforce", lease, about=About(**FIRST | {what: "other"}))
    (said,) = json.loads(run("status", "--json").output)["differences"]
    assert (
        f"{FIRST[what]} (host:1, host:2); other (host:3)" in said or f"other (host:3); {FIRST[what]}" in said
    )
    assert said in run("status").output.replace("\n", "")
    store.fleet.beat("host:3", 0, "enforce", lease)  # of a version that said nothing of itself
    assert len(json.loads(run("status", "--json").output)["differences"]) == len(FIRST)
