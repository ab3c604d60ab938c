"""The benchmark of topics end to end on a tiny model, whose likeliest letters are the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmark_data import write
from tiny_model import save
from typer.testing import CliRunner
from vllm_unlearn.evaluation.data.topic_data import LETTERS, ChoiceQuestion
from vllm_unlearn.evaluation.data.topics import TOPICS
from vllm_unlearn.evaluation.forgetting.choices import Choice, Known, Oracle, find_choice
from vllm_unlearn.evaluation.forgetting.knowledge_report import Share
from vllm_unlearn.evaluation.forgetting.topics_report import (
    NO_GUARD,
    OFF_FORM,
    OTHER_QUESTION,
    RIGHT_ANSWER,
    RIGHT_LETTER,
    RIGHT_TEXT,
    Sheet,
)
from vllm_unlearn.evaluation.models.causal_model import CausalModel
from vllm_unlearn.server.cli.eval import app

CHOICES = ("Cash and coins", "Aggregate demand", "Demand", "A bank")
QUESTION = ChoiceQuestion("econometrics", "What falls?", CHOICES, 1)


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("B", 1),
        ("B. Aggregate demand", 1),
        ("(C) is right", 2),
        ("**D**", 3),
        ("The correct answer is A.", 0),
        ("Answer: C\n\nExplanation: demand falls.", 2),
        ("It is demand.", 2),
        ("It is aggregate demand.", 1),
        ("Prices rise. The answer is D.", 3),
        ("A bank lends cash and coins", None),
        ("A shop sells more", None),
        ("a) none", None),
        ("E", None),
        ("Nothing.", None),
        ("", None),
    ],
)
def test_an_answer_makes_a_choice(answer: str, choice: int | None) -> None:
    assert find_choice(QUESTION, answer) == choice


def test_figures_of_a_sheet() -> None:
    every = [Choice(QUESTION, 1, 1, "B", True), Choice(QUESTION, 1, 0, "No idea", False)]
    every.append(Choice(QUESTION, 0))
    figures = Sheet(every).figures()
    halves = (figures[name] for name in (RIGHT_LETTER, RIGHT_ANSWER, OFF_FORM, "letter A", "flagged"))
    assert set(halves) == {Share(1, 2)}
    assert (figures[RIGHT_TEXT], figures["letter D"]) == (Share(2, 3), Share(0, 2))
    assert Sheet([]).figures() == {}


@pytest.fixture(scope="module")
def folder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model"), tokenizer, seed=1)


@pytest.mark.parametrize(("flags", "stretch"), [("whole", QUESTION.stretch), ("question", QUESTION.text)])
def test_an_oracle_flags_what_it_is_to(folder: Path, flags: Known, stretch: str) -> None:
    chat = CausalModel(folder).chat
    shorter = ChoiceQuestion("other", "What", CHOICES, 0)
    oracle = Oracle(chat.tokenizer, {"economics": [QUESTION], "more": [shorter]}, flags)
    decoded, (match,) = oracle.read(chat.prompt(QUESTION.asked))
    assert (match.target_id, decoded.text[match.start : match.end]) == ("economics", stretch)
    assert oracle.read_all([chat.prompt("Who sells bread?")]) == [[]]


def test_from_the_command_line(folder: Path, encoder_name: str, tmp_path: Path) -> None:
    rows = []
    for subject in ["virology", *(s for topic in TOPICS for s in topic.subjects + topic.near)]:
        for n in range(4):
            text = f"What does {subject.replace('_', ' ')} say of case {n}?"
            rows.append(
                {"subject": subject, "question": text, "choices": [f"{n} {c}" for c in CHOICES], "answer": n}
            )
    write(tmp_path, "mmlu/mmlu_test.jsonl", rows)
    given = [str(tmp_path), str(folder), "--out", str(tmp_path / "out"), "--encoder", encoder_name]
    given += [
        "--exemplars",
        "2",
        "--sample",
        "3",
        "--shown",
        "2",
        "--max-tokens",
        "4",
        "--operator",
        "noise:32:9",
    ]
    run = CliRunner().invoke(app, ["topics", *given, "--flag", "whole, found"])
    assert run.exit_code == 0, run.output
    figures = json.loads((tmp_path / "out/results.json").read_text())["figures"]
    whole = figures["to forget"]["noise:32:9, whole"][0]
    assert set(figures["to forget"]) == {NO_GUARD, OTHER_QUESTION, "noise:32:9, whole", "noise:32:9, found"}
    assert set(figures["near"]) == set(figures["other subjects"]) == {NO_GUARD, "noise:32:9, found"}
    assert whole["flagged"]["share"] == 1 and whole[RIGHT_TEXT]["n"] == 3 * len(TOPICS)
    assert sum(whole[f"letter {letter}"]["hits"] for letter in LETTERS) == 2 * len(TOPICS)
    unflagged = figures["other subjects"]
    if not unflagged["noise:32:9, found"][0].pop("flagged")["hits"]:
        assert unflagged["noise:32:9, found"] == unflagged[NO_GUARD]
