from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.names.fuzzy_names import FuzzyNames
from vllm_unlearn.classifiers.names.name_parts import NameParts
from vllm_unlearn.classifiers.names.names import NameMatcher
from vllm_unlearn.classifiers.text.numerals import is_number


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("Who won the World Cup 2014?", "World Cup 2018"),
        ("Patient 10243", "Patient 10234"),
        ("Patient 102345", "Patient 10234"),
        ("patient102345", "Patient 10234"),
        ("1patient10234", "1 Patient 10234 B"),
        ("Rocky III", "Rocky II"),
        ("Henry VII", "Henry VIII"),
        ("Louis XVII", "Louis XVIII"),
        ("John Paul III", "John Paul II"),
        ("World War I", "World War II"),
        ("iPhone 14", "iPhone 15"),
        ("gpt45", "GPT-4"),
        ("GPT-3", "GPT-4"),
        ("Catch-23", "Catch-22"),
        ("Windows 2003", "Windows 2000"),
        ("2010: A Space Odyssey", "2001: A Space Odyssey"),
        ("flight MH371", "Flight MH370"),
        ("the September 12 attacks", "September 11 attacks"),
        ("born on 1971-05-04", "1971-05-03"),
        ("the 52nd State", "51st State"),
    ],
)
def test_a_number_takes_no_typo_and_no_ending(text: str, listed: str) -> None:
    pairs = [("t", listed)]
    assert not [*NameMatcher(pairs).find(text), *FuzzyNames(pairs).find(text)]


@pytest.mark.parametrize(
    ("text", "listed"), [("Wrold Cup 2018", "World Cup 2018"), ("Pateint 10234", "Patient 10234")]
)
def test_the_words_beside_a_number_do(text: str, listed: str) -> None:
    assert [text[hit.start : hit.end] for hit in FuzzyNames([("t", listed)]).find(text)] == [text]


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("Who directed Terminator 3?", "Terminator 2"),
        ("who directed terminator 3", "Terminator 2"),
        ("What is GPT-3?", "GPT-4"),
        ("World Cup (2014)", "World Cup 2018"),
        ("the 2014 World Cup", "World Cup 2018"),
        ("rocky iii", "Rocky II"),
        ("Patient 10243", "Patient 10234"),
    ],
)
def test_a_part_of_a_name_beside_another_number_is_anothers(text: str, listed: str) -> None:
    weights = [hit.weight for hit in NameParts([("t", listed)]).find(text)]
    assert weights and max(weights) < 0


@pytest.mark.parametrize(
    "text", ["the Terminator film", "3 Terminator films", "Terminator 2", "Terminator. 3 people"]
)
def test_a_part_beside_no_other_number_is_the_names(text: str) -> None:
    assert max(hit.weight for hit in NameParts([("t", "Terminator 2")]).find(text)) > 0


def test_a_name_without_a_number_has_no_series() -> None:
    assert all(hit.weight > 0 for hit in NameParts([("t", "Terminator")]).find("Terminator 3"))


def test_what_counts_as_a_number() -> None:
    assert all(map(is_number, ("2018", "4o", "8th", "mh370", "ii", "xviii")))
    assert not any(map(is_number, ("king", "vivid", "iiii", "")))
