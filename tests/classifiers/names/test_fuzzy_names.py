from __future__ import annotations

import sys
from itertools import product
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.names.fuzzy_names import FuzzyNames, within_one_edit


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
        ("Micheal Jackson", "Michael Jackson"),
        ("Steven Segal", "Steven Seagal"),
        ("Crouching Tigre, Hidden Dragon", "Crouching Tiger, Hidden Dragon"),
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
        ("Jasonn, Bateman", "Jason Bateman"),
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


LETTERS = "bcdfghlmnprst"
HOSTILE = {
    "many near": ([f"Jona{a} Kerb{b}" for a, b in product(LETTERS, repeat=2)], "jonax kerbx "),
    "two words shared": (
        [f"Maria Garcia {a}{b}{c}o" for a, b, c in product(LETTERS, repeat=3)],
        "Mraia Garcia ",
    ),
    "one name": (["Maria Garcia"] * 5_000, "Mraia Garcia "),
    "misspelt again and again": (["Stephen King"], "Stephan Kimg "),
    "a name of many words": (["la lala " * 60], "la lala "),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_listed_and_repeated_costs_no_more_than_linear_work(kind: str) -> None:
    """Counted, not timed: the steps from one word of a name to the next."""
    listed, text = HOSTILE[kind]
    few, many = (
        _steps(FuzzyNames((str(i), name) for i, name in enumerate(listed)), text * n) for n in (200, 800)
    )
    assert 0 < many <= 4.2 * few
    assert many <= 800 * 250


def _steps(names: FuzzyNames, text: str) -> int:
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_name in ("read", "within_one_edit", "replacing")

    sys.setprofile(count)
    try:
        list(names.find(text))
    finally:
        sys.setprofile(None)
    return calls


def test_long_words_are_not_looked_into() -> None:
    names = FuzzyNames([("t", "Stephen King")])
    assert _steps(names, "x" * 100_000) == 0
    assert list(names.find("stephen" + "n" * 100_000 + " King")) == []


def test_many_owners_of_a_misspelt_name_are_reported_up_to_a_few() -> None:
    names = FuzzyNames((str(i), "Maria Garcia") for i in range(5_000))
    assert 2 <= len(list(names.find("Mraia Garcia"))) <= 64
