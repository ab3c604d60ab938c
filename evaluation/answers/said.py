"""What a model says in each setting to the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .questions import Questions
from .served import BOTH, GUARDED, NO_GUARD, PROMPT_GUARD, Asked, Served

Track = Callable[[str, int], Callable[[], None]]
"""Begins a stretch of the progress, with its name and length; returns what goes a step on."""
Keep = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Said:
    """The answers to one question, by setting."""

    question: str
    answers: Mapping[str, str]

    @property
    def answer_guard_changed(self) -> bool:
        """Whether the answer guard made a difference."""
        return self.answers[BOTH] != self.answers[PROMPT_GUARD]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answers to the questions of a list whose unguarded answer is ``kept``: ``asked`` were asked."""

    name: str
    asked: int
    kept: tuple[Said, ...]


def ask(served: Served, questions: Questions, keep: Keep, tokens: int, track: Track) -> Sheet:
    """Ask all without a guard, and what ``keep`` takes, given question and answer, in the other settings."""
    served.list_only(questions.targets)
    step = track(f"{questions.name}, {NO_GUARD}", len(questions.asked))
    plain = served.clients[NO_GUARD].answers(questions.asked, tokens, step)
    kept: list[Asked] = []
    said: list[dict[str, str]] = []
    for asked, answer in zip(questions.asked, plain, strict=True):
        if keep(asked.text, answer):
            kept.append(asked)
            said.append({NO_GUARD: answer})
    for setting in GUARDED:
        step = track(f"{questions.name}, {setting}", len(kept))
        for one, answer in zip(said, served.clients[setting].answers(kept, tokens, step), strict=True):
            one[setting] = answer
    every = tuple(Said(asked.text, one) for asked, one in zip(kept, said, strict=True))
    return Sheet(questions.name, len(questions.asked), every)


def ask_again_alone(served: Served, sheet: Sheet, tokens: int, track: Track) -> Sheet:
    """The same, where answers that differ are asked for again one at a time: what shares a batch with other
    requests is rounded in another way, whoever reads it."""
    step, kept = track(f"{sheet.name}, differing", len(sheet.kept)), list[Said]()
    for said in sheet.kept:
        if len(set(said.answers.values())) > 1:
            asked = Asked(said.question)
            alone = {s: served.clients[s].answer(asked, tokens) for s in served.clients}
            said = Said(said.question, alone)
        kept.append(said)
        step()
    return Sheet(sheet.name, sheet.asked, tuple(kept))
