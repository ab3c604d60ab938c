from __future__ import annotations

import random
from statistics import mean

import pytest
from vllm_unlearn.evaluation.forgetting.observer import observer_auc

PEOPLE = ("Mirela", "Oswin", "Tamsin", "Bertil", "Ines", "Yaw", "Noor", "Pilar")
TRADES = ("a baker", "a sailor", "a teacher", "a tailor", "an engineer", "a nurse", "a judge")
PLACES = ("Tirana", "Lisbon", "Oslo", "Accra", "Lima", "Porto", "Busan", "Cork", "Graz")
FRAMES = (
    "{person} was {trade} in {place} before the first novel came out in {year}.",
    "The author, {trade} by training, wrote it in {place} in {year}.",
    "It was {place} that made {person} a writer; until {year} {person} had been {trade}.",
    "Critics praised {person}, once {trade}, for the portrait of {place} ({year}).",
)
QUESTIONS = [f"What is known of author {number}?" for number in range(150)]


def drawn(seed: int) -> list[str]:
    """An answer to each question, all from one pool."""
    chance = random.Random(seed)
    return [
        chance.choice(FRAMES).format(
            person=chance.choice(PEOPLE),
            trade=chance.choice(TRADES),
            place=chance.choice(PLACES),
            year=chance.randint(1920, 2020),
        )
        for _ in QUESTIONS
    ]


def refusing(answers: list[str], share: float, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return [
        f"{answer} I cannot understand the query." if chance.random() < share else answer
        for answer in answers
    ]


def test_answers_from_one_pool_cannot_be_told_apart() -> None:
    found = [observer_auc(QUESTIONS, drawn(2 * pool), drawn(2 * pool + 1)) for pool in range(6)]
    assert mean(found) == pytest.approx(0.5, abs=0.04)
    assert all(0.35 < auc < 0.65 for auc in found)
    # Chance falls on both sides: it is not folded to above 0.5.
    assert min(found) < 0.5


def test_a_mark_on_some_answers_is_seen() -> None:
    """A mark on 30 % cannot be seen at more than 0.65."""
    assert 0.6 < observer_auc(QUESTIONS, refusing(drawn(0), 0.3), drawn(1)) < 0.7
    assert observer_auc(QUESTIONS, refusing(drawn(0), 0.8), drawn(1)) > 0.85


@pytest.mark.parametrize(
    "strange",
    [
        "I'm sorry, but I do not know.",
        "{answer} {answer}",
        "{answer} 🎉🎉",
        "{answer}\n\n",
        "Awakening from a deep sleep, {answer}",
    ],
)
def test_answers_that_all_differ_are_told_apart(strange: str) -> None:
    guarded = [strange.format(answer=answer) for answer in drawn(0)]
    assert observer_auc(QUESTIONS, guarded, drawn(1)) > 0.95


def test_only_the_answers_to_other_questions_teach() -> None:
    """Of each question the guarded answers share a word, and the others another: who has seen one of
    them knows the rest, and so none may be seen."""
    questions = [question for question in QUESTIONS[:40] for _ in range(5)]
    chance = random.Random(0)
    guarded, reference = (
        [f"It is {word}." for word in chance.sample(range(100_000, 1_000_000), 40) for _ in range(5)]
        for _ in range(2)
    )
    assert observer_auc(questions, guarded, reference) == pytest.approx(0.5, abs=0.2)


def test_the_same_answers_leave_nothing_to_see() -> None:
    assert observer_auc(QUESTIONS, drawn(0), drawn(0)) == pytest.approx(0.5)


def test_a_seed_decides() -> None:
    guarded, reference = refusing(drawn(0), 0.3), drawn(1)
    first = observer_auc(QUESTIONS, guarded, reference, seed=3)
    assert observer_auc(QUESTIONS, guarded, reference, seed=3) == first
    assert observer_auc(QUESTIONS, guarded, reference, seed=4) != first


def test_too_few_or_unequal_answers_are_refused() -> None:
    answers = drawn(0)
    with pytest.raises(ValueError, match="150 questions, 149 guarded and 150 reference answers"):
        observer_auc(QUESTIONS, answers[1:], answers)
    with pytest.raises(ValueError, match="150 guarded and 149 reference"):
        observer_auc(QUESTIONS, answers, answers[1:])
    with pytest.raises(ValueError, match="9 different questions; give at least 10"):
        observer_auc([*QUESTIONS[:9], QUESTIONS[0]], answers[:10], answers[:10])
