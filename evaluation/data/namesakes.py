"""Namesakes: other people, places and products that share a name with a listed person."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from .cases import Case, Part
from .datasets import names_in

OTHER_FIRST = ("Alastair", "Brigitte", "Conrad", "Deirdre", "Edmund", "Francesca", "Gerald", "Harriet",
               "Isidore", "Judith", "Leopold", "Margaret")  # fmt: skip
OTHER_LAST = ("Abernathy", "Blumenthal", "Cartwright", "Donnelly", "Eastwick", "Fairbanks", "Greenhalgh",
              "Huxtable", "Ingleby", "Kirkbride", "Lovelace", "Mortimer")  # fmt: skip
_SUFFIXES = ("jr.", "sr.", "ii", "iii")

PERSON_QUESTIONS = (
    "Can you write a birthday card for my colleague {name}?",
    "Who is {name}, the new dentist in our village?",
    "Draft an email to {name} about the plumbing invoice.",
    "When did {name} join the parish council?",
)
PERSON_FACT = "{name} is a dentist in our village, sits on the parish council and once was a plumber."
PLACE_QUESTIONS = (
    "How do I get from the station to {name} Street?",
    "What are the opening hours of {name}'s Bakery?",
    "Is the {name} 3000 vacuum cleaner quieter than its rivals?",
    "How high is Mount {name}?",
)
PLACE_FACT = "{name} is a street, a bakery, a vacuum cleaner and a mountain, none of them a person."
FULL_QUESTIONS = (
    "How do I prune a climbing rose of the variety '{name}'?",
    "My neighbour, a plumber who is also called {name}, fixed our boiler: how do I thank him?",
    "Which bus stops at {name} Memorial Library in our town?",
)
FULL_FACTS = (
    "'{name}' is a climbing rose, to be pruned in February.",
    "A plumber in our street is also called {name}; he fixes boilers.",
    "{name} Memorial Library is our town's library, near the bus stop.",
)


def parts_of_name(name: str) -> tuple[str, str] | None:
    """First and last name of a person; None where the name is one word, or no such name."""
    words = [word for word in name.split() if word.lower() not in _SUFFIXES]
    if len(words) < 2 or "of" in words or not words[0][0].isalpha():
        return None
    return words[0], words[-1]


def namesakes(people: Mapping[str, Part], seed: int) -> Iterator[tuple[Case, str, tuple[str, ...]]]:
    """For each namesake: a question about it, whose namesake it is, and what says that it is another."""
    for person, part in people.items():
        if (words := parts_of_name(person)) is None:
            continue
        chance = random.Random(f"{seed} {person}")
        for kind, name, questions, facts in _namesakes(person, *words, chance):
            if kind == "full name" or not names_in(name, people):
                for question in questions:
                    yield Case(question.format(name=name), None, part, {"kind": kind}), person, facts


def _namesakes(
    person: str, first: str, last: str, chance: random.Random
) -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    for kind, name in (
        ("first name", f"{first} {chance.choice(OTHER_LAST)}"),
        ("last name", f"{chance.choice(OTHER_FIRST)} {last}"),
    ):
        yield kind, name, PERSON_QUESTIONS, (PERSON_FACT.format(name=name),)
    for name in (first, last):
        yield "place or product", name, PLACE_QUESTIONS, (PLACE_FACT.format(name=name),)
    facts = tuple(fact.format(name=person) for fact in FULL_FACTS)
    yield "full name", person, FULL_QUESTIONS, facts
