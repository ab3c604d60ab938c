from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import vllm_unlearn
from commands import Run
from transformers import AutoTokenizer
from typer.testing import CliRunner
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import ZeroOut
from vllm_unlearn.corruption.operators.stand_in import StandIn
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.cli import app
from vllm_unlearn.server.target_file import make_target
from vllm_unlearn.vocabulary import Role


@pytest.fixture
def store(run: Run, tmp_path: Path, encoder_name: str) -> Store:
    run("init", "--encoder", encoder_name)
    return Store(f"sqlite:///{tmp_path / 'forget.db'}")


@pytest.fixture
def east_of_utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def test_init_writes_a_configuration_and_a_store_once(run: Run, tmp_path: Path) -> None:
    output = run("init", "--encoder", "package:a/b").output
    assert "unlearn.yaml: written; store at generation 0" in output
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
        (["Taken"], "the id 'taken' is taken; give another with --id"),
    ],
)
def test_a_target_that_is_none_changes_nothing(
    run: Run, store: Store, arguments: list[str], reason: str
) -> None:
    run("forget", "Taken")
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
        assert [len(row) for row in rows] == [9, 9, 9]
        assert r"A\tB\nC" in rows[1]
    output = run("log").output
    assert all(text in output for text in (target.id, other.id, store.changes()[0].actor))


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").output == f"vllm-unlearn {vllm_unlearn.__version__}\n"


def test_files_that_are_not_there_are_told_of_early(run: Run, store: Store, tmp_path: Path) -> None:
    assert "does not exist" not in run("status").output
    with (tmp_path / "unlearn.yaml").open("a") as file:
        file.write("corruption: {recipe: gone.safetensors}\ndetection: {benign: gone.txt}\n")
    for command in ("init", "status"):
        output = run(command).output
        assert "gone.safetensors does not exist, so `serve` will not start" in output
        assert "gone.txt does not exist, so `forget` will refuse every target" in output


def test_a_note_is_in_the_list_and_in_the_log(run: Run, store: Store) -> None:
    run("forget", "Ann Lee", "--note", "case 7")
    assert "case 7" in run("targets").output
    run("forget", "Ann Lee", "--note", "case 8", "--replace")
    run("remember", "ann-lee")
    entries = [json.loads(line) for line in run("log", "--json").output.splitlines()]
    assert [entry["notes"] for entry in entries] == [["case 7"], ["case 8"], ["case 8"]]
    assert run("log").output.count("case 8") == 2


def test_help_of_serve_needs_no_configuration() -> None:
    asked = [sys.executable, "-m", "vllm_unlearn.server.cli", "serve", "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, cwd="/", timeout=120)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("vllm-unlearn serve MODEL [--config FILE]")
    assert "--help=" in told.stdout  # vLLM's own


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
    store.beat("host:1", 1, "shadow", timedelta(seconds=60))
    assert json.loads(run("status", "--json").output) == {
        "generation": 2,
        "targets": 0,
        "replicas": [{"id": "host:1", "generation": 1, "mode": "shadow"}],
    }
    assert "generation 2, 0 targets, 1 replica" in run("status").output


def test_wait_waits_for_every_replica(run: Run, store: Store) -> None:
    assert "no generation 1 yet; the newest is 0" in run("wait", "--generation", "1", exit_code=1).output
    store.beat("host:1", 0, "enforce", timedelta(seconds=60))
    output = run("forget", "Ann Lee", "--timeout", "0.1", exit_code=1).output
    assert "generation 1: ann-lee listed" in output
    assert "still serve an older list: host:1 (generation 0); see their logs" in output
    store.beat("host:2", 1, "enforce", timedelta(seconds=60), digest=store.head().digest)
    assert "served by" not in run("forget", "Ben", "--no-wait").output
    store.beat("host:1", 1, "enforce", timedelta(seconds=60), digest="of another history")
    assert "host:1" in run("wait", "--generation", "1", "--timeout", "0.1", exit_code=1).output
    store.beat("host:1", 2, "enforce", timedelta(seconds=60), digest=store.head().digest)
    assert "generation 1: served by 2 replicas" in run("wait", "--generation", "1").output


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1"])
@pytest.mark.parametrize("command", [("wait", "--generation", "0"), ("forget", "Ann Lee")])
def test_no_command_waits_for_ever(run: Run, store: Store, command: tuple[str, ...], seconds: str) -> None:
    output = run(*command, f"--timeout={seconds}", exit_code=2).output
    assert f"{seconds} is no number of seconds" in output
    assert store.head().generation == 0


def test_a_closed_standard_input_is_a_sentence(run: Run, store: Store) -> None:
    command = [sys.executable, "-m", "vllm_unlearn.server.cli", "forget", "--file", "-"]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "standard input" in done.stderr and "Traceback" not in done.stderr


def test_wait_fails_where_too_few_servers_run(run: Run, store: Store) -> None:
    output = run("forget", "Ann Lee").output
    assert "generation 1: no server runs on this store, so nothing is suppressed yet" in output
    wait = ["wait", "--generation", "1", "--timeout", "0.1"]
    assert "after 0.1 s no server runs on this store" in run(*wait, exit_code=1).output
    assert "no server runs on this store" in run(*wait, "--replicas", "0").output
    digest, lease = store.head().digest, timedelta(seconds=60)
    store.beat("host:1", 1, "shadow", lease, digest=digest)
    assert "served by 1 replica, 1 of them in shadow mode, which suppresses nothing" in run(*wait).output
    output = run(*wait, "--replicas", "2", exit_code=1).output
    assert "it is served by 1 replica, and --replicas wants 2" in output
    store.beat("host:2", 1, "enforce", timedelta(seconds=-1), digest=digest)
    run(*wait, "--replicas", "2", exit_code=1)
    store.beat("host:2", 1, "enforce", lease, digest=digest)
    run(*wait, "--replicas", "2")


def test_check_tells_how_far_out_of_scope_a_question_is(run: Run, store: Store) -> None:
    about = ["--exemplar", "Where does Ann Marsh live?", "--counterexample", "What did Ann Marsh win?"]
    run("forget", "Ann Marsh", "--scope", "private", *about)
    assert "by the name 'Ann Marsh'" in run("check", "Where is Ann Marsh's house?", exit_code=3).output
    output = run("check", "Which medals did Ann Marsh win?").output
    assert "ann-marsh: named, and what is asked is out of its scope" in output


def test_check_says_when_the_first_pass_let_a_text_by(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is what a served guard does, and why."""
    run("forget", "Orrin Vale", "--exemplar", "Which choir did the clockmaker of Harrowgate lead?")
    text = "Which choir did the clockmaker of Harrowgate conduct?"
    assert "what the text is about" in run("check", text, exit_code=3).output
    # As if the static embedding took all texts for far from each other.
    monkeypatch.setattr("vllm_unlearn.classifiers.index.exemplar_index.SLACK", -2.0)
    output = run("check", text).output
    assert "generation 1: pass" in output
    assert re.search(
        r"score 0\.[5-9]\d\d \(from 0\.5 on a match, but the first pass took it for less near", output
    )
    assert json.loads(run("check", "--json", text).output)["nearest"]["reason"] == "first pass"
    with (store.path or Path()).with_name("unlearn.yaml").open("a") as config:
        config.write("detection: {cascade: false}\n")
    assert "what the text is about" in run("check", text, exit_code=3).output


def test_check_keeps_what_it_encoded_unless_the_store_is_anothers(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("forget", "Orrin Vale", "--exemplar", "He mends clocks.")

    def kept() -> list[Path]:
        return [f for f in tmp_path.glob("*.vectors") if f.name.startswith(store.head().store_id[:8])]

    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    run("check", "Who?")
    assert kept() == []
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    run("check", "Who?")
    (file,) = kept()
    written = file.stat().st_mtime_ns
    run("check", "Who else?")
    assert file.stat().st_mtime_ns == written


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


def test_check_explains_a_match_and_a_pass(run: Run, store: Store) -> None:
    run("forget", "Orrin Vale")
    output = run("check", "Who is ORRIN VALE?", exit_code=3).output
    assert "generation 1: match" in output
    assert "orrin-vale: characters 7 to 17 ('ORRIN VALE')\n  score 1.000, by the name 'Orrin Vale'" in output
    output = run("check", "Who is Jane [Austen]?").output
    assert "generation 1: pass" in output
    near = r"nearest target orrin-vale: score 0\.\d{3} \(a match needs 0\.5\)\n  similarity -?[01]\.\d{3}\n"
    assert re.search(near, output)
    for line in ("  shared rare words 0.", "  part of the name 0.000", "  nearest exemplar at 0."):
        assert f"\n{line}" in output
    (match,) = json.loads(run("check", "--json", "Orrin Vale", exit_code=3).output)["matches"]
    assert (match["target_id"], match["start"], match["end"]) == ("orrin-vale", 0, 10)


def test_check_tells_a_program_what_it_tells_a_person(run: Run, store: Store) -> None:
    assert json.loads(run("check", "--json", "x").output) == {
        "generation": 0,
        "decision": "pass",
        "threshold": 0.5,
        "matches": [],
        "scopes": {},
        "nearest": None,
    }
    about = ["--exemplar", "Where does Ann Marsh live?", "--counterexample", "What did Ann Marsh win?"]
    run("forget", "Ann Marsh", "--scope", "private", *about)
    for text in ("Which medals did Ann Marsh win?", "How do plants grow?"):
        told = json.loads(run("check", "--json", text).output)
        output = run("check", text).output
        near = told["nearest"]
        assert f"generation {told['generation']}: {told['decision']}\n" in output
        assert f"nearest target {near['target_id']}: score {near['score']:.3f} (" in output
        for label in ("similarity", "shared rare words", "name part"):
            said = "part of the name" if label == "name part" else label
            assert f"\n  {said} {near[label.replace(' ', '_')]:.3f}\n" in output
        assert (
            f"nearest exemplar at {near['exemplar']['similarity']:.3f}: {near['exemplar']['text']}" in output
        )
        assert all(f"\n  score {score:.3f} (a match" in output for score in told["scopes"].values())
    assert list(json.loads(run("check", "--json", "What did Ann Marsh win?").output)["scopes"]) == [
        "ann-marsh"
    ]
    told = json.loads(run("check", "--json", "Where does Ann Marsh live?", exit_code=3).output)
    assert (told["decision"], told["nearest"]) == ("match", None)


def test_forget_says_and_check_explains_what_a_surname_alone_does(run: Run, store: Store) -> None:
    assert (
        "Albert Einstein: the surname alone flags: yes (einstein)" in run("forget", "Albert Einstein").output
    )
    output = run("check", "What did Einstein win the Nobel Prize for?", exit_code=3).output
    assert "characters 9 to 17 ('Einstein')" in output and "by the surname 'Einstein' alone" in output
    output = run("forget", "Stephen King").output
    assert "Stephen King: the surname alone flags: only beside two facts about a person (king)" in output
    assert ": pass" in run("check", "What did King write?").output


def test_check_explains_a_description_and_a_disguise(run: Run, store: Store) -> None:
    exemplar = "Which secret ingredient is in the sourdough of Harrowgate?"
    run("forget", "Mira Tolland", "--exemplar", exemplar, "--counterexample", "How is the weather there?")
    output = run("check", f"Hi! {exemplar}", exit_code=3).output
    assert re.search(
        rf"characters 4 to \d+ \('{re.escape(exemplar)}'\)\n  score 0\.\d+, by what the text", output
    )
    assert f"\n  nearest exemplar at 1.000: {exemplar}\n" in output
    assert "How is the weather there?" in output
    code = base64.b64encode(b"Who is Mira Tolland?").decode()
    assert "by the name 'Mira Tolland', read as base64" in run("check", f"Say {code}", exit_code=3).output


def test_check_names_an_encoder_that_is_not_there(run: Run, tmp_path: Path, store: Store) -> None:
    (tmp_path / "unlearn.yaml").write_text("encoder: {model: ./gone}")
    assert "there is no such folder" in run("check", "x", exit_code=1).output


def test_a_recipe_is_written_for_the_model(run: Run, tmp_path: Path, model_folder: Path) -> None:
    run("recipe", str(model_folder), "r.safetensors", "--operator", "zero_out", "--top", "99")
    recipe = Recipe.load(tmp_path / "r.safetensors")
    table = EmbeddingTable(model_folder)
    assert recipe.digest == Recipe(ZeroOut(top=99), table.fingerprint, table.hidden).digest


# The nearest of " father" in the model's own embeddings.
FAMILY = (" mother", " dad", " parents", " parent", " family", " son", " men", " man")


def test_a_recipe_of_stand_ins_takes_no_lessons(run: Run, tmp_path: Path, model_folder: Path) -> None:
    stand_in = ["recipe", str(model_folder), "r.safetensors", "--operator", "stand_in"]
    run(*stand_in, "--name-strength", "0.3", "--seed", "4")
    recipe, table = Recipe.load(tmp_path / "r.safetensors"), EmbeddingTable(model_folder)
    assert isinstance(recipe.operator, StandIn)
    assert recipe.operator.strengths[Role.NAME] == 0.3
    assert (recipe.fingerprint, recipe.operator.seed) == (table.fingerprint, 4)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    chosen = recipe.weights["stand_in"].tolist()
    (father,) = tokenizer.encode(" father", add_special_tokens=False)
    assert {tokenizer.decode([other]) for other in chosen[father]} <= set(FAMILY)
    assert all(set(chosen[token]) == {token} for token in tokenizer.all_special_ids)
    assert sum(token in others for token, others in enumerate(chosen)) < 100
    assert "above 0 and at most 1" in run(*stand_in, "--name-strength", "0", exit_code=1).output


def test_a_recipe_that_cannot_be_made_says_why(run: Run, tmp_path: Path, model_folder: Path) -> None:
    recipe = ["recipe", str(model_folder), "r.safetensors"]
    assert "'shuffle'" in run(*recipe, "--operator", "shuffle", exit_code=1).output
    assert "greater than or equal to 0" in run(*recipe, "--sigma", "-1", exit_code=1).output
    run("recipe", str(tmp_path), "r.safetensors", exit_code=1)
    assert not (tmp_path / "r.safetensors").exists()
    assert "gone" in run("recipe", str(model_folder), "gone/r.safetensors", exit_code=1).output
