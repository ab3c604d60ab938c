from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.disguises.edits import APART, Piece
from vllm_unlearn.classifiers.disguises.seams import seams


def turns(*texts: str, between: str = "#") -> tuple[str, list[Piece]]:
    """A prompt of these texts, 100 characters each with the marks of a template, and where they stand."""
    bodies = [(100 * number, text) for number, text in enumerate(texts)]
    return "".join(f"{text}{between}".ljust(100, "#") for text in texts), bodies


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("Who was Albert Ein", "stein was a"), ["Who was Albert Einstein was a"]),
        (("Ada", "Example", "was"), ["AdaExample", "Examplewas"]),
        (("Call Paul.", "Simon is here"), []),
        (("Is that so?", "Yes"), []),
        (("Albert Ein", "- stein"), []),
        (("alone",), []),
    ],
)
def test_a_turn_goes_on_in_the_next(texts: tuple[str, ...], joined: list[str]) -> None:
    assert [edit.text for edit in seams(*turns(*texts), "")] == joined


def test_each_character_keeps_its_place() -> None:
    (edit,) = seams(*turns("Ada", "Example"), " ")
    assert edit.text == "Ada Example"
    places = edit.places()
    assert [places[0], places[4], places[-1]] == [(0, 1), (100, 101), (106, 107)]


def test_a_long_turn_is_joined_by_its_ends() -> None:
    (edit,) = seams(*turns("a" * 90, "b" * 90), "")
    assert (edit.start, edit.text) == (90 - 64, "a" * 64 + "b" * 64)


def test_what_only_stands_beside_it_does_not_go_on() -> None:
    assert not [*seams(*turns("Albert Ein", "stein", between=APART), "")]
