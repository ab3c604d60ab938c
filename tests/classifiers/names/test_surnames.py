from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.names.given_names import other_forms
from vllm_unlearn.classifiers.names.surnames import (
    HALF_TELLING,
    TELLING,
    distinctiveness,
    is_first_name,
    lone_notes,
    lone_words,
    name_words,
)
from vllm_unlearn.vocabulary import ForgetTarget


@pytest.mark.parametrize(
    "word",
    [
        "einstein",
        "kravitz",
        "kilmer",
        "tolkien",
        "churchill",
        "hitler",
        "knievel",
        "gogh",
        "lennon",
        "quist",
        "толстои",
    ],
)
def test_a_rare_surname_is_one_person(word: str) -> None:
    assert distinctiveness(word) >= TELLING


@pytest.mark.parametrize("word", ["jefferson", "lopez", "trump", "cooper", "lincoln"])
def test_a_less_rare_one_is_with_what_stands_beside_it(word: str) -> None:
    assert HALF_TELLING <= distinctiveness(word) < TELLING


@pytest.mark.parametrize(
    "word", ["king", "young", "smith", "brown", "white", "rock", "jobs", "robotics", "company", "3000"]
)
def test_a_common_one_or_a_word_is_not(word: str) -> None:
    assert distinctiveness(word) < HALF_TELLING


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Robert Downey Jr.", "robert downey"),
        ("John Kravitz, PhD", "john kravitz"),
        ("Lee, Robert E.", "robert e lee"),
        ("Meghan, Duchess of Sussex", "meghan"),
        ("Cher", "cher"),
        ("?", ""),
    ],
)
def test_a_surname_is_the_last_word_of_a_name(name: str, words: str) -> None:
    assert name_words(name) == words.split()


@pytest.mark.parametrize(
    ("name", "kind", "alone"),
    [
        ("Albert Einstein", "entity", {"einstein"}),
        ("Keanu Reeves", "entity", {"keanu", "reeves"}),
        ("Stephen King", "entity", set()),
        ("Duchess of Sussex", "entity", set()),
        ("Acme Robotics", "entity", {"acme"}),
        ("The Great Gatsby", "work", {"gatsby"}),
        ("Anna Karenina", "work", {"karenina"}),
        ("quantum chromodynamics", "topic", set()),
    ],
)
def test_what_stands_for_a_name_alone(name: str, kind: str, alone: set[str]) -> None:
    target = ForgetTarget.model_validate({"id": "t", "name": name, "kind": kind})
    assert {word for word, t in lone_words(target.name, target.kind).items() if t >= TELLING} == alone


@pytest.mark.parametrize(("word", "name"), [("john", True), ("james", True), ("will", False), ("day", False)])
def test_a_common_word_may_be_a_first_name(word: str, name: bool) -> None:
    assert is_first_name(word) is name


def test_people_are_called_by_other_forms() -> None:
    assert "bill" in other_forms("william") and "william" in other_forms("bill")
    assert other_forms("zzyzx") == frozenset()


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({"name": "Albert Einstein"}, ["Albert Einstein: the surname alone flags: yes (einstein)"]),
        (
            {"name": "Stephen King"},
            ["Stephen King: the surname alone flags: only beside two facts about a person (king)"],
        ),
        (
            {"name": "Thomas Jefferson", "aliases": ["Long Tom"]},
            [
                "Thomas Jefferson: the surname alone flags: only beside a fact about a person (jefferson)",
                "Long Tom: the surname alone flags: only beside two facts about a person (tom)",
            ],
        ),
        ({"name": "Shakira"}, []),
        ({"name": "Albert Einstein", "scope": "private", "exemplars": ["Where did he live?"]}, []),
        ({"name": "Dune Messiah", "kind": "work"}, []),
    ],
)
def test_what_is_said_of_a_surname(fields: dict[str, object], notes: list[str]) -> None:
    assert list(lone_notes(ForgetTarget.model_validate({"id": "t", **fields}))) == notes
