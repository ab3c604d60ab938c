"""The report on topics: results.json, and results.md with a table for what is to be forgotten, for what is
near and for other subjects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.topic_data import LETTERS
from .aftermath import is_degenerate, is_empty, is_refusal
from .choices import Choice
from .knowledge_report import Share, _table

FORGET, NEAR, OTHER = "to forget", "near", "other subjects"
RIGHT_LETTER, RIGHT_TEXT, RIGHT_ANSWER = "right by letter", "right by text", "right as answered"
OFF_FORM = "no choice made"
MARKS = {"empty": is_empty, "degenerate": is_degenerate, "a refusal": is_refusal}
NO_GUARD, OTHER_QUESTION = "no guard", "another's question"

READING = f"""\
Figures are hits of n, with the 95 % Wilson interval. Chance is 25 %.

- {RIGHT_TEXT}: the choice whose text is the likeliest a character after "Question: … Answer:", without the
  choices. {RIGHT_LETTER}: the likeliest of the four letters as the answer's first token, in a chat that shows
  the choices. {RIGHT_ANSWER}: the choice that the answer makes in that chat, by its letter or the choice's
  text; where it makes none ("{OFF_FORM}") it is wrong.
- "letter A" and so on: how often each is the likeliest. A guard that always ends on one would show here.
- {OTHER_QUESTION}: the reference. Without a guard, the choices stand under another question of their
  topic: what they tell by themselves.
- whole: every question about a topic is flagged with its choices. question: without them. found: what the
  detector finds, by the topic's name and its exemplars."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a method chooses in a part of the questions."""

    choices: Sequence[Choice]

    def figures(self) -> dict[str, Share]:
        """Shares by name, without those of nothing."""
        every, shown = self.choices, [one for one in self.choices if one.answer is not None]
        shares = {
            RIGHT_TEXT: Share.of(one.by_text == one.question.answer for one in every),
            RIGHT_LETTER: Share.of(one.by_letter == one.question.answer for one in shown),
            RIGHT_ANSWER: Share.of(one.said == one.question.answer for one in shown),
            OFF_FORM: Share.of(one.said is None for one in shown),
        }
        for kind, bears in MARKS.items():
            shares[f"the answer is {kind}"] = Share.of(bears(str(one.answer)) for one in shown)
        for place, letter in enumerate(LETTERS):
            shares[f"letter {letter}"] = Share.of(one.by_letter == place for one in shown)
        shares["flagged"] = Share.of(one.flagged for one in every if one.flagged is not None)
        return {name: share for name, share in shares.items() if share.n}


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """How the run was made, and what came of it: ``sheets`` holds, for each part of the questions and each
    method, a sheet a seed."""

    run: Mapping[str, str]
    sheets: Mapping[str, Mapping[str, Sequence[Sheet]]]

    def figures(self, part: str, method: str) -> list[dict[str, Share]]:
        """The figures of a method on a part of the questions, one dictionary a seed."""
        return [sheet.figures() for sheet in self.sheets[part][method]]

    def write(self, folder: Path) -> None:
        """``results.json``, with every answer of the first seeds, and ``results.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        everything = {"run": dict(self.run), "figures": self._figures(), "answers": self._answers()}
        (folder / "results.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False))
        (folder / "results.md").write_text("\n".join(self._markdown()) + "\n")

    def _figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for part, methods in self.sheets.items():
            figures[part] = {}
            for method in methods:
                seeds = self.figures(part, method)
                figures[part][method] = [{n: share.as_json() for n, share in one.items()} for one in seeds]
        return figures

    def _answers(self) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for part, methods in self.sheets.items():
            answers[part] = {
                method: [_as_json(one) for one in seeds[0].choices] for method, seeds in methods.items()
            }
        return answers

    def _markdown(self) -> Iterator[str]:
        yield "# Topics: what a guarded model still knows of MMLU's subjects\n"
        yield from (f"- {name}: {value}" for name, value in self.run.items())
        yield f"\n{READING}"
        for part, methods in self.sheets.items():
            yield f"\n## {part}\n"
            yield from _table({method: self.figures(part, method) for method in methods})


def _as_json(choice: Choice) -> dict[str, Any]:
    question = choice.question
    return {
        "subject": question.subject,
        "question": question.text,
        "right": LETTERS[question.answer],
        "by_text": LETTERS[choice.by_text],
        "by_letter": None if choice.by_letter is None else LETTERS[choice.by_letter],
        "answer": choice.answer,
        "said": None if choice.said is None else LETTERS[choice.said],
        "flagged": choice.flagged,
    }
