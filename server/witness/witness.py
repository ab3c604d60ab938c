"""Asks a model what it knows of widely known people and works, against names that nobody bears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ...classifiers.text.folding import normalise
from ...classifiers.text.segments import sentence_ends
from ...evaluation.models.causal_model import Advance, CausalModel, Input, Sampling
from ...guard.lessons import Lesson, counterpart
from .facts import Fact
from .invented_names import invent

# As many as ``CausalModel`` writes without reading all anew.
MAX_NEW_TOKENS = 32
# In nats: so much likelier than of either invented name is a fact of one that the model knows. A guess that
# happens to be right is about as likely of all of them.
CERTAIN = 2.0
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
    """A fact that an answer told, the answer where it can stand alone, and two invented names."""

    fact: Fact
    said: str | None
    strangers: tuple[str, str]


class Witness:
    """Asks ``model``, greedily; ``seed`` draws the invented names."""

    def __init__(self, model: CausalModel, track: Track, seed: int = 0) -> None:
        self._model = model
        self._track = track
        self._seed = seed

    def testify(self, facts: Sequence[Fact]) -> Testimony:
        """What the model tells of ``facts``, rightly and more surely than it says the same of invented names.

        A stranger's answers are the same about the invented name. What the model itself would say of one is
        as likely to it as what it knows: it teaches nothing.
        """
        told = self._ask(facts)
        known: list[Lesson] = []
        strangers: list[Lesson] = []
        for one, gap in zip(told, self._compare(told), strict=True):
            if gap > CERTAIN:
                lessons = list(one.fact.lessons(one.said))
                known += lessons
                strangers += filter(None, (counterpart(lesson, one.strangers[0]) for lesson in lessons))
        return Testimony(known, strangers, len({fact.name for fact in facts}))

    def _ask(self, facts: Sequence[Fact]) -> list[_Told]:
        """The facts that the model tells, each asked for once."""
        prompts = [self._prompt(fact, fact.name) for fact in facts]
        track = self._track("asking the model what it knows", len(prompts))
        inputs = [Input(ids, len(ids)) for ids in prompts]
        answers = chain.from_iterable(self._model.generate(inputs, Sampling(MAX_NEW_TOKENS), track))
        strangers = _strangers(facts, self._seed)
        told: list[_Told] = []
        for fact, answer in zip(facts, answers, strict=True):
            if fact.is_told(answer):
                told.append(_Told(fact, own_words(fact, answer), strangers[fact.name]))
        return told

    def _compare(self, told: Sequence[_Told]) -> list[float]:
        """How much likelier each fact is of its name than of either invented one, after the same words: in
        nats."""
        inputs: list[Input] = []
        for one in told:
            value = self._encode(f" {one.fact.value}.")
            inputs += (self._begin(one.fact, name).append(value) for name in (one.fact.name, *one.strangers))
        answers = self._model.likelihoods(inputs, self._track("against invented names", len(inputs)))
        likely = [float(answer.logprob.sum()) for answer in answers]
        return [likely[at] - max(likely[at + 1 : at + 3]) for at in range(0, len(likely), 3)]

    def _begin(self, fact: Fact, name: str) -> Input:
        """The question about ``name``, and its answer up to where the fact comes."""
        ids = (*self._prompt(fact, name), *self._encode(fact.opening(name)))
        return Input(ids, len(ids))

    def _prompt(self, fact: Fact, name: str) -> tuple[int, ...]:
        return self._model.chat.prompt(fact.question(name))

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._model.chat.tokenizer.encode(text, add_special_tokens=False))


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
