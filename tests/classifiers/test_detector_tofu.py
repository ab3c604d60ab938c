"""The figures beside MIN_SIMILARITY in classifiers/detector.py, measured again."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.classifiers.detector import Thresholds
from vllm_unlearn.classifiers.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.segments import segment
from vllm_unlearn.vocabulary import ForgetTarget

Listed = Callable[[list[str]], list[set[str]]]

SEED = 0


@pytest.fixture(scope="module")
def data() -> Path:
    named = os.environ.get("UNLEARN_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2].parent / "shared" / "data"
    if not (folder / "tofu").is_dir():
        pytest.skip(f"no TOFU data in {folder}; name its folder in UNLEARN_TEST_DATA")
    return folder


def lines(file: Path) -> list[bytes]:
    return (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).splitlines()


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(file)]


@pytest.fixture(scope="module")
def flagged(data: Path, encoder: OnnxEncoder) -> Listed:
    """The authors that each text is about, judged without names: by ``ForgetIndex.search`` alone."""
    authors = [author for author in read(data / "tofu" / "authors.jsonl") if author["in_forget10"]]
    questions = [row["question"] for row in read(data / "tofu" / "forget10.jsonl")]
    targets = [
        ForgetTarget(id=str(i), name=author["name"], exemplars=tuple(questions[20 * i : 20 * i + 20]))
        for i, author in enumerate(authors)
    ]
    assert len(targets) == 20
    index, thresholds = ForgetIndex(1, targets, encoder), Thresholds()

    def flagged(texts: list[str]) -> list[set[str]]:
        pieces = {text: [piece.text for piece in segment(text)] for text in texts}
        every = list(dict.fromkeys(piece for found in pieces.values() for piece in found))
        evidence = dict(zip(every, index.search(encoder.encode(every)), strict=True))
        return [{e.target_id for p in pieces[t] for e in evidence[p] if thresholds.met(e)} for t in texts]

    return flagged


def rate(found: list[set[str]]) -> float:
    return sum(map(bool, found)) / len(found)


def test_paraphrased_questions_are_found(data: Path, flagged: Listed) -> None:
    rows = read(data / "tofu" / "forget10_perturbed.jsonl")
    found = flagged([row["paraphrased_question"] for row in rows])
    right = sum(str(i // 20) in authors for i, authors in enumerate(found)) / len(found)
    print(f"paraphrased forget10: {rate(found):.4f} found, {right:.4f} as the right author")  # noqa: T201
    assert right >= 0.98


def test_questions_about_other_authors_are_seldom_flagged(data: Path, flagged: Listed) -> None:
    questions = [row["question"] for row in read(data / "tofu" / "retain90.jsonl.gz")]
    share = rate(flagged(random.Random(SEED).sample(questions, 1000)))
    print(f"retain90: {share:.4f} flagged")  # noqa: T201
    assert share <= 0.13


def test_benign_prompts_are_not_flagged(data: Path, flagged: Listed) -> None:
    every = [line for file in sorted((data / "benign").glob("*.jsonl.gz")) for line in lines(file)]
    rows = [json.loads(line) for line in random.Random(SEED).sample(every, 2000)]
    share = rate(flagged([row["text"] if "text" in row else "\n".join(row["user_turns"]) for row in rows]))
    print(f"benign: {share:.4f} flagged")  # noqa: T201
    assert share <= 0.002
