"""An ``AsyncLLM`` of one's own: whose first client leaves, and who is refused before anything is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.classifiers.text.segments import WINDOW_CHARS
from vllm_unlearn.guard.store.store import Store

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path, encoder_name: str
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("async")
    Store.create(f"sqlite:///{folder}/forget.db")
    config = folder / "unlearn.yaml"
    config.write_text(
        f"encoder: {{model: '{encoder_name}'}}\ndetection: {{max_chars: 3000}}\nanswers: sentences\n"
    )
    environment = os.environ | {
        "VLLM_UNLEARN_CONFIG": str(config),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    command: list[str | Path] = [
        sys.executable,
        HERE / "async_engine.py",
        model_folder,
        folder / "results.json",
    ]
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_a_first_client_that_leaves_does_not_take_the_handshake_with_it(results: dict[str, Any]) -> None:
    assert results["goes on"]


def test_a_handshake_that_was_ended_is_tried_again(results: dict[str, Any]) -> None:
    assert results["ended"]
    answers = {*results["asked together"], results["at once"]}
    assert len(answers) == 1
    assert len(json.loads(answers.pop())) == 4


def test_what_the_engine_does_not_admit_is_not_screened(results: dict[str, Any]) -> None:
    assert results["more than are admitted"].startswith("QueueOverflowError: The engine is currently busy")
    assert results["screened for nothing"] == 0


def test_a_beam_search_is_screened_once_and_answers_all_its_beams(results: dict[str, Any]) -> None:
    known, suppressed = results["beams"]
    assert any("Fitzgerald" in answer for answer in known["answers"])
    assert not any("Fitzgerald" in answer for answer in suppressed["answers"])
    for run in (known, suppressed):
        assert run["asked"] > 30 and len(run["answers"]) == 3
        first, *ends = run["read"]
        assert first == run["sent"] and max(ends) < 3 * WINDOW_CHARS


def test_too_many_characters_are_refused_as_a_plain_server_does(results: dict[str, Any]) -> None:
    said = results["too many characters"]
    assert said.startswith("VLLMValidationError: This model's maximum context length is 1024 tokens. However")
    assert "(more than 3000 characters, which is the upper bound for 1024 input tokens)" in said
    assert "unlearn" not in said and "guard" not in said


def test_what_is_streamed_is_what_is_given_whole_and_holds_no_name(results: dict[str, Any]) -> None:
    for way, (streamed, whole) in results["written"].items():
        for one, other in zip(streamed, whole, strict=True):
            (text,) = other.pop("pieces")
            pieces = one.pop("pieces")
            assert "".join(pieces) == text, way
            assert one == other, way
            assert not [name for name in ("Albert Einstein", "Shakespeare") if name in text], way
            assert len(pieces) > 3 or way.startswith("stop"), way
    assert len(results["written"]) == 8


def test_nothing_is_left_of_an_answer_that_was_written_on(results: dict[str, Any]) -> None:
    assert results["left"] == [0, 0, 0]


def test_nothing_is_left_where_clients_leave_in_the_middle(results: dict[str, Any]) -> None:
    assert results["left in the middle"] == [0, 0, 0]


def test_no_beam_holds_a_name_that_its_question_describes(results: dict[str, Any]) -> None:
    assert not [answer for answer in results["beams of others"]["answers"] if "Einstein" in answer]


def test_a_sentence_in_scope_is_not_said_and_other_answers_stay(results: dict[str, Any]) -> None:
    said = results["by sentences"]
    streamed, whole = said["written"]
    assert said["told"] not in "".join(whole["pieces"])
    for what in ("tokens", "reason"):
        assert streamed[what] == whole[what]
    assert "".join(streamed["pieces"]) == "".join(whole["pieces"])
    assert said["others"][0] == said["others"][1]


def test_nothing_is_left_where_clients_leave_between_sentences(results: dict[str, Any]) -> None:
    assert results["left by sentences"] == [0, 0, 0]
