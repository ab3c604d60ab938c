"""How ``forget`` takes a topic: by files of texts, or by questions that a server's model writes."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Run
from fake_endpoint import CHAT, Endpoint
from vllm_unlearn.guard.store.store import Store

ABOUT = "Economics studies how prices, markets, money, taxes, employment and trade work."
QUESTIONS = ["What does a monopolist do to prices?", "How does supply and demand set a price?"]
ASKED = ("forget", "economics", "--kind", "topic", "--about", ABOUT, "--questions", "2", "--no-wait", "--ask")


@pytest.fixture
def writing(endpoint: Endpoint) -> Endpoint:
    """It writes the same two questions, whatever it is asked."""
    content = "".join(f"{number}. {text}\n" for number, text in enumerate(QUESTIONS, 1))
    endpoint.answers[CHAT] = (200, {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
    return endpoint


def test_files_give_exemplars_and_counterexamples(run: Run, store: Store, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("What is rent?\r\n\r\nWho sets wages?\n")
    (tmp_path / "more.jsonl").write_text('{"question": "who sets wages?"}\n{"prompt": "What is a tariff?"}\n')
    (tmp_path / "near.txt").write_text("What is a regression?\n")
    files = "--exemplars asked.txt --exemplars more.jsonl --counterexamples near.txt --exemplar"
    run("forget", "economics", "--kind", "topic", *files.split(), "What is money?", "--no-wait")
    (target,) = store.targets()
    assert target.exemplars == ("What is money?", "What is rent?", "Who sets wages?", "What is a tariff?")
    assert target.counterexamples == ("What is a regression?",)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("x --exemplars gone.txt", "gone.txt cannot be read: No such file"),
        ("x --counterexamples bad.jsonl", "bad.jsonl: line 2: it needs text, question, prompt"),
        ("x --exemplars a.txt --counterexamples a.txt", "says nothing: 1 of the texts, first exemplar 1"),
        ("--file a.txt --exemplars a.txt", "on the command line are for one NAME"),
        ("x --ask http://127.0.0.1:9", "--ask needs --about, a sentence"),
        ("x --about y", "--about, --save and --yes are for the questions of a server"),
        ("x --ask http://127.0.0.1:9 --about y", "http://127.0.0.1:9 does not answer: "),
        ("x --ask http://127.0.0.1:9 --about y --questions 0", "--questions 0: ask for 1 to 4,999"),
        ("x --ask http://127.0.0.1:9 --about y --save a.txt", "a.txt is there already"),
        ("x --ask http://127.0.0.1:9 --about y --save no/a.txt", "there is no folder no"),
        ("Taken --ask http://127.0.0.1:9 --about y", "the id 'taken' is taken; give another with --id"),
        (
            "Taken --ask http://127.0.0.1:9 --about y --replace",
            "it is listed already: where http://127.0.0.1:9",
        ),
    ],
)
def test_texts_that_cannot_be_had_change_nothing(
    run: Run, store: Store, tmp_path: Path, arguments: str, reason: str
) -> None:
    run("forget", "Taken", "--no-wait")
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"answer": "b"}\n')
    assert reason in run("forget", *arguments.split(), exit_code=1).output
    assert store.head().generation == 1


def test_a_topic_without_texts_is_said_to_be_found_by_its_name(run: Run, store: Store) -> None:
    said = "a topic without texts is found by its name alone: economics; give questions about it"
    assert said in run("forget", "economics", "--kind", "topic", "--no-wait").output
    for other in (["--exemplar", "What is rent?", "--replace"], ["--id", "person", "--kind", "entity"]):
        assert said[:30] not in run("forget", "economics", "--kind", "topic", *other, "--no-wait").output


def test_questions_are_shown_and_saved_but_not_listed_unseen(
    run: Run, store: Store, writing: Endpoint, tmp_path: Path
) -> None:
    output = run(*ASKED, writing.url, "--save", "asked.txt", exit_code=1).output
    assert all(question in output for question in QUESTIONS)
    command = "vllm-unlearn forget economics --kind topic --exemplars asked.txt"
    assert f"go on with `{command} --exemplar {shlex.quote(ABOUT)}`" in output
    assert store.head().generation == 0
    assert (tmp_path / "asked.txt").read_text().splitlines() == QUESTIONS
    assert (tmp_path / "asked.txt").stat().st_mode & 0o077 == 0
    run(*ASKED, writing.url, "--yes")
    assert store.get("economics").exemplars == (ABOUT, *QUESTIONS)


@pytest.mark.parametrize(("answer", "listed"), [("y", 1), ("n", 0)])
def test_a_person_says_whether_they_are_listed(
    store: Store, writing: Endpoint, tmp_path: Path, answer: str, listed: int
) -> None:
    terminal, own = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    command = [sys.executable, "-m", "vllm_unlearn.server.cli", *ASKED, writing.url]
    done = subprocess.run(command, stdin=own, capture_output=True, text=True, cwd=tmp_path)
    os.close(own)
    os.close(terminal)
    assert "List the target with these 2 questions?" in done.stderr
    assert (done.returncode, store.head().generation) == (1 - listed, listed)


def test_a_model_that_writes_no_question_is_the_reason(run: Run, store: Store, writing: Endpoint) -> None:
    refusal = {"message": {"content": "I'm sorry, but I can't help with that."}, "finish_reason": "stop"}
    writing.answers[CHAT] = (200, {"choices": [refusal]})
    output = run(*ASKED, writing.url, "--yes", exit_code=1).output
    assert "none of 16 answers held a question that can be used: the model may decline" in output
    assert store.head().generation == 0
