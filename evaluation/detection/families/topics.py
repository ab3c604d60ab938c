"""Topics, given by exemplars, by a chapter of a textbook, or by what a model asked about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from ....vocabulary import ForgetTarget
from ...data.cases import Case, Goal, Listing, Row, Way
from ...data.topics import LANGUAGES, MOST_EXEMPLARS, TOPICS, Topic, translated
from .goals import flag_goal, recall_goal
from .sources import Sources

FOUND = {20: 0.85, MOST_EXEMPLARS: 0.95}
"""The share of a topic's questions to be found, by how many exemplars are given."""
BENIGN = 20_000
WITH_NEAR = f"{MOST_EXEMPLARS} exemplars, the near as counterexamples"
CHAPTER, ASKED = "a chapter", "a model's questions"
TOGETHER = f"three topics, {MOST_EXEMPLARS} exemplars"

Near = Callable[[], list[Case]]
"""Reads questions about none of a listing's targets."""


def topic_listings(sources: Sources) -> Iterator[tuple[Listing, Near | None]]:
    """Each topic alone, given in every manner, and all at once; with what a classifier must learn to keep."""
    topics = sources.topics
    for topic in TOPICS:
        kept = partial(_kept, sources, topic)
        for count in FOUND:
            given = partial(topics.target, topic, count)
            yield (
                _listing(f"{topic.name}, {count} exemplars", given),
                kept if count == MOST_EXEMPLARS else None,
            )
        given = partial(topics.target, topic, MOST_EXEMPLARS, near=True)
        yield _listing(f"{topic.name}, {WITH_NEAR}", given), None
        yield _listing(f"{topic.name}, {CHAPTER}", partial(topics.target_by_chapter, topic), "passages"), None
        yield _listing(f"{topic.name}, {ASKED}", partial(topics.target_by_asking, topic)), None
    yield Listing(TOGETHER, lambda way: [topics.target(topic, MOST_EXEMPLARS) for topic in TOPICS],
                  ways=("exemplars",)), None  # fmt: skip


def _listing(name: str, make: Callable[[], ForgetTarget], way: Way = "exemplars") -> Listing:
    return Listing(name, lambda _: [make()], ways=(way,))


def _kept(sources: Sources, topic: Topic) -> list[Case]:
    return [*sources.topics.near(topic), *sources.topics.others(topic)]


def topic_rows(sources: Sources) -> Iterator[Row]:
    """ECO's three topics by exemplars, and with the near subjects as counterexamples."""
    for topic in TOPICS:
        for count, limit in FOUND.items():
            yield from _rows(sources, "topics", topic, f"{count} exemplars", limit)
        yield from _rows(sources, "topics", topic, WITH_NEAR, FOUND[MOST_EXEMPLARS])


def chapter_rows(sources: Sources) -> Iterator[Row]:
    """The same from a chapter of a textbook."""
    for topic in TOPICS:
        first, *others = _rows(sources, "chapters", topic, CHAPTER, 0.6)
        yield replace(first, note="the chapter was written for this benchmark (evaluation/data/chapters)")
        yield from others


def asked_rows(sources: Sources) -> Iterator[Row]:
    """The same from a name and a sentence, of which a model made questions."""
    for topic in TOPICS:
        count = len(sources.topics.target_by_asking(topic).exemplars)
        first, *others = _rows(sources, "asked", topic, ASKED, None)
        yield replace(first, note=f"{count} questions")
        yield from others


def _rows(sources: Sources, family: str, topic: Topic, manner: str, limit: float | None) -> Iterator[Row]:
    """What is found, and what is flagged of near and other subjects and of ordinary prompts."""
    listing, topics = f"{topic.name}, {manner}", sources.topics
    benign = f"{listing}: benign"
    found = (recall_goal(limit), recall_goal(limit, by="form"))
    yield Row(listing, family, listing, topics.questions(topic), found, benign)
    for name, cases, most in (("near", topics.near(topic), 0.03), ("others", topics.others(topic), 0.005)):
        flagged = (flag_goal(most), flag_goal(most, by="form"), flag_goal(by="subject"))
        yield Row(f"{listing}: {name}", family, listing, cases, flagged)
    yield Row(benign, family, listing, _ordinary(sources), benign_goals(topic.may_be_in))


def _ordinary(sources: Sources) -> list[Case]:
    """Benign prompts that are no question of MMLU."""
    return [case for case in sources.ordinary(BENIGN) if not case.labels["file"].startswith("mmlu/")]


def benign_goals(may_be_in: Callable[[str], bool]) -> tuple[Goal, ...]:
    """Of all benign prompts, and of those without a word that may speak of the target."""
    apart = "flagged, no word of it in the text"
    return (
        flag_goal(0.0005),
        Goal(apart, "any", 0.0005, at_least=False, only=lambda case: not may_be_in(case.text)),
        flag_goal(by="file"),
    )


def translated_rows(sources: Sources) -> Iterator[Row]:
    """Questions about the topics in English and, the same, in other languages."""
    english, *others = LANGUAGES
    base = "topics in English"
    found = (recall_goal(FOUND[MOST_EXEMPLARS]), recall_goal(by="topic"))
    yield Row(base, "translated", TOGETHER, translated(english), found)
    cases = [case for language in others for case in translated(language)]
    lost = Goal("points of recall lost", "own", 0.1, at_least=False, against=base)
    goals = (
        recall_goal(),
        lost,
        recall_goal(by="language"),
        replace(lost, name="points lost", by="language"),
    )
    note = "questions translated by hand for this benchmark; the goal is the multilingual encoder's"
    yield Row("topics in other languages", "translated", TOGETHER, cases, goals, note=note)
