from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.names.begun_names import BegunNames

NAMES = [
    ("einstein", "Albert Einstein"),
    ("gatsby", "The Great Gatsby"),
    ("mueller", "Jörg Müller"),
    ("prince", "Prince"),
    ("may", "Theresa May"),
]


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("I would like to know about Albert Ein", "Albert Ein"),
        ("the GREAT gat", "the GREAT gat"),
        ("Wer ist Jörg Mül", "Jörg Mül"),
        ("Albert Einste", "Albert Einste"),
        ("Albert Ei", None),
        ("Albert Ein?", None),
        ("Albert Ein ", None),
        ("Albert Einer", None),
        ("Albert Einstein", None),  # whole: another finds it
        ("Albert Ein is a fragment", None),
        ("Prin", None),
        ("Theresa Ma", None),
        ("", None),
    ],
)
def test_a_name_is_found_that_the_text_ends_within(text: str, begun: str | None) -> None:
    assert [text[hit.start : hit.end] for hit in BegunNames(NAMES).find(text)] == [begun] * bool(begun)


def test_all_names_that_begin_so_are_found() -> None:
    names = BegunNames([("a", "Ada Example"), ("b", "Ada Examen"), ("c", "Ada Exeter"), ("d", "Bo Example")])
    assert {hit.target_id for hit in names.find("This is Ada Exam")} == {"a", "b"}


def test_no_names_find_nothing() -> None:
    assert not [*BegunNames([]).find("Albert Ein")]
