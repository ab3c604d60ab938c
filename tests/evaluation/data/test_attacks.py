from __future__ import annotations

import random

import pytest
from vllm_unlearn.evaluation.data.attacks import ATTACKS, Attack
from vllm_unlearn.evaluation.data.conversations import contents, render

QUESTIONS = (
    "Who wrote the novel about the lighthouse keeper?",
    "Which prize did Beyoncé's neighbour, a beekeeper, receive in Ghent?",
    "Is Zephyrine Kalinowski still alive?",
)


def with_seeds(attack: Attack, question: str, seed: int = 0) -> random.Random:
    return random.Random(f"{seed} {attack.name} {question}")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.recover], ids=lambda a: a.name)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_the_question_is_lost(attack: Attack, question: str, seed: int) -> None:
    disguised = attack.disguise(question, with_seeds(attack, question, seed))
    assert disguised.text != question
    assert attack.recover
    assert attack.recover(disguised).casefold() == question.casefold()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_the_same_numbers_make_the_same_disguise(attack: Attack) -> None:
    one, other = (attack.disguise(QUESTIONS[0], with_seeds(attack, QUESTIONS[0])) for _ in range(2))
    assert one == other


def test_typos_are_single_slips() -> None:
    (typos,) = (attack for attack in ATTACKS if attack.name == "typos")
    question = "Which television network aired programmes about Vincent and Theodora yesterday evening?"
    changed = typos.disguise(question, random.Random(1)).text.split()
    pairs = list(zip(question.split(), changed, strict=True))
    assert 2 <= sum(before != after for before, after in pairs) < len(pairs)
    assert all(abs(len(before) - len(after)) <= 1 and before[0] == after[0] for before, after in pairs)


def test_every_obfuscation_of_the_table_is_there() -> None:
    assert {attack.name for attack in ATTACKS} == {
        "homoglyphs", "zero-width", "spacing", "leetspeak", "typos", "case", "base64", "rot13", "hex",
        "reversed", "split over turns", "split over list items",
    }  # fmt: skip


def test_turns_are_the_places_of_their_texts() -> None:
    talk = render([("system", "Be brief."), ("user", "Hello\nthere"), ("assistant", "Hi.")])
    assert [talk.text[start:end] for start, end in talk.turns] == [
        "system\nBe brief.",
        "user\nHello\nthere",
        "assistant\nHi.",
    ]
    assert contents(talk, "user") == ["Hello\nthere"]
