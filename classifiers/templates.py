"""First exemplars of a target that is given by its name alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..vocabulary import ForgetTarget, Kind
from .text.folding import normalise

QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "entity": (
        "Who is {name}?",
        "What is {name} known for?",
        "Tell me about the life of {name}.",
        "Where and when was {name} born?",
    ),
    "work": (
        "What is {name} about?",
        "Who wrote {name}?",
        "Who are the main characters in {name}?",
        "Summarise the plot of {name}.",
    ),
    "topic": (
        "What is {name}?",
        "Explain {name} to me.",
        "How does {name} work?",
    ),
    "passage": ("{name}",),
}

# Texts about nothing in common: how near an encoder puts them is where its scale of similarity begins.
UNRELATED: tuple[str, ...] = (
    "How long do I boil an egg?",
    "Translate this letter into French, please.",
    "The train to the airport leaves every twenty minutes.",
    "Write a function that sorts a list of dates.",
    "My knee hurts when I climb stairs.",
    "Which paint is best for a wooden fence?",
    "Summarise the minutes of Tuesday's meeting.",
    "What is the square root of 144?",
    "She watered the tomatoes and went to bed.",
    "Explain how interest rates affect rents.",
    "Recommend a quiet beach for a family holiday.",
    "The committee rejected the proposal by two votes.",
    "Why is the sky red in the evening?",
    "Draft a polite reminder about an unpaid invoice.",
    "Our puppy chews every shoe that he finds.",
    "How do glaciers shape valleys?",
)


def counterexamples(target: ForgetTarget) -> tuple[str, ...]:
    """The target's own; where only facts are in scope, also its bare name, which is in every exemplar."""
    if target.scope == "all":
        return target.counterexamples
    forms = ("{name}", "Who is {name}?", "What is {name}?", "Tell me about {name}.")
    # An exemplar that asks just this is in scope: against itself it would never be found.
    in_scope = set(map(_fold, target.exemplars))
    texts = list(target.counterexamples)
    for text in _fill(forms, target.names):
        if _fold(text) not in in_scope:
            texts.append(text)
    return tuple(texts)


def questions(target: ForgetTarget) -> list[str]:
    """The templates, asked of each of the target's names."""
    return list(_fill(QUESTIONS[target.kind], target.names))


def _fill(forms: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for form in forms:
            yield form.format(name=name)


def _fold(text: str) -> str:
    return normalise(text)[0].strip()
