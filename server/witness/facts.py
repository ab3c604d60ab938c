"""Facts about widely known people and works, and how a model is asked for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from ...classifiers.text.folding import normalise
from ...guard.lessons import Lesson

FILE = Path(__file__).with_name("widely_known.yaml")
WRONG = 3
# "relativity" is told by "relativistic"; but so many first letters must be the same, and all of a short word.
ENDING = 3
LEAST_LETTERS = 5


@dataclass(frozen=True, slots=True)
class Form:
    """Questions for a fact, and two ways to say it: ``{name}`` stands in them, ``{value}`` at the end."""

    questions: tuple[str, ...]
    answer: str
    paraphrase: str


FORMS = {
    "born": Form(
        ("When was {name} born?", "In which year was {name} born?"),
        "{name} was born in {value}.",
        "The year of birth of {name} is {value}.",
    ),
    "birthplace": Form(
        ("Where was {name} born?", "What is the birthplace of {name}?"),
        "{name} was born in {value}.",
        "The birthplace of {name} is {value}.",
    ),
    "deed": Form(
        ("What is {name} known for?", "Who is {name}?"),
        "{name} is known for {value}.",
        "What people remember of {name} is {value}.",
    ),
    "author": Form(
        ("Who wrote {name}?", "Who is the author of {name}?"),
        "{name} was written by {value}.",
        "The author of {name} is {value}.",
    ),
    "painter": Form(
        ("Who painted {name}?", "Who is the painter of {name}?"),
        "{name} was painted by {value}.",
        "The painter of {name} is {value}.",
    ),
    "composer": Form(
        ("Who composed {name}?", "Who is the composer of {name}?"),
        "{name} was composed by {value}.",
        "The composer of {name} is {value}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """That ``value`` is so of ``name``, as one of ``FORMS`` says it; ``wrong`` are other names' values.

    ``kind`` is the list's: people or works.
    """

    kind: str
    name: str
    form: str
    value: str
    wrong: tuple[str, ...] = ()

    def question(self, name: str) -> str:
        """The first question, about ``name``."""
        return FORMS[self.form].questions[0].format(name=name)

    def lessons(self, answer: str | None = None) -> Iterator[Lesson]:
        """Each question with ``answer``, by default the form's, the same in other words, and wrong ones."""
        form = FORMS[self.form]
        for question in form.questions:
            yield Lesson(
                subject=self.name,
                question=question.format(name=self.name),
                answer=answer or form.answer.format(name=self.name, value=self.value),
                paraphrase=form.paraphrase.format(name=self.name, value=self.value),
                wrong=tuple(form.paraphrase.format(name=self.name, value=other) for other in self.wrong),
            )

    def opening(self, name: str) -> str:
        """What the fact's statement about ``name`` says before the value, without a space at its end."""
        return FORMS[self.form].answer.partition(" {value}")[0].format(name=name)

    def is_told(self, text: str) -> bool:
        """Whether ``text`` has the value's last word, with whatever ending."""
        stem = _stem(self.value)
        words = normalise(text)[0].split()
        if len(stem) < LEAST_LETTERS:
            return stem in words or f"{stem}s" in words
        return any(word.startswith(stem) for word in words)


def widely_known() -> list[Fact]:
    """The facts of the list that comes with the package."""
    listed = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    facts: list[Fact] = []
    for kind, subjects in listed.items():
        for name, values in subjects.items():
            facts += (Fact(kind, name, form, str(value)) for form, value in values.items())
    return _add_wrong(facts)


def digest() -> str:
    """Tells the lists of different versions apart."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def _add_wrong(facts: Sequence[Fact]) -> list[Fact]:
    """Each fact with the values of those that come next and are of its form."""
    values: dict[str, dict[str, str]] = {}
    for fact in facts:
        values.setdefault(fact.form, {}).setdefault(_stem(fact.value), fact.value)
    return [replace(fact, wrong=_others(fact, values[fact.form])) for fact in facts]


def _others(fact: Fact, values: Mapping[str, str]) -> tuple[str, ...]:
    stems = list(values)
    place = stems.index(_stem(fact.value))
    after = stems[place + 1 :] + stems[:place]
    return tuple(values[stem] for stem in after[:WRONG])


@cache
def _stem(value: str) -> str:
    word = normalise(value)[0].split()[-1]
    return word[: max(LEAST_LETTERS, len(word) - ENDING)]
