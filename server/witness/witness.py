"""Asks a model what it knows of widely known people and works, against names that nobody bears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ...classifiers.text.folding import normalise
from ...classifiers.text.segments import sentence_ends
from ...evaluation.models.causal_model import Advance, CausalModel, Ids, Input, Sampling
from ...guard.lessons import Lesson, counterpart
from .facts import Fact
from .invented_names import invent

MAX_NEW_TOKENS = 40
# As many as most facts have.
GUESSED_TOKENS = 8
# So many of the guesses about a name that nobody knows are no more certain than what the model knows.
CHANCE = 0.9
# Words of a name from so many letters on give away of whom an answer speaks.
TELLING_LETTERS = 4

Track = Callable[[str, int], Advance]
"""Told what is begun and how many steps it has; gives what hears of each step."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """Lessons about what a model knows, and the same about invented names; ``asked`` is how many names."""

    known: list[Lesson]
    strangers: list[Lesson]
    asked: int

    @property
    def names(self) -> list[str]:
        """The names that the model knows."""
        return list(dict.fromkeys(lesson.subject for lesson in self.known))


@dataclass(frozen=True, slots=True)
class _Told:
    """A question whose answer told the fact, and two invented names for the place of its name."""

    fact: Fact
    lesson: Lesson
    strangers: tuple[str, str]

    def about_strangers(self) -> Lesson:
        """The lesson about the first of them."""
        other = counterpart(self.lesson, self.strangers[0])
        assert other  # each form's questions hold the name
        return other


class Witness:
    """Asks ``model``, greedily; ``seed`` draws the invented names."""

    def __init__(self, model: CausalModel, track: Track, seed: int = 0) -> None:
        self._model = model
        self._track = track
        self._seed = seed

    def testify(self, facts: Sequence[Fact]) -> Testimony:
        """What the model tells of ``facts``, rightly and more surely than it says the same of invented names.

        Answers are in its own words where these can stand alone. A stranger's are the same about the invented
        name. What the model itself would say of one is as likely to it as what it knows: it teaches nothing.
        """
        told = self._ask(facts)
        gaps, chances = self._compare(told)
        limits = _limits(told, chances)
        known = [one for one, gap in zip(told, gaps, strict=True) if gap > limits[one.fact.form]]
        names = {fact.name for fact in facts}
        return Testimony([one.lesson for one in known], [one.about_strangers() for one in known], len(names))

    def _ask(self, facts: Sequence[Fact]) -> list[_Told]:
        """The questions that are answered with the fact, each as a lesson."""
        asked = [(fact, lesson) for fact in facts for lesson in fact.lessons()]
        prompts = [self._model.chat.prompt(lesson.question) for _, lesson in asked]
        track = self._track("asking the model what it knows", len(prompts))
        inputs = [Input(ids, len(ids)) for ids in prompts]
        answers = self._model.generate(inputs, Sampling(MAX_NEW_TOKENS), track)
        strangers = _strangers(facts, self._seed)
        told: list[_Told] = []
        for (fact, lesson), answer in zip(asked, chain.from_iterable(answers), strict=True):
            if fact.is_told(answer):
                said = own_words(fact, answer) or lesson.answer
                with_answer = lesson.model_copy(update={"answer": said})
                told.append(_Told(fact, with_answer, strangers[fact.name]))
        return told

    def _compare(self, told: Sequence[_Told]) -> tuple[list[float], list[float]]:
        """How much likelier each fact is of its name than of either invented one, and what the model guesses
        of the first than of the second: in nats, of as many tokens, after the same words."""
        facts = [self._encode(f" {one.fact.value}.") for one in told]
        begun = [[self._begin(one, name) for name in (one.fact.name, *one.strangers)] for one in told]
        guesses = self._guess([first for _, first, _ in begun])
        inputs: list[Input] = []
        for (real, first, second), fact, guess in zip(begun, facts, guesses, strict=True):
            inputs += (real.append(fact), first.append(fact), second.append(fact))
            inputs += (one.append(guess[: len(fact)]) for one in (first, second))
        answers = self._model.likelihoods(inputs, self._track("against invented names", len(inputs)))
        likely = [float(answer.logprob.sum()) for answer in answers]
        gaps = [likely[at] - max(likely[at + 1 : at + 3]) for at in range(0, len(likely), 5)]
        chances = [likely[at + 3] - likely[at + 4] for at in range(0, len(likely), 5)]
        return gaps, chances

    def _guess(self, begun: Sequence[Input]) -> list[Ids]:
        """How the model goes on."""
        track = self._track("what it guesses of invented names", len(begun))
        answers = chain.from_iterable(self._model.generate(begun, Sampling(GUESSED_TOKENS), track))
        return [self._encode(f" {answer}") for answer in answers]

    def _begin(self, told: _Told, name: str) -> Input:
        """The question about ``name``, and its answer up to where the fact comes."""
        question = told.lesson.question.replace(told.fact.name, name)
        ids = (*self._model.chat.prompt(question), *self._encode(told.fact.opening(name)))
        return Input(ids, len(ids))

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._model.chat.tokenizer.encode(text, add_special_tokens=False))


def _limits(told: Sequence[_Told], chances: Sequence[float]) -> dict[str, float]:
    """For each form what ``CHANCE`` of its guesses stay under: those of a deed are longer than a year's."""
    by_form: dict[str, list[float]] = {}
    for one, chance in zip(told, chances, strict=True):
        by_form.setdefault(one.fact.form, []).append(chance)
    return {form: max(0.0, sorted(every)[int(CHANCE * len(every))]) for form, every in by_form.items()}


def own_words(fact: Fact, answer: str) -> str | None:
    """The answer up to the end of the sentence that tells the fact; None where that does not come, or where
    a part of the name stands alone, which would be wrong of another."""
    ends = [start for start, _ in sentence_ends(answer)]
    if answer.endswith((".", "!", "?")):
        ends.append(len(answer))
    said = next((answer[:end] for end in ends if fact.is_told(answer[:end])), "")
    rest = set(normalise(said.replace(fact.name, " "))[0].split())
    parts = {word for word in normalise(fact.name)[0].split() if len(word) >= TELLING_LETTERS}
    return None if rest & parts else said or None


def _strangers(facts: Iterable[Fact], seed: int) -> dict[str, tuple[str, str]]:
    """Two invented names of its kind for each name."""
    kinds = {fact.name: fact.kind for fact in facts}
    strangers: dict[str, tuple[str, str]] = {}
    for kind in dict.fromkeys(kinds.values()):
        names = [name for name, of in kinds.items() if of == kind]
        invented = iter(invent(kind, 2 * len(names), seed))
        strangers |= dict(zip(names, zip(invented, invented, strict=True), strict=True))
    return strangers
