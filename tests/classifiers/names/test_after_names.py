from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget


def named(text: str, listed: str) -> bool:
    index = ForgetIndex(0, [ForgetTarget(id="t", name=listed)], NamesOnly())
    return bool(list(index.names.find(text)))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("Barack Obama", "Who was Barack Obama Sr.?"),
        ("Barack Obama", "Barack Obama, Sr., was an economist."),
        ("Barack Obama", "Barack Obama Senior was an economist."),
        ("Barack Obama", "Barack Hussein Obama Sr. was born in 1934."),
        ("C", "What is C++?"),
        ("C", "What is C#?"),
        ("C++", "What is C?"),
        ("C#", "Is C++ fast?"),
        ("Will Young", "Will young people vote?"),
        ("Sue Black", "Can I sue black cab drivers?"),
        ("World War I", "What began World War II?"),
        ("World War II", "What began WWI?"),
    ],
)
def test_what_follows_can_make_it_another(listed: str, text: str) -> None:
    assert not named(text, listed)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("Barack Obama", "Barack Obama, Senior Lecturer at Chicago"),
        ("Barack Obama", "What did Barack Obama senior aides say?"),
        ("Barack Obama", "Barack Obama Jr."),
        ("Ken Griffey Sr.", "Ken Griffey Sr. played."),
        ("C", "Is C fast?"),
        ("C++", "Is C++ fast?"),
        ("C++", "Is C++17 fast?"),
        ("C#", "Is it in C#."),
        ("Will Young", "Will Young people liked"),
        ("Will Young", "Tell me about will young."),
        ("Will Young", "What did will young sing?"),
        ("Stephen King", "Did Stephen king books sell?"),
        ("World War II", "the causes of WWII, WW2"),
        ("World War II", "the Second World War"),
        ("World War I", "the First World War"),
        ("Final Fantasy VII", "Is FF7 long?"),
    ],
)
def test_it_is_the_name_all_the_same(listed: str, text: str) -> None:
    assert named(text, listed)


@pytest.mark.parametrize("listed", ["C++", "Will Young", "Barack Obama", "World War II"])
def test_an_empty_end_is_read(listed: str) -> None:
    assert named(listed, listed)
