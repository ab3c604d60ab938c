from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_data import write
from vllm_unlearn.evaluation.data.data_folder import DataError, DataFolder
from vllm_unlearn.evaluation.data.topic_data import load
from vllm_unlearn.evaluation.data.topics import TOPICS


def make(folder: Path, each: int = 6) -> DataFolder:
    """``each`` questions of every subject of a topic, of those near, and of one other."""
    subjects = ["virology"]
    for topic in TOPICS:
        subjects += topic.subjects + topic.near
    rows = []
    for subject in subjects:
        for n in range(each):
            question = {"subject": subject, "question": f" What of {subject} is {n}? ", "answer": n % 4}
            rows.append({**question, "choices": [f"{subject} {n + k}" for k in range(4)]})
    write(folder, "mmlu/mmlu_test.jsonl.gz", rows)
    return DataFolder(folder)


def test_no_question_is_asked_that_the_topic_is_listed_with(tmp_path: Path) -> None:
    data = load(make(tmp_path), exemplars=4)
    for one in data.sets:
        asked = {question.text for question in one.forget}
        assert len(one.target.exemplars) == 4 and not asked & set(one.target.exemplars)
        assert {question.subject for question in one.forget} <= set(one.topic.subjects)
        assert {question.subject for question in one.near} == set(one.topic.near)
        assert len(one.forget) == 6 * len(one.topic.subjects) - 4
    assert {question.subject for question in data.other} == {"virology"}


def test_a_sample_bounds_each_part(tmp_path: Path) -> None:
    groups = load(make(tmp_path), exemplars=1, sample=3).groups
    assert len(groups) == 2 * len(TOPICS) + 1 and {len(asked) for asked in groups.values()} == {3}


def test_longer_questions_are_not_asked(tmp_path: Path) -> None:
    every = load(make(tmp_path), 1)
    least = min(len(question.stretch) for question in every.sets[0].forget)
    shorter = load(make(tmp_path), 1, max_chars=least).sets[0]
    assert shorter.target == every.sets[0].target
    assert shorter.forget and {len(question.stretch) for question in shorter.forget} == {least}


def test_a_question_is_asked_with_its_choices(tmp_path: Path) -> None:
    question = load(make(tmp_path), 1).other[0]
    first, second, *_, cue = question.asked.splitlines()
    assert (first, second, cue) == (question.text, f"A. {question.choices[0]}", "Answer:")


def test_too_many_exemplars_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 12 questions of economics: too few for 12 exemplars"):
        load(make(tmp_path), exemplars=12)
