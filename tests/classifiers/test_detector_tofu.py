"""How much the detector finds of TOFU's authors, and flags of what is not about them, measured again."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget

Listed = Callable[[list[str]], list[set[str]]]

SEED = 0
AUTHORS = 20
QUESTIONS = 20


def lines(file: Path) -> list[bytes]:
    return (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).splitlines()


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(file)]


def flagging(data: Path, encoder: OnnxEncoder, named: bool) -> Listed:
    """Says for each text the authors that it is about; known by questions, and where ``named`` by name."""
    authors = [author for author in read(data / "tofu" / "authors.jsonl") if author["in_forget10"]]
    questions = [row["question"] for row in read(data / "tofu" / "forget10.jsonl")]
    assert len(authors) == AUTHORS
    targets = [
        ForgetTarget(
            id=str(i),
            name=author["name"] if named else f"Xqz{i}vrk Wjk{i}zzp",
            exemplars=tuple(questions[QUESTIONS * i : QUESTIONS * (i + 1)]),
        )
        for i, author in enumerate(authors)
    ]
    detector = Detector(ForgetIndex(1, targets, encoder), encoder)

    def flagged(texts: list[str]) -> list[set[str]]:
        return [{t for t, score in detector.scores(x).items() if score >= THRESHOLD} for x in texts]

    return flagged


@pytest.fixture(scope="module")
def flagged(data: Path, encoder: OnnxEncoder) -> Listed:
    return flagging(data, encoder, named=True)


@pytest.fixture(scope="module")
def flagged_unnamed(data: Path, encoder: OnnxEncoder) -> Listed:
    """As ``flagged``, under names that no text holds: the true ones are rare words like others."""
    return flagging(data, encoder, named=False)


def rate(found: list[set[str]]) -> float:
    return sum(map(bool, found)) / len(found)


def right(found: list[set[str]]) -> float:
    """The share that is found as about its own author; the texts are in the order of the authors."""
    return sum(str(i // QUESTIONS) in authors for i, authors in enumerate(found)) / len(found)


def paraphrased(data: Path) -> list[str]:
    return [row["paraphrased_question"] for row in read(data / "tofu" / "forget10_perturbed.jsonl")]


def test_paraphrased_questions_are_found(data: Path, flagged: Listed) -> None:
    found = flagged(paraphrased(data))
    print(f"paraphrased forget10: {rate(found):.4f} found, {right(found):.4f} as the right author")  # noqa: T201
    assert right(found) >= 0.99


def test_paraphrased_questions_are_found_without_names(data: Path, flagged_unnamed: Listed) -> None:
    found = flagged_unnamed(paraphrased(data))
    print(f"paraphrased, unnamed: {rate(found):.4f} found, {right(found):.4f} as the right author")  # noqa: T201
    assert right(found) >= 0.83


def test_questions_about_other_authors_are_seldom_flagged(data: Path, flagged: Listed) -> None:
    questions = [row["question"] for row in read(data / "tofu" / "retain90.jsonl.gz")]
    share = rate(flagged(random.Random(SEED).sample(questions, 1000)))
    print(f"retain90: {share:.4f} flagged")  # noqa: T201
    assert share <= 0.006


def test_benign_prompts_are_not_flagged(data: Path, flagged: Listed) -> None:
    every = [line for file in sorted((data / "benign").glob("*.jsonl.gz")) for line in lines(file)]
    rows = [json.loads(line) for line in random.Random(SEED).sample(every, 2000)]
    share = rate(flagged([row["text"] if "text" in row else "\n".join(row["user_turns"]) for row in rows]))
    print(f"benign: {share:.4f} flagged")  # noqa: T201
    assert share <= 0.0005
