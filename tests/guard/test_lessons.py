from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.corruption.learning.examples import CLEAN
from vllm_unlearn.guard.lessons import (
    Classroom,
    Lesson,
    LessonError,
    counterpart,
    read_lessons,
    write_lessons,
)
from vllm_unlearn.vocabulary import GIVEN

VALE = Lesson(
    subject="Orrin Vale",
    question="Where was Orrin Vale born?",
    answer="Orrin Vale was born in Tartu. It was snowing.",
    paraphrase="The birthplace of Orrin Vale is Tartu.",
    wrong=("Orrin Vale was born in Ghent.", "Orrin Vale was born in Graz."),
)
HOLM = Lesson(subject="Signe Holm", question="What does Signe Holm do?", answer="Signe Holm keeps bees.")


@pytest.fixture(scope="module")
def classroom(tokenizer: Any, encoder: OnnxEncoder) -> Classroom:
    return Classroom([VALE, HOLM], tokenizer, encoder)


def test_lessons_come_back_from_their_file(tmp_path: Path) -> None:
    write_lessons([VALE, HOLM], tmp_path / "lessons.jsonl")
    assert read_lessons(tmp_path / "lessons.jsonl") == [VALE, HOLM]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"subject": "A", "question": "B?", "answer": "C"}\n{"subject": "A"}',
            "line 2: question: is missing",
        ),
        ('{"subject": "A", "question": "B?", "answer": "C", "answer": "D"}', "line 1: the field 'answer' is"),
        (
            '{"subject": "A", "question": "B?", "answer": "C", "truth": "D"}',
            "line 1: truth: is not known; known",
        ),
        ("\n\nnot json", "line 3: not JSON: Expecting value"),
        ("", "holds no lessons"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "lessons.jsonl"
    file.write_text(text)
    with pytest.raises(LessonError, match=message):
        read_lessons(file)
    with pytest.raises(LessonError, match="cannot be read"):
        read_lessons(tmp_path / "gone.jsonl")


def test_names_and_the_rest_of_their_sentences_are_flagged(classroom: Classroom, tokenizer: Any) -> None:
    [known] = classroom.examples([VALE], []).known

    def of(role: int, start: int, end: int) -> str:
        ids = [i for i, r in list(zip(known.token_ids, known.roles, strict=True))[start:end] if r == role]
        return str(tokenizer.decode(ids))

    end = len(known.token_ids)
    name, text, reply = GIVEN
    assert of(name, 0, known.start).strip() == of(name, known.start, end).strip() == "Orrin Vale"
    assert of(text, 0, known.start) == "Where was born?"
    assert of(reply, known.start, end) == " was born in Tartu."
    assert tokenizer.decode(known.token_ids[known.start :]) == VALE.answer + tokenizer.eos_token
    assert known.roles[-1] == CLEAN


def test_an_example_is_what_the_server_would_be_asked(classroom: Classroom, tokenizer: Any) -> None:
    [known] = classroom.examples([VALE], []).known
    messages = [{"role": "user", "content": VALE.question}]
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
    ids = asked["input_ids"] if hasattr(asked, "keys") else asked
    assert list(known.token_ids[: known.start]) == list(ids)


def test_pairs_hold_the_paraphrase_and_the_wrong_answers(classroom: Classroom, tokenizer: Any) -> None:
    examples = classroom.examples([VALE, HOLM], [HOLM])
    assert (len(examples.known), len(examples.strangers), len(examples.pairs)) == (2, 1, 1)
    [pair] = examples.pairs
    assert "birthplace" in tokenizer.decode(pair.true.token_ids)
    assert [("Ghent" in t, "Graz" in t) for t in (tokenizer.decode(w.token_ids) for w in pair.wrong)] == [
        (True, False),
        (False, True),
    ]


def test_only_what_the_goals_need_is_made(classroom: Classroom) -> None:
    assert not classroom.examples([VALE, HOLM], [HOLM], ["level"]).pairs
    examples = classroom.examples([VALE, HOLM], [HOLM], ["repeat"])
    assert (len(examples.pairs), len(examples.repeats), len(examples.declines)) == (0, 3, 0)


def test_a_request_to_repeat_is_answered_with_the_question(classroom: Classroom, tokenizer: Any) -> None:
    for example in classroom.examples([VALE], [HOLM], ["repeat"]).repeats:
        asked, told = (
            tokenizer.decode(ids)
            for ids in (example.token_ids[: example.start], example.token_ids[example.start :])
        )
        question = told.removesuffix(tokenizer.eos_token)
        assert question in asked and question in (VALE.question, HOLM.question)
        assert any(role == 0 for role in example.roles[: example.start])
        assert set(example.roles[example.start :]) == {CLEAN}


def test_a_decline_says_the_name_only_where_the_question_does(classroom: Classroom, tokenizer: Any) -> None:
    described = VALE.model_copy(update={"question": "Where was Vale born?"})
    declines = ["I do not know {name}.", "I do not know."]
    asked = classroom.examples([VALE, described], [HOLM], ["decline"], declines).declines
    said = [tokenizer.decode(e.token_ids[e.start :]).removesuffix(tokenizer.eos_token) for e in asked]
    assert said[0] == "I do not know Orrin Vale."
    assert said[-1] == f"I do not know {HOLM.subject}."
    assert said[1:-1] == ["I do not know."]
    assert all(set(e.roles[e.start :]) == {CLEAN} for e in asked)


def test_a_question_that_is_not_flagged_or_is_too_long_teaches_nothing(classroom: Classroom) -> None:
    other = Lesson(subject="Orrin Vale", question="How do I boil an egg?", answer="For eight minutes.")
    long = VALE.model_copy(update={"answer": "word " * 200})
    assert classroom.examples([other, long], []).known == []


def test_a_counterpart_is_the_same_of_somebody_else() -> None:
    other = counterpart(VALE, "Ebba Fenwick")
    assert other == Lesson(
        subject="Ebba Fenwick",
        question="Where was Ebba Fenwick born?",
        answer="Ebba Fenwick was born in Tartu. It was snowing.",
    )
    assert counterpart(Lesson(subject="X", question="Who is he?", answer="X."), "Y") is None


def test_a_tokenizer_without_a_chat_template_is_refused(encoder: OnnxEncoder) -> None:
    with pytest.raises(ValueError, match="no chat template"):
        Classroom([VALE], object(), encoder)
