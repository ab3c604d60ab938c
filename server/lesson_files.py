"""The lessons that a recipe is learned from: files that are given, or made by asking the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ..evaluation.data.people import names
from ..evaluation.models.causal_model import Advance, CausalModel
from ..evaluation.models.checkpoints import weights_digest
from ..evaluation.models.results_cache import Memo
from ..guard.lessons import (
    Lesson,
    LessonError,
    check_chat_template,
    counterpart,
    read_lessons,
    write_lessons,
)
from .witness import facts
from .witness.witness import Testimony, Track, Witness

# Fewer names say little of all others.
LEAST_NAMES = 10


@dataclass(frozen=True, slots=True)
class LessonFiles:
    """Lessons about what a model knows, and about strangers; ``asked`` counts names, where it was asked."""

    known: Path
    strangers: Path | None = None
    asked: dict[str, int] = field(default_factory=dict)

    def read(self) -> tuple[list[Lesson], list[Lesson]]:
        """Both kinds; without a file of strangers' the known ones about people who do not exist.

        Raises ``LessonError``.
        """
        known = read_lessons(self.known)
        return known, read_lessons(self.strangers) if self.strangers else _counterparts(known)

    def describe(self) -> dict[str, object]:
        """What a recipe says of them."""
        files = filter(None, (self.known, self.strangers))
        digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        return {"lessons": digests} | ({"asked": self.asked} if self.asked else {})


def ask_model(folder: Path, out: Path, seed: int, console: Console, device: str) -> LessonFiles:
    """Lessons that the model in ``folder`` gives itself, beside the recipe ``out``; those of an earlier run
    are taken again, and its answers where it was interrupted.

    Raises ``LessonError`` where the model knows too few names, ``TokenizerError`` without a chat template.
    """
    listed = facts.widely_known()
    asked = f"{weights_digest(folder)} {seed} {facts.digest()}"
    key = hashlib.sha256(asked.encode()).hexdigest()[:8]
    known, strangers, answers = (
        out.with_suffix(f".{kind}-{key}.jsonl") for kind in ("known", "strangers", "answers")
    )
    if not (known.is_file() and strangers.is_file()):
        testimony = _hear(folder, answers, listed, seed, console, device)
        write_lessons(testimony.known, known)
        write_lessons(testimony.strangers, strangers)
        answers.unlink(missing_ok=True)
    lessons = read_lessons(known)
    counts = {"names": len({fact.name for fact in listed}), "known": len({one.subject for one in lessons})}
    said = f"the model knows {counts['known']} of {counts['names']} names: {len(lessons)} lessons, {known}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return LessonFiles(known, strangers, counts)


def columns() -> tuple[ProgressColumn, ...]:
    """Of a progress bar: what is done, how far it is, and how long it takes."""
    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()


def _hear(
    folder: Path, answers: Path, listed: Sequence[facts.Fact], seed: int, console: Console, device: str
) -> Testimony:
    """What the model tells; ``answers`` keeps what it said so far."""
    from transformers import AutoTokenizer

    check_chat_template(AutoTokenizer.from_pretrained(folder))
    model = CausalModel(folder, torch.bfloat16, device, Memo(answers))
    with _show(console) as track:
        testimony = Witness(model, track, seed).testify(listed)
    if len(testimony.names) < LEAST_NAMES:
        answers.unlink(missing_ok=True)
        raise LessonError(
            f"asked in English about {testimony.asked} widely known names, the model knows "
            f"{len(testimony.names)}, and a recipe needs {LEAST_NAMES}: give questions that it answers with "
            "--known FILE"
        )
    return testimony


@contextmanager
def _show(console: Console) -> Iterator[Track]:
    """A bar for each thing that is begun."""
    with Progress(*columns(), console=console) as progress:

        def track(what: str, steps: int) -> Advance:
            return partial(progress.advance, progress.add_task(what, total=steps))

        yield track


def _counterparts(lessons: Sequence[Lesson]) -> list[Lesson]:
    """The same questions about people who do not exist, one for each subject."""
    subjects = dict.fromkeys(lesson.subject for lesson in lessons)
    strangers = dict(zip(subjects, cycle(names()), strict=False))
    others = [other for lesson in lessons if (other := counterpart(lesson, strangers[lesson.subject]))]
    if not others:
        raise LessonError(
            "no question holds its subject's name, so none can be asked of a stranger: give --strangers"
        )
    return others
