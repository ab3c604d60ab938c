"""What a model may know of the world: facts about people, about what is near them, and of TriviaQA."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import regex
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from ...classifiers.text.folding import normalise
from ...vocabulary import ForgetTarget
from .data_folder import DataFolder
from .datasets import Rwku, names_in
from .people import names
from .tofu_data import spread

LEVELS = (1, 2)
CLOZE = "Fill in the blank: {}"
BLANK = regex.compile("__+")
GUESSED = frozenset("yes no true false zero one two three four five six seven eight nine".split())  # noqa: SIM905

_ARTICLES = frozenset(("a", "an", "the"))
# Titles of Wikipedia, which TriviaQA's answers are: "Architect (band)".
_QUALIFIER = regex.compile(r" \([^()]*\)$")
_TITLE = regex.compile(
    r"(?<!\w)(?|\"(?=[\p{Lu}\d])([^\"]{3,80})\"|“(?=[\p{Lu}\d])([^”]{3,80})”"
    r"|‘(?=[\p{Lu}\d])(.{3,80}?)’(?!\w)|'(?=[\p{Lu}\d])(.{3,80}?)'(?!\w))"
)
_WORD = r"(?:(?:\p{Lu}\.)+|(?:St|Mr|Mrs|Dr)\.|\p{Lu}[\w-]*(?:['’](?!s\b)\w+)?)"
_SMALL = "(?:of|the|de|la|le|van|von|der|du|da|di|del)"
_MIDDLE = r"(?: \p{Lu}[\w.'’-]*){0,2} "
_RUN = regex.compile(rf"(?<![\w'’])({_WORD}(?: (?:{_SMALL} ){{0,2}}{_WORD})+)")


@dataclass(frozen=True, slots=True)
class Fact:
    """A question, the answers that tell the fact (plain, as ``plain`` makes them), and the name of what
    it is about, if that is known."""

    question: str
    answers: tuple[str, ...]
    entity: str = ""

    def stands_in(self, answer: str) -> bool:
        """Whether an answer tells the fact: whole words of it are one of ``answers``."""
        said = f" {plain(answer)} "
        return any(f" {one} " in said for one in self.answers)

    def about(self, name: str) -> Fact | None:
        """The same asked about another name; None where the entity does not stand in the question, if
        need be with middle names."""
        entity = _MIDDLE.join(f"(?i:{regex.escape(word)})" for word in self.entity.split())
        question, count = regex.subn(rf"(?<!\w){entity}(?!\w)", lambda _: name, self.question)
        return replace(self, question=question, entity=name) if self.entity and count else None


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about listed people, about their neighbours, and of TriviaQA: those to ask, or those known."""

    people: Sequence[Fact]
    neighbours: Sequence[Fact]
    trivia: Sequence[Fact]

    @property
    def every(self) -> list[Fact]:
        """The facts of all three lists."""
        return [*self.people, *self.neighbours, *self.trivia]

    def where(self, keep: Callable[[Fact], bool]) -> Facts:
        """The facts for which ``keep`` is true."""
        return Facts(*(tuple(filter(keep, facts)) for facts in (self.people, self.neighbours, self.trivia)))

    def __str__(self) -> str:
        people, neighbours, trivia = map(len, (self.people, self.neighbours, self.trivia))
        return f"{people} about people, {neighbours} about their neighbours, {trivia} of TriviaQA"


@dataclass(frozen=True, slots=True)
class Listed:
    """A forget list of its own: its targets, the known facts that they own, and those to be kept."""

    name: str
    targets: Sequence[ForgetTarget]
    forget: Sequence[Fact]
    keep: Sequence[Fact]


def load(data: DataFolder, sample: int | None = None) -> Facts:
    """The facts to ask for, of each kind at most ``sample``, evenly spread.

    People and neighbours are those of RWKU's levels 1 (with blanks) and 2 (Jin et al. 2024, arXiv
    2406.10890), neighbours where no listed person is named, not even with the blank filled in; trivia the
    part of TriviaQA (Joshi et al. 2017, arXiv 1705.03551) that RWKU measures utility with. Each question
    stands once. An answer is left out that stands in its question, and one that a guess hits, so that it
    shows no knowledge: yes, no, true, false, a single digit or letter; a question without another is not
    asked. Raises ``DataError`` for a missing file.
    """
    people = _distinct(_rwku(data, "forget", "subject"))
    listed, asked = Rwku(data).all_names, {fact.question for fact in people}
    neighbours = []
    for fact in _distinct(_rwku(data, "neighbor", "neighbor")):
        if fact.question not in asked and not names_in(BLANK.sub(fact.answers[0], fact.question), listed):
            neighbours.append(fact)
    trivia = _distinct(map(_trivia, data.rows("rwku/utility_triviaqa")))
    return Facts(*(spread(facts, sample) for facts in (people, neighbours, trivia)))


def lists(data: DataFolder, known: Facts) -> list[Listed]:
    """The people, by name and exemplars, and half of the known trivia, by the names of their entities.

    A hash of its question tells in which half a fact is, whatever else is known. In neither are facts
    without an entity, and to be forgotten is none whose entity stands in a question to be kept.
    """
    halves: tuple[list[Fact], list[Fact]] = ([], [])
    for fact in known.trivia:
        if fact.entity:
            halves[int(_digest(fact.question)[-1], 16) % 2].append(fact)
    keep, lost = halves
    questions = "\n".join(fact.question for fact in keep)
    lost = [fact for fact in lost if not names_in(questions, [fact.entity])]
    return [
        Listed("people", Rwku(data).targets("exemplars", {}), known.people, known.neighbours),
        Listed("TriviaQA", _entities(lost), lost, keep),
    ]


def rename(facts: Sequence[Fact]) -> dict[Fact, Fact]:
    """Each fact asked about somebody who does not exist, one for each entity: what still comes out is chance.

    Left out are facts whose entity does not stand in the question.
    """
    invented = dict(zip(dict.fromkeys(fact.entity for fact in facts), names(), strict=False))
    return {fact: other for fact in facts if (other := fact.about(invented[fact.entity]))}


def plain(text: str) -> str:
    """Text for comparison: case, accents, punctuation and articles go, as in TriviaQA's own measure."""
    return " ".join(word for word in normalise(text)[0].split() if word not in _ARTICLES)


def entity(question: str) -> str:
    """What a question names: its longest quoted title or run of two or more capitalised words.

    Small words may stand inside a run (``Alexander the Great``); the question's first word begins one
    only if it is no stop word. Empty where there is neither.
    """
    first, *rest = regex.split(r"\W", question, maxsplit=1)
    text = "".join(rest) if first.lower() in ENGLISH_STOP_WORDS else question
    matches = chain(_TITLE.finditer(text), _RUN.finditer(text))
    return max((match[1].strip(" .,;:!?") for match in matches), key=len, default="")


def _rwku(data: DataFolder, kind: str, about: str) -> Iterator[Fact]:
    for level in LEVELS:
        for row in data.rows(f"rwku/{kind}_level{level}"):
            query = row["query"]
            yield _fact(CLOZE.format(query) if BLANK.search(query) else query, [row["answer"]], row[about])


def _trivia(row: Mapping[str, Any]) -> Fact:
    text = row["question"]
    if len(text) > 1 and text[0] == text[-1] == '"':  # as CSV quotes it
        text = text[1:-1].replace('""', '"')
    return _fact(text, [_QUALIFIER.sub("", answer) for answer in row["answers"]], entity(text))


def _fact(question: str, answers: Iterable[str], about: str) -> Fact:
    asked = f" {plain(question)} "
    telling = (one for one in map(plain, answers) if len(one) > 1 and one not in GUESSED)
    return Fact(question, tuple(one for one in telling if f" {one} " not in asked), about)


def _distinct(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that have an answer, each question once."""
    return list({fact.question: fact for fact in facts if fact.answers}.values())


def _entities(facts: Sequence[Fact]) -> list[ForgetTarget]:
    """What the facts are about, by name alone."""
    names = {fact.entity.casefold(): fact.entity for fact in facts}
    return [ForgetTarget(id=f"trivia-{_digest(key)[:16]}", name=names[key]) for key in sorted(names)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
