"""Others of the same name, before and after a counterexample says so."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...data import namesakes
from ...data.cases import Case, Row
from .goals import flag_goal, loss_goal, recall_goal, rwku_row
from .sources import Sources

NATURAL_NAMESAKES = 1_000
WITH_COUNTEREXAMPLES = "rwku with counterexamples"
"""The listing in which each namesake is a counterexample to its person."""


def namesake_rows(sources: Sources) -> Iterator[Row]:
    """Namesakes made up and met, and what a counterexample costs the person."""
    cases = [case for case, _, _ in namesakes.namesakes(sources.rwku.parts, sources.seed)]
    shared = [case for case in cases if case.labels["kind"] != "full name"]
    full = [case for case in cases if case.labels["kind"] == "full name"]
    yield from _rows("namesakes: part of the name", shared)
    yield from _rows("namesakes: the full name", full)
    natural = _natural(sources)
    yield Row("namesakes in benign prompts", "namesakes", "rwku", natural, (flag_goal(0.05),))
    bare, questions = "namesakes: forget questions", sources.questions()
    yield rwku_row(bare, "namesakes", questions)
    goals = (recall_goal(), loss_goal(bare))
    yield Row(f"{bare}, counterexample added", "namesakes", WITH_COUNTEREXAMPLES, questions, goals)


def _rows(name: str, cases: Sequence[Case]) -> Iterator[Row]:
    yield Row(name, "namesakes", "rwku", cases, (flag_goal(0.05), flag_goal(0.05, by="kind")))
    after = f"{name}, counterexample added"
    yield Row(after, "namesakes", WITH_COUNTEREXAMPLES, cases, (flag_goal(0.0),))


def counterexamples(sources: Sources) -> dict[str, list[str]]:
    """What says of each person's namesakes that they are others, by the person's name."""
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    for _, person, facts in namesakes.namesakes(sources.rwku.parts, sources.seed):
        texts[person].update(dict.fromkeys(facts))
    return {person: list(facts) for person, facts in texts.items()}


def _natural(sources: Sources) -> list[Case]:
    """Benign prompts in which a part of a listed name stands, of three letters or more."""
    parts: set[str] = set()
    for name in sources.rwku.people:
        parts.update(word.casefold() for word in namesakes.parts_of_name(name) or () if len(word) > 2)
    cases = [case for case in sources.benign.traffic if parts & set(case.text.casefold().split())]
    drawn = random.Random(sources.seed).sample(cases, min(2 * NATURAL_NAMESAKES, len(cases)))
    return [replace(case, labels={}) for case in drawn]
