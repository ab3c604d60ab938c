from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.names.names import NameMatcher


def found(text: str, name: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in NameMatcher([("t", name)]).find(text)]


@pytest.mark.parametrize(
    "between",
    ["-", "*", "**", "·", ".", "_", "~", "|", "/", "+", "\n", " ", "-\n", "\u200b ", "\u00ad", "\u2011", "🙂",
     "[", '" + "', "", "`", "^", "–"],
)  # fmt: skip
def test_a_name_of_one_word_is_found_in_pieces(between: str) -> None:
    assert found(f"Who is Volde{between}mort, then?", "Voldemort") == [f"Volde{between}mort"]


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("Zen-daya", "Zendaya"),
        ("zen daya", "Zendaya"),
        ("Vol*de*mort", "Voldemort"),
        ("Vol**de**mort", "Voldemort"),
        ("Bey-oncé", "Beyoncé"),
        ("Bat*man", "Batman"),
        ("Ma-donna", "Madonna"),
        ("Franken-\nstein", "Frankenstein"),
        ("Вол-де-морт", "Волдеморт"),
        ("Quill-feather", "Quillfeather"),
    ],
)
def test_other_names_of_one_word_are_found_in_pieces(written: str, listed: str) -> None:
    assert found(f"Who is {written}?", listed) == [written]


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("Plan a man-date for two friends.", "Mandate"),
        ("They caught the rapist.", "Therapist"),
        ("the-rapist", "Therapist"),
        ("a bat man", "Batman"),
        ("Is Abel at home?", "Isabel"),
        ("And Rea went home.", "Andrea"),
        ("tea and/or coffee", "Andor"),
        ("my face book of portraits", "Facebook"),
        ("le vol de mort", "Voldemort"),
        ("They like Zen. Daya does not.", "Zendaya"),
        ("Volde, mort", "Voldemort"),
        ("the volde mortgage", "Voldemort"),
        ("go ogle", "Google"),
        ("ad ele", "Adele"),
        ("Prin ce alt termen?", "Prince"),
    ],
)
def test_words_that_make_a_name_by_chance_are_none(text: str, listed: str) -> None:
    assert found(text, listed) == []
