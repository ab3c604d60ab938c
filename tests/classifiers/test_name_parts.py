from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.name_parts import MAX_OWNERS, NameParts, PartHit

NAMES = [("diver", "Lena Quist"), ("actress", "Dakota Fanning"), ("ship", "The Salt Cartographer")]


def find(text: str) -> list[PartHit]:
    return list(NameParts(NAMES).find(text))


def weights(text: str) -> dict[str, float]:
    """The weight of each part found, as it is written."""
    return {text[hit.start : hit.end]: hit.weight for hit in find(text)}


@pytest.mark.parametrize("written", ["Quist", "quist", "QUIST", "Quíst", "Quist's", "Quist-led"])
def test_a_surname_is_found_where_it_stands(written: str) -> None:
    text = f"where did {written} find it?"
    (hit,) = find(text)
    assert (hit.target_id, text[hit.start : hit.end]) == ("diver", written)
    assert hit.weight > 0


def test_rarer_parts_weigh_more() -> None:
    assert weights("Was it Quist?")["Quist"] == 1.0
    assert 0.0 < weights("it has salt in it")["salt"] < weights("a cartographer")["cartographer"] <= 1.0


@pytest.mark.parametrize("text", ["", " ", "?!", "quisting", "the", "The Who", "Quis t", "東京"])
def test_what_is_no_part_is_not_found(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Boris Fanning",
        "Fanning Street",
        "Dakota Smith",
        "Who is Boris Fanning?",
    ],
)
def test_a_strangers_name_counts_against_it(text: str) -> None:
    assert weights(text) and all(weight < 0 for weight in weights(text).values())


@pytest.mark.parametrize(
    "text",
    [
        "Dakota Fanning",
        "Fanning, Dakota",
        "When Fanning came",
        "Did Fanning win?",
        "D. Fanning",
        "D Fanning",
        "Mr. Fanning",
        "They met Boris. Fanning left.",
        "Boris, Fanning and I",
        "Boris\nFanning",
        "boris fanning",
        "fanning Boris",
    ],
)
def test_what_is_no_strangers_name_counts_for_it(text: str) -> None:
    assert weights(text) and all(weight > 0 for weight in weights(text).values())


def test_a_stranger_may_be_called_what_is_a_word_elsewhere() -> None:
    assert weights("Who is Elle Fanning?")["Fanning"] < 0


@pytest.mark.parametrize("word", ["Describe", "Summarize", "Discuss", "Compare", "Explain", "Mrs", "Actress"])
def test_a_sentences_first_word_or_a_title_is_no_strangers_name(word: str) -> None:
    assert weights(f"{word} Fanning's best film")["Fanning's"] > 0


@pytest.mark.parametrize("text", ["WHICH FILM DID FANNING MAKE?", "Which Film Did Fanning Make?"])
def test_where_all_is_in_capitals_they_tell_nothing(text: str) -> None:
    assert all(weight > 0 for weight in weights(text).values())


def test_one_part_of_several_names_is_found_for_each() -> None:
    parts = NameParts([("one", "Lena Quist"), ("two", "Per Quist"), ("two", "Pelle Quist")])
    hits = list(parts.find("Lena Quist and Quist"))
    assert [(h.target_id, h.start, h.weight > 0) for h in hits] == [
        ("one", 0, True),
        ("one", 5, True),
        ("two", 5, False),
        ("one", 15, True),
        ("two", 15, True),
    ]


def test_the_words_of_all_names_are_known() -> None:
    parts = NameParts([*NAMES, ("diver", "Helena Øre"), ("city", "東京")])
    assert parts.words["diver"] == {"lena", "quist", "helena", "ore"}
    assert parts.words["ship"] == {"the", "salt", "cartographer"}
    assert "city" in parts.words


def test_a_part_of_very_many_names_is_found_for_some() -> None:
    parts = NameParts((str(number), f"Quist Nr{number}x") for number in range(3 * MAX_OWNERS))
    assert len(list(parts.find("who is quist?"))) == MAX_OWNERS
    assert [hit.target_id for hit in parts.find("nr150x")] == ["150"]


def test_no_names_have_no_parts() -> None:
    assert list(NameParts([]).find("Lena Quist")) == []


@settings(deadline=None)
@given(st.one_of(st.text(max_size=80), st.text("QuistLena'’.- \n", max_size=40)))
def test_parts_lie_in_the_text_in_order(text: str) -> None:
    hits = find(text)
    assert all(0 <= hit.start < hit.end <= len(text) and 0 < abs(hit.weight) <= 1 for hit in hits)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)


@pytest.mark.parametrize("piece", ["Quist ", "x-", "Q'", "quist.", "Lena Fanning ", "\U0001f600"])
def test_a_hostile_text_takes_bounded_time(piece: str) -> None:
    started = time.process_time()
    find(piece * (100_000 // len(piece)))
    assert time.process_time() - started < 10
