from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.disguises.edits import Piece
from vllm_unlearn.classifiers.disguises.seams import seams


def bodies(*texts: str) -> list[Piece]:
    """The texts with the marks of a template between them."""
    return [(100 * number, text) for number, text in enumerate(texts)]


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
    assert [edit.text for edit in seams(bodies(*texts), "")] == joined


def test_each_character_keeps_its_place() -> None:
    (edit,) = seams(bodies("Ada", "Example"), " ")
    assert edit.text == "Ada Example"
    places = edit.places()
    assert [places[0], places[4], places[-1]] == [(0, 1), (100, 101), (106, 107)]


def test_a_long_turn_is_joined_by_its_ends() -> None:
    (edit,) = seams(bodies("a" * 90, "b" * 90), "")
    assert (edit.start, edit.text) == (90 - 64, "a" * 64 + "b" * 64)
