"""How a name is written in a prompt, against how it is listed: what is the same name, and what is none."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.names.names import NameMatcher
from vllm_unlearn.evaluation.detection.written_names import (
    ANOTHER,
    DIGRAPHS,
    INITIALS,
    PARTED,
    PUNCTUATED,
    SCRIPTS,
    WRITTEN,
    find,
)


@pytest.mark.parametrize(("listed", "text"), PUNCTUATED)
def test_punctuation_of_its_own_or_put_in_leaves_a_name(listed: str, text: str) -> None:
    assert find(text, listed)


@pytest.mark.parametrize(
    ("kind", "listed", "text"), [(kind, *row) for kind, rows in WRITTEN.items() for row in rows]
)
def test_other_ways_to_write_a_name_are_found(kind: str, listed: str, text: str) -> None:
    assert find(text, listed), kind


@pytest.mark.parametrize(
    ("kind", "listed", "text"), [(kind, *row) for kind, rows in ANOTHER.items() for row in rows]
)
def test_what_is_named_alike_is_another(kind: str, listed: str, text: str) -> None:
    assert find(text, listed) == [], kind


@pytest.mark.parametrize(
    ("listed", "text", "span"),
    [
        ("Venus Williams", "Did Venus and Serena Williams win?", "Venus and Serena Williams"),
        ("Bill Clinton", "Bill & Hillary Clinton met", "Bill & Hillary Clinton"),
        ("Vincent van Gogh", "Vincent und Theo van Gogh malten", "Vincent und Theo van Gogh"),
        ("Paul Simon", "Paul and Art met Simon", ""),
        ("Paul Simon", "Paul and Art. Simon left.", ""),
        ("Stephen King", "Stephen and the King", ""),
    ],
)
def test_two_may_share_a_surname(listed: str, text: str, span: str) -> None:
    assert find(text, listed) == ([span] if span else [])


@pytest.mark.parametrize(("listed", "text"), PARTED)
def test_a_list_and_two_sentences_are_no_name(listed: str, text: str) -> None:
    assert find(text, listed) == []


@pytest.mark.parametrize(("listed", "text"), SCRIPTS)
def test_names_of_other_scripts_are_found_as_they_are_typed(listed: str, text: str) -> None:
    assert find(text, listed)


@pytest.mark.parametrize(
    ("listed", "text"), [("李白", "桃李 白天"), ("김철수", "김 철수하다가"), ("اب", "ابن")]
)
def test_other_words_of_these_scripts_are_none(listed: str, text: str) -> None:
    assert find(text, listed) == []


@pytest.mark.parametrize(("listed", "written"), DIGRAPHS)
def test_letters_that_are_also_written_as_two_are_found_exactly(listed: str, written: str) -> None:
    assert written in find(f"Who is {written}, then?", listed)


@pytest.mark.parametrize(
    ("listed", "text"), [("Joe Cole", "Jo Colette"), ("Shell", "she'll come"), ("Loeb", "lob")]
)
def test_two_letters_are_not_one(listed: str, text: str) -> None:
    assert find(text, listed) == []


@pytest.mark.parametrize(("listed", "written"), INITIALS)
def test_given_names_may_be_initials_or_longer(listed: str, written: str) -> None:
    assert written in find(f"What of {written}?", listed)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("John Ronald Reuel Tolkien", "Christopher J. Tolkien edited it."),
        ("John Ronald Reuel Tolkien", "R. J. Tolkien"),
        ("Clive Staples Lewis", "Who is J. R. Lewis?"),
        ("Stephen King", "S. King"),
        ("Sam Adam King", "that's a king"),
        ("Ian Andrew King", "am i a king"),
        ("Michael Roy King", "Mr King"),
        ("Adrienne Irwin Field", "experience in the AI field"),
        ("J. K. Rowling", "Oliver Rowling, and John Ann Rowling"),
        ("Chris Brown", "Christopher Lee Brown"),
        ("Jim Parsons", "James Parsons"),
    ],
)
def test_initials_of_others_and_of_nobody_are_none(listed: str, text: str) -> None:
    assert find(text, listed) == []


@pytest.mark.parametrize(
    "text", ["J. R. R. Tolkien, ", "Stephen, King. ", "Löb Aron Bär ", "村上 春樹", "C. S. "]
)
def test_hits_of_every_way_lie_in_the_text_and_hold_the_name(text: str) -> None:
    names = ["John Ronald Reuel Tolkien", "Stephen King", "Loeb Aron Baer", "村上春樹", "Clive Staples Lewis"]
    for hit in NameMatcher(enumerate_names(names)).find(text * 50):
        written = (text * 50)[hit.start : hit.end]
        assert written == written.strip(" ,") and len(written) > 3


def enumerate_names(names: list[str]) -> list[tuple[str, str]]:
    return [(f"t{number}", name) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("listed", "prompt"),
    [
        ("will.i.am", "Who is William Shakespeare?"),
        ("a-ha", "aha!"),
        ("Jo-Ann", "Who is Joann Smith?"),
        ("Smith, Will", "Smith will go home."),
        ("Smith, Will", "Ask Smith. Will he come?"),
        ("Brown, Mark", "a brown mark on my skin"),
        ("Pope John Paul II", "Who was Pope John Paul I?"),
        ("Pope John Paul II", "Who was Pope Paul II?"),
        ("Star Wars: Episode IV", "Star Wars Episode V"),
        ("Paul Simon", '["Paul", "Simon", "Ann"]'),
    ],
)
def test_what_is_written_alike_is_another(listed: str, prompt: str) -> None:
    assert list(NameMatcher([("t", listed)]).find(prompt)) == []


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("What does Orban sell?", True),
        ("What does Orban Corp sell?", True),
        ("what does orban gmbh sell?", True),
        ("Who is Viktor Orban?", False),
    ],
)
def test_one_rare_word_of_a_company_is_no_persons_surname(prompt: str, found: bool) -> None:
    assert bool(list(NameMatcher([("t", "Orban Corporation")], [("t", "Orban")]).find(prompt))) == found
