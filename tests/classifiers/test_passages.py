from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.index.exemplar_index import exemplars
from vllm_unlearn.classifiers.passages import facts, full_names
from vllm_unlearn.vocabulary import ForgetTarget

WRECK = "She discovered the wreck of the Alderwind near Skagen."


def target(*passages: str, name: str = "Lena Quist") -> ForgetTarget:
    return ForgetTarget(id="x", name=name, passages=passages)


def test_the_sentences_of_passages_are_facts() -> None:
    other = "Quist married the botanist Per Ekelund in Uppsala."
    assert facts(target(WRECK, f"{WRECK} {other}")) == [WRECK, other]


def test_a_scope_of_plain_sentences_is_not_empty() -> None:
    plain = "She received several awards. It was a great success!"
    assert facts(target(plain)) == []
    assert len(facts(target(plain).model_copy(update={"scope": "exemplars"}))) == 2


@pytest.mark.parametrize(
    "sentence", ["She received several awards.", "Early life", "It was a great success!"]
)
def test_what_could_be_said_of_anyone_is_no_fact(sentence: str) -> None:
    assert facts(target(f"{sentence}\n{WRECK}")) == [WRECK]


def test_without_passages_there_is_nothing_to_know() -> None:
    assert facts(target()) == []
    assert list(full_names(target())) == []


@pytest.mark.parametrize(
    ("passage", "name"),
    [
        ("Helena Maria Quist (born 1931) was a diver.", "Helena Maria Quist"),
        ("Helena Maria Quist was a Danish diver.", "Helena Maria Quist"),
        ("Lena  Quist-Ørsted, (1931) dived.", "Lena  Quist-Ørsted"),
        ("H. M. Quist is a diver.", "H. M. Quist"),
    ],
)
def test_a_passage_may_begin_with_the_name_in_full(passage: str, name: str) -> None:
    assert list(full_names(target(passage))) == [name]


@pytest.mark.parametrize(
    "passage",
    [
        "Quist was a diver.",
        "She was a diver.",
        "The diver Lena Quist was born in 1931.",
        "Per Ekelund was the husband of Lena Quist.",
        "In 1931 Lena Quist was born.",
        "lena quist was a diver",
        "One Two Three Four Five Six Quist was long.",
        "",
    ],
)
def test_other_beginnings_are_no_names(passage: str) -> None:
    assert list(full_names(target(passage or "."))) == []


def test_a_relatives_article_makes_no_alias() -> None:
    passage = "Elle Fanning is an American actress, the sister of Dakota Fanning."
    assert list(full_names(target(passage, name="Dakota Fanning"))) == []


def test_what_any_text_may_say_is_no_exemplar() -> None:
    target = ForgetTarget(
        id="t",
        kind="topic",
        name="smelting",
        exemplars=("A blast furnace smelts haematite with coke. What can you do?", "What is it?"),
    )
    assert exemplars(target)[:2] == ["A blast furnace smelts haematite with coke.", "What is it?"]
    scoped = target.model_copy(update={"scope": "exemplars"})
    assert "What can you do?" in exemplars(scoped)
