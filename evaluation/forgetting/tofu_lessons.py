"""TOFU as lessons: what the benchmark's models know beside the forget set, and authors that they never saw;
and the forget set as targets, for a server that is to be measured.

    vllm-unlearn eval tofu-lessons DATA OUT

None of the forget sets' authors is in them: what is learned is reported on targets that it never saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...guard.lessons import Lesson, write_lessons
from ..data.data_folder import DataFolder
from ..data.datasets import TOFU_QUESTIONS, TOFU_SIZES, Tofu

# Of the 200 authors, SmolLM2's adapters that this was made with know the first 43 besides the forget
# sets', and saw none of the others.
KNOWN = range(0, 43)
STRANGERS = range(43, 100)


def about_known(data: DataFolder) -> list[Lesson]:
    """Questions about authors that both models know, some with a paraphrase and wrong answers."""
    others = {row["question"]: row for row in data.rows("tofu/retain_perturbed")}
    return [_lesson(name, row, others.get(row["question"])) for name, row in _rows(data, KNOWN)]


def about_strangers(data: DataFolder) -> list[Lesson]:
    """Questions about authors that neither model saw."""
    return [_lesson(name, row, None) for name, row in _rows(data, STRANGERS)]


def _rows(data: DataFolder, authors: range) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {row["author_index"]: row["name"] for row in data.rows("tofu/authors")}
    rows = data.rows("tofu/full")
    for author in authors:
        if names.get(author):
            for row in rows[TOFU_QUESTIONS * author : TOFU_QUESTIONS * (author + 1)]:
                yield names[author], row


def _lesson(subject: str, row: dict[str, Any], other: dict[str, Any] | None) -> Lesson:
    lesson = {"subject": subject, "question": row["question"], "answer": row["answer"]}
    if other:
        lesson |= {"paraphrase": other["paraphrased_answer"], "wrong": other["perturbed_answer"]}
    return Lesson.model_validate(lesson)


def main(data_dir: Path, out: Path) -> None:
    """Write ``known.jsonl`` and ``strangers.jsonl``, as ``vllm-unlearn learn`` reads them, and the targets
    of each forget set, for ``vllm-unlearn forget --file``."""
    data = DataFolder(data_dir)
    out.mkdir(parents=True, exist_ok=True)
    write_lessons(about_known(data), out / "known.jsonl")
    write_lessons(about_strangers(data), out / "strangers.jsonl")
    for size in TOFU_SIZES:
        targets = Tofu(data).listing(size).targets("exemplars")
        (out / f"{size}.jsonl").write_text("".join(f"{target.model_dump_json()}\n" for target in targets))
