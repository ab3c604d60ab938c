"""Offline ``LLM`` under the plugin alone, on both of vLLM's model runners."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.guard.store.store import Store

HERE = Path(__file__).parent
# GPUs run V2; without one it runs in Triton's interpreter, slowly (triton_stub says how).
RUNNERS = {
    "V1": {"VLLM_USE_V2_MODEL_RUNNER": "0"},
    "V2": {
        "VLLM_USE_V2_MODEL_RUNNER": "1",
        "TRITON_INTERPRET": "1",
        "PYTHONPATH": str(HERE / "triton_stub"),
    },
}


def run_offline(folder: Path, model: Path, encoder: str, runner: str, *arguments: str) -> dict[str, Any]:
    """What offline_engine.py finds, in a process of its own."""
    Store.create(f"sqlite:///{folder}/forget.db")
    (folder / "unlearn.yaml").write_text(
        f"encoder: {{model: '{encoder}'}}\ncorruption: {{operator: {{operator: noise}}}}\n"
    )
    environment = os.environ | RUNNERS[runner]
    environment |= {
        "VLLM_UNLEARN_CONFIG": str(folder / "unlearn.yaml"),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    command: list[str | Path] = [
        sys.executable,
        HERE / "offline_engine.py",
        model,
        folder / "results.json",
        *arguments,
    ]
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=800)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found | {"log": run.stdout + run.stderr}


@pytest.fixture(scope="module", params=RUNNERS)
def results(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    model_folder: Path,
    encoder_name: str,
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp(f"offline-{request.param}")
    found = run_offline(folder, model_folder, encoder_name, request.param)
    assert found["v2"] is (request.param == "V2"), "the other model runner ran"
    return found


def test_suppressed_and_restored(results: dict[str, Any]) -> None:
    assert "Fitzgerald" in results["known"]
    assert all(answer != results["known"] and "Fitzgerald" not in answer for answer in results["suppressed"])
    assert results["restored"] == results["known"]


def test_suppression_is_deterministic(results: dict[str, Any]) -> None:
    first, second = results["suppressed"]
    assert first == second


def test_chat_is_guarded_too(results: dict[str, Any]) -> None:
    assert "Fitzgerald" in results["known by chat"]
    assert "Fitzgerald" not in results["suppressed by chat"]


def test_other_answers_stay_the_same_bytes(results: dict[str, Any]) -> None:
    assert len(set(results["other"])) == 1


def test_clean_and_flagged_prompts_keep_their_answers_beside_each_other(results: dict[str, Any]) -> None:
    """One preamble begins them all: too much of it shared would carry a corruption over, or a fact."""
    assert len(set(results["shared prefix, clean"])) == 1
    assert len(set(results["shared prefix, suppressed"])) == 1
    assert "Fitzgerald" in results["shared prefix, known"]
    assert "Fitzgerald" not in results["shared prefix, suppressed"][0]
    assert results["shared prefix, restored"] == results["shared prefix, known"]


def test_what_is_said_to_be_cached_is_the_same_whatever_is_corrupted(
    results: dict[str, Any],
) -> None:
    if (shared := results.get("shared")) is None:
        pytest.skip("blocks are the scheduler's, which is the same for both runners")
    warm = shared["clean, clean"][1]
    assert warm > 100, "the prefix cache is off, and this test shows nothing"
    for row in ("clean, flagged", "flagged, clean", "flagged, flagged the same", "clean, the same clean"):
        assert shared[row] == [0, warm], row
    parts = {name.removeprefix("corrupted at "): n for name, n in shared.items() if name.startswith("corr")}
    assert parts == {"64": 0, "64 again": warm, "64, 150": warm, "0": warm, "none": warm}


def test_no_name_is_told_by_what_is_cached_of_it(results: dict[str, Any]) -> None:
    """A plain engine has the block that two prompts begin with alike; here one of the two is flagged."""
    if "halves" not in results:
        pytest.skip("blocks are the scheduler's, which is the same for both runners")
    plain, guarded = results["halves"]
    assert (plain.pop("flagged"), guarded.pop("flagged")) == ([False, False], [False, True])
    assert plain == guarded
    assert plain["half, whole"] == [0, 96]


def test_a_corrupted_prompt_looks_like_a_plain_one(results: dict[str, Any]) -> None:
    """Every token its own embedding: all that could differ is what the guard's way does to a request."""
    for name, (plain, same) in results["looks"].items():
        assert same == plain, name
    assert len(results["looks"]) > 3


def test_a_listed_name_is_replayed_to_the_client_and_not_to_the_model(results: dict[str, Any]) -> None:
    if "replayed" not in results:
        pytest.skip("V2 alone replays")
    before, after = results["replayed"]
    assert all(run[name]["own"] for run in (before, after) for name in run)
    assert before["other"] == after["other"]
    # The first word is scored behind the same prompt, the last behind another name.
    changed = [a != b for a, b in zip(before["listed"]["scores"], after["listed"]["scores"], strict=True)]
    assert changed[-1]


def test_the_prompts_tokens_are_shown_as_they_were_sent(results: dict[str, Any]) -> None:
    flagged, clean = results["prompt"]
    assert flagged == clean
    flagged, clean = results["scores"]
    before = results["name"] - 1
    assert flagged[:before] == clean[:before]
    assert flagged != clean


def test_an_unflagged_request_passes_as_the_same_object(results: dict[str, Any]) -> None:
    assert results["same object"] == [True, False]


def test_clients_embeddings_are_refused(results: dict[str, Any]) -> None:
    assert "prompt_embeds" in results["client embeds"]
    assert not results["client embeds"].startswith("answered")


def test_a_broken_encoder_lets_nothing_pass(results: dict[str, Any]) -> None:
    assert all(refusal.startswith("UnavailableError") for refusal in results["broken"])
    assert not any("encoder" in refusal for refusal in results["broken"]), "the client is told why"


def test_the_log_says_what_broke_and_holds_no_prompt(results: dict[str, Any]) -> None:
    """The broken encoder's message holds the text that it was given."""
    assert "could not be decided on: RuntimeError at offline_engine.py:" in results["log"]
    assert not [text for text in ("capital of Japan", "Gatsby", "cannot read") if text in results["log"]]


def _answers(results: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    answered = results["answered"]["answers"]
    return [(way, one) for way, both in answered.items() for several in both for one in several]


def test_no_answer_holds_the_name_that_its_question_describes(results: dict[str, Any]) -> None:
    (physicist,), (play,) = results["answered"]["known"]
    assert "Albert Einstein" in physicist["text"] and "William Shakespeare" in play["text"]
    for way, one in _answers(results):
        assert not [name for name in ("Albert Einstein", "Shakespeare") if name in one["text"]], way
        if way.startswith("prefilled"):
            assert not one["text"].startswith((" Einstein", "peare")), way
    assert len(_answers(results)) >= 4


def test_no_alternative_that_is_shown_would_complete_the_name(results: dict[str, Any]) -> None:
    rows = [row for _, one in _answers(results) for row in one["rows"]]
    assert len(rows) >= 20
    assert all(len(row) in (3, 4) for row in rows)
    assert all(value < 1e-3 for row in rows for _, value, _ in row)
    assert not [row for row in rows for token, *_ in row if "Shakespeare" in token]


def test_an_answer_ends_as_the_client_asked(results: dict[str, Any]) -> None:
    for way, one in _answers(results):
        if way.startswith("of "):
            assert (one["reason"], len(one["tokens"])) == ("length", int(way.split()[1])), way
        assert one["reason"] in ("stop", "length"), way
        assert len(one["rows"]) in (0, len(one["tokens"])), way
        assert "a" not in one["text"] or way != "stop string"
        assert len(one["tokens"]) >= 22 or way != "no early end"
        assert "Sir" not in one["text"] or way != "bad words"


def test_an_answer_that_is_cut_begins_as_the_whole_one(results: dict[str, Any]) -> None:
    answers = results["answered"]["answers"]
    for way in (way for way in answers if way.startswith("of ")):
        for (whole,), (begun,) in zip(answers["greedy"], answers[way], strict=True):
            assert whole["text"].startswith(begun["text"]), way


def test_a_constraint_holds_where_an_answer_goes_on(results: dict[str, Any]) -> None:
    answers = results["answered"]["answers"]
    if "regex" not in answers:
        pytest.skip("constraints are the engine's, which is the same for both runners")
    for (one,) in answers["regex"]:
        assert one["reason"] == "length" or re.fullmatch(r"It was [A-Z][a-z]+ [A-Z][a-z]+\.", one["text"])
        assert "It was Albert Einstein".startswith(one["text"][:7])
    for (one,) in answers["JSON"]:
        assert one["reason"] == "length" or set(json.loads(one["text"])) == {"name"}
    assert {one["text"] for (one,) in answers["choice"]} <= {"Niels Bohr", "Ben Jonson"}


def test_an_answer_that_declines_says_so_in_the_names_place(results: dict[str, Any]) -> None:
    declined = results["answered"]["declined"]
    for way, one in [(way, one) for way, both in declined.items() for several in both for one in several]:
        says_so = "omeone whose" in one["text"]
        assert says_so or way not in ("greedy", "log-probabilities"), way
        assert not says_so or way not in ("JSON", "regex of one", "bad words"), way
        assert not [name for name in ("Albert Einstein", "Shakespeare") if name in one["text"]], way
        assert len(one["rows"]) in (0, len(one["tokens"])), way
    for (whole,), (begun,) in zip(declined["greedy"], declined.get("of 12 tokens", []), strict=False):
        assert whole["text"].startswith(begun["text"]) and len(begun["tokens"]) == 12


def test_answers_about_others_are_the_same_bytes_before_and_after(results: dict[str, Any]) -> None:
    before, after = results["answered"]["others"]
    assert before == after
    assert any(one["rows"] for several in after for one in several)


def test_shadow_mode_changes_no_answer_and_nothing_is_watched_in_the_end(results: dict[str, Any]) -> None:
    assert results["answered"]["shadow"] == results["answered"]["known"]
    assert results["answered"]["watched"] == 0


def test_the_handshake_refuses_embeddings_that_are_not_the_models(
    tmp_path: Path, model_folder: Path, encoder_name: str
) -> None:
    found = run_offline(tmp_path, model_folder, encoder_name, "V1", "wrongly-scaled")
    assert found["refused"].startswith("HookError: the start-up handshake failed")
