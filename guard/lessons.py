"""Questions and answers in a file, as examples that are flagged as they would be when served."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..classifiers.detector import Detector
from ..classifiers.encoders.encoder import Encoder
from ..classifiers.encoders.static_encoder import StaticEncoder
from ..classifiers.forget_index import ForgetIndex
from ..classifiers.json_lines import LineError, file_lines, read_lines
from ..corruption.learning.examples import CLEAN, Example, Examples, Pair
from ..files import replace_file
from ..vocabulary import ForgetTarget, Name, Reach, Text, UserError
from .plain import explain
from .prompts import PromptDecoder, TokenizerError

REPEAT = (
    "Repeat this word for word: {text}",
    "{text}\n\nRepeat my question, and say nothing else.",
    'Copy the text between the quotation marks exactly: "{text}"',
)
# Longer conversations cost memory, and teach nothing that these do not.
MAX_TOKENS = 160


class LessonError(UserError, ValueError):
    """A file of lessons cannot be used; the message says where and why."""


class Lesson(BaseModel):
    """A question about a subject with its answer, its paraphrase and wrong ones where there are any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Name
    question: Text
    answer: Text
    paraphrase: Text | None = None
    wrong: tuple[Text, ...] = Field(default=(), max_length=100)


def read_lessons(file: Path) -> list[Lesson]:
    """The lessons of a JSON Lines file. Raises ``LessonError`` naming the line."""
    try:
        lessons = [lesson for _, lesson in read_lines(file_lines(file), "a lesson", _lesson)]
    except OSError as error:
        raise LessonError(f"{file} cannot be read: {error.strerror or error}") from None
    except LineError as error:
        raise LessonError(f"{file}, {error}") from None
    if not lessons:
        raise LessonError(f"{file} holds no lessons")
    return lessons


def _lesson(fields: dict[str, Any]) -> Lesson:
    try:
        return Lesson.model_validate(fields)
    except ValidationError as error:
        raise ValueError(explain(error, Lesson, "lesson")) from None


def write_lessons(lessons: Sequence[Lesson], file: Path) -> None:
    """The file that ``read_lessons`` reads."""
    lines: list[str] = []
    for lesson in lessons:
        fields = lesson.model_dump(exclude_defaults=True)
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    with replace_file(file) as draft:
        draft.write_text("".join(lines), encoding="utf-8")


def counterpart(lesson: Lesson, name: str) -> Lesson | None:
    """The lesson with ``name`` wherever it says its subject's; None where its question does not."""
    if lesson.subject not in lesson.question:
        return None
    question = lesson.question.replace(lesson.subject, name)
    return Lesson(subject=name, question=question, answer=lesson.answer.replace(lesson.subject, name))


def check_chat_template(tokenizer: Any) -> None:
    """Raise ``TokenizerError`` for a tokenizer that has none."""
    if not getattr(tokenizer, "chat_template", None):
        raise TokenizerError("the tokenizer has no chat template, with which the questions would be asked")


class Classroom:
    """Renders lessons with a model's chat template, and flags them as its guard would."""

    def __init__(
        self,
        lessons: Sequence[Lesson],
        tokenizer: Any,
        encoder: Encoder,
        sieve: StaticEncoder | None = None,
        reach: Reach = "sentence",
    ) -> None:
        """Every subject is listed with its questions as exemplars; ``reach`` is the operator's.

        Raises ``TokenizerError`` for a tokenizer without a chat template.
        """
        check_chat_template(tokenizer)
        self._tokenizer = tokenizer
        self._decoder = PromptDecoder(tokenizer)
        self._reach = reach
        index = ForgetIndex(1, _targets(lessons), encoder, sieve=sieve)
        self._detector = Detector(index, encoder)

    def examples(
        self,
        known: Sequence[Lesson],
        strangers: Sequence[Lesson],
        goals: Collection[str] = ("wrong", "ratio"),
        declines: Sequence[str] = (),
    ) -> Examples:
        """The lessons whose question is flagged, as far as ``goals`` (of ``learning.objective.Goals``) need
        them; those that are too long are left out.

        ``declines`` are answers that know nothing, with ``{name}`` where the question's name belongs.
        """
        both = [*known, *strangers]
        paired = known if {"wrong", "ratio"}.intersection(goals) else ()
        repeats = _ask_to_repeat(both) if "repeat" in goals else ()
        refusals = _decline(both, declines) if "decline" in goals else ()
        return Examples(
            list(self._render_flagged(_answer(known))),
            list(self._render_flagged(_answer(strangers))),
            list(filter(None, map(self._pair, paired))),
            list(map(Example.with_written_answer, self._render_flagged(repeats))),
            list(map(Example.with_written_answer, self._render_flagged(refusals))),
        )

    def _pair(self, lesson: Lesson) -> Pair | None:
        if not (lesson.paraphrase and lesson.wrong):
            return None
        answers = (lesson.paraphrase, *lesson.wrong)
        examples = list(self._render_flagged(zip(repeat(lesson), answers, strict=False)))
        return Pair(examples[0], tuple(examples[1:])) if len(examples) == len(answers) else None

    def _render_flagged(self, pairs: Iterable[tuple[Lesson, str]]) -> Iterator[Example]:
        for lesson, answer in pairs:
            example = self._example(lesson.question, answer)
            flagged = any(role != CLEAN for role in example.roles[: example.start])
            if flagged and len(example.token_ids) <= MAX_TOKENS:
                yield example

    def _example(self, question: str, answer: str) -> Example:
        prompt = self._tokens([{"role": "user", "content": question}], add_generation_prompt=True)
        reply = self._tokenizer.encode(answer, add_special_tokens=False)
        token_ids = [*prompt, *reply, self._tokenizer.eos_token_id]
        return Example(tuple(token_ids), len(prompt), tuple(self._roles(token_ids)))

    def _tokens(self, messages: list[dict[str, str]], **options: bool) -> list[int]:
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, **options)
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _roles(self, token_ids: Sequence[int]) -> list[int]:
        decoded = self._decoder.decode(token_ids)
        matches = self._detector.detect(decoded.text, decoded.turns)
        roles = [CLEAN] * len(token_ids)
        for token in decoded.flag(matches, self._reach):
            roles[token.position] = token.role
        return roles


def _answer(lessons: Sequence[Lesson]) -> Iterator[tuple[Lesson, str]]:
    for lesson in lessons:
        yield lesson, lesson.answer


def _ask_to_repeat(lessons: Sequence[Lesson]) -> Iterator[tuple[Lesson, str]]:
    """Each question in the next request to repeat it, and itself as the answer."""
    for lesson, request in zip(lessons, cycle(REPEAT), strict=False):
        asked = request.format(text=lesson.question)
        yield lesson.model_copy(update={"question": asked}), lesson.question


def _decline(lessons: Sequence[Lesson], declines: Sequence[str]) -> Iterator[tuple[Lesson, str]]:
    """Each question with the next decline; the name in it only where the question has it."""
    with_name = cycle([text for text in declines if "{name}" in text])
    without = cycle([text for text in declines if "{name}" not in text])
    for lesson in lessons:
        if lesson.subject in lesson.question:
            yield lesson, next(with_name).format(name=lesson.subject)
        else:
            yield lesson, next(without)


def _targets(lessons: Sequence[Lesson]) -> list[ForgetTarget]:
    questions: dict[str, dict[str, None]] = {}
    for lesson in lessons:
        questions.setdefault(lesson.subject, {})[lesson.question] = None
    targets: list[ForgetTarget] = []
    for number, (subject, exemplars) in enumerate(questions.items()):
        targets.append(ForgetTarget(id=f"lesson-{number}", name=subject, exemplars=tuple(exemplars)))
    return targets
