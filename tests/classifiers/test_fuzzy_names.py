from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.fuzzy_names import FuzzyNames, within_one_edit


def found(text: str, *names: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in FuzzyNames(("t", name) for name in names).find(text)]


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("Jsaon Bateman", "Jason Bateman"),
        ("Jason Batemen", "Jason Bateman"),
        ("Jasonn Batemann", "Jason Bateman"),
        ("jasom batemam", "Jason Bateman"),
        ("J4son Bateman", "Jason Bateman"),
        ("Beyonze", "Beyoncé"),
        ("Anna Nicole Smiht", "Anna Nicole Smith"),
        ("Стивена Кинга", "Стивен Кинг"),
        ("Анной Ахматовой", "Анна Ахматова"),
    ],
)
def test_a_misspelt_name_is_found_where_it_stands(written: str, listed: str) -> None:
    assert found(f"Who is {written}, then?", listed) == [written]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jason Bateman", "Jason Bateman"),
        ("Jxsxn Bateman", "Jason Bateman"),
        ("Jason", "Jason Bateman"),
        ("Bateman Jason", "Jason Bateman"),
        ("Jaxon Batxman Smxth", "Jason Bateman Smith"),
        ("Mark Human", "Mark Cuban"),
        ("the porter came", "Potter"),
        ("Chex", "Cher"),
        ("Lo Ming", "Li Ming"),
        ("", "Jason Bateman"),
    ],
)
def test_what_is_no_misspelling_is_not_found(text: str, name: str) -> None:
    assert found(text, name) == []


def test_nothing_is_found_where_nothing_is_listed() -> None:
    assert found("Jason Bateman") == []


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_edit_is_symmetric_and_reflexive(one: str, other: str) -> None:
    assert within_one_edit(one, one)
    assert within_one_edit(one, other) == within_one_edit(other, one)
    assert within_one_edit(one, other) == (other in _edited(one))


def _edited(word: str) -> set[str]:
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    return (
        {word}
        | {a + b[1:] for a, b in cuts if b}
        | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
        | {a + c + b for a, b in cuts for c in "abc"}
        | {a + c + b[1:] for a, b in cuts if b for c in "abc"}
    )


@settings(deadline=None)
@given(st.integers(0, 6), st.sampled_from("xyzq"), st.text("., \n", max_size=3))
def test_any_letter_may_be_wrong(place: int, letter: str, end: str) -> None:
    written = "Bateman"[:place] + letter + "Bateman"[place + 1 :]
    assert found(f"Ask Jason {written}{end}", "Jason Bateman") == [f"Jason {written}"]


def test_a_hostile_text_takes_bounded_time() -> None:
    names = FuzzyNames((str(i), f"Jona{a}{b} Kerb{b}{a}") for i, (a, b) in enumerate(_pairs()))
    started = time.process_time()
    assert list(names.find("jonax kerby " * 3_000)) == []
    list(names.find("x" * 100_000))
    assert time.process_time() - started < 10


def _pairs() -> list[tuple[str, str]]:
    letters = "bcdfghlmnprst"
    return [(a, b) for a in letters for b in letters]
