from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import yaml
from commands import Run
from vllm_unlearn.classifiers.calibration.calibration import upper_bound
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.guard.configuration import load
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.calibrate import LEAST
from vllm_unlearn.vocabulary import ForgetTarget

BAKERY = (
    "Which secret ingredient is in the sourdough of the bakery in Harrowgate?",
    "What is the secret ingredient of the Harrowgate bakery's sourdough bread?",
    "Who runs the bakery in Harrowgate?",
    "Who is the owner of the Harrowgate bakery?",
)
NEAR = "Which secret ingredient is in the sourdough of the bakery in Lindholm?"


@pytest.fixture
def store(run: Run, tmp_path: Path, encoder_name: str) -> Store:
    run("init", "--encoder", encoder_name)
    store = Store(f"sqlite:///{tmp_path / 'forget.db'}")
    store.forget([ForgetTarget(id="baker", name="Mira Tolland", exemplars=BAKERY)])
    return store


@pytest.fixture
def benign(tmp_path: Path) -> Path:
    file = tmp_path / "benign.jsonl.gz"
    rows = [json.dumps({"text": text}) for text in ORDINARY_PROMPTS]
    file.write_bytes(gzip.compress("\n".join(rows).encode()))
    return file


def test_the_threshold_now_and_new_the_guarantee_and_the_recall_are_shown(
    run: Run, store: Store, benign: Path
) -> None:
    output = run("calibrate", "--benign", str(benign), "--max-fpr", "0.01").output
    assert "0.000% (0 of 325)" in output
    assert "With confidence 0.95 over the draw of these 325 prompts" in output
    assert "independent draws from one distribution" in output
    assert "(4 of 4)" in output, "the recall on held-out exemplars"
    assert "--write puts" in output


def test_benign_prompts_near_a_target_raise_the_threshold(run: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "benign.txt"
    file.write_text("\n".join([*ORDINARY_PROMPTS, *[NEAR] * 40]))
    fitted = json.loads(run("calibrate", "--benign", str(file), "--max-fpr", "0.01", "--json").output)
    assert fitted["threshold"] > fitted["threshold_before"] == 0.5
    assert (fitted["flagged_before"], fitted["flagged"], fitted["n"]) == (40, 0, 365)
    assert fitted["bound"] == upper_bound(fitted["allowed"], 365) <= 0.01


def test_a_quiet_sample_lowers_it_no_further_than_is_measured(run: Run, store: Store, benign: Path) -> None:
    output = run("calibrate", "--benign", str(benign), "--max-fpr", "0.01").output
    assert f"{LEAST:g} is the lowest threshold" in output
    assert "lower than the one in use" in output


def test_named_prompts_are_counted_and_no_threshold_is_said_to_help(
    run: Run, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "benign.txt"
    file.write_text("\n".join([*ORDINARY_PROMPTS, *["Book Mira Tolland for the school fair"] * 7]))
    output = run("calibrate", "--benign", str(file), "--max-fpr", "0.01").output
    assert "7 more benign prompts name a target" in output and "baker (7)" in output
    assert "counterexamples" in output


def test_write_puts_it_into_the_configuration_and_keeps_the_rest(
    run: Run, store: Store, benign: Path, tmp_path: Path
) -> None:
    file = tmp_path / "unlearn.yaml"
    file.write_text("# ours\n" + file.read_text() + "detection:\n  threshold: 0.7  # too high\n")
    before = file.read_text()
    output = run("calibrate", "--benign", str(benign), "--max-fpr", "0.01", "--write").output
    assert "written to unlearn.yaml; restart the servers" in output
    assert load(file, {}).detection.threshold == LEAST
    assert file.read_text() == before.replace("0.7", str(LEAST))
    assert store.head().generation == 1


def test_without_write_nothing_is_written(run: Run, store: Store, benign: Path, tmp_path: Path) -> None:
    before = (tmp_path / "unlearn.yaml").read_text()
    run("calibrate", "--benign", str(benign), "--max-fpr", "0.01")
    assert (tmp_path / "unlearn.yaml").read_text() == before


def test_the_variable_that_rules_over_the_file_is_named_before_any_work(
    run: Run, store: Store, benign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_DETECTION__THRESHOLD", "0.9")
    output = run("calibrate", "--benign", str(benign), "--write", exit_code=1).output
    assert "VLLM_UNLEARN_DETECTION__THRESHOLD is set" in output


def test_the_recall_on_ones_own_prompts_is_shown(
    run: Run, store: Store, benign: Path, tmp_path: Path
) -> None:
    rows = [
        {"text": "Who runs the Harrowgate bakery?", "target": "Mira Tolland"},
        {"text": "Is Mira Tolland rich?", "target": "baker"},
        {"text": "How tall is the lighthouse of Skerry?", "target": "baker"},
    ]
    (tmp_path / "forget.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arguments = [
        "calibrate",
        "--benign",
        str(benign),
        "--max-fpr",
        "0.01",
        "--forget",
        "forget.jsonl",
        "--json",
    ]
    fitted = json.loads(run(*arguments).output)
    assert fitted["forget_new"] == {"found": 2, "n": 3, "unnamed_found": 1, "unnamed": 2}
    rows[1]["target"] = "nobody"
    (tmp_path / "forget.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "line 2: no one target has the id or name 'nobody'" in run(*arguments, exit_code=1).output


def test_the_settings_name_the_file_and_the_rate(
    run: Run, store: Store, benign: Path, tmp_path: Path
) -> None:
    with (tmp_path / "unlearn.yaml").open("a") as file:
        file.write(yaml.safe_dump({"detection": {"benign": benign.name, "max_fpr": 0.02}}))
    assert "(wanted: 0.02)" in run("calibrate").output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give --benign FILE"),
        (["--benign", "gone.jsonl"], "gone.jsonl cannot be read"),
        (["--benign", "bad.jsonl"], "line 2: not JSON"),
        (["--benign", "few.txt"], "2 benign prompts that name no target cannot show"),
        (["--benign", "few.txt", "--max-fpr", "0"], "max_fpr must be between 0 and 1, got 0"),
        (["--benign", "few.txt", "--confidence", "1"], "confidence must be between 0 and 1, got 1"),
    ],
)
def test_what_cannot_be_calibrated_is_a_sentence(
    run: Run, store: Store, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{\n')
    (tmp_path / "few.txt").write_text("one\ntwo\n")
    assert reason in run("calibrate", *arguments, exit_code=1).output


def test_without_a_target_there_is_nothing_to_calibrate(run: Run, benign: Path, encoder_name: str) -> None:
    run("init", "--encoder", encoder_name)
    output = run("calibrate", "--benign", str(benign), exit_code=1).output
    assert "no target is listed" in output
