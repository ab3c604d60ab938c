from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from vllm_unlearn.classifiers.text.folding import normalise
from vllm_unlearn.vocabulary import ForgetTarget


@settings(deadline=None)
@given(st.text(max_size=200))
def test_each_folded_character_knows_where_it_comes_from(text: str) -> None:
    folded, origins = normalise(text)
    assert len(folded) == len(origins)
    assert origins == sorted(origins)
    assert "  " not in folded
    assert normalise(folded)[0] == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("کلای", "كلاي"), ("محـــمد", "محمد"), ("إبراهيم", "ابراهيم"), ("٣۴५", "345"), ("בֶּן", "בנ"),
        ("村上春樹", "村上春树"), ("黒沢", "黑泽"), ("Hawaiʻi", "hawaii"), ("OʼBrien", "o'brien"),
    ],
)  # fmt: skip
def test_what_is_read_alike_folds_alike(one: str, other: str) -> None:
    assert normalise(one)[0] == normalise(other)[0]


@pytest.mark.parametrize(
    "name", ["\u3164", "\u115f\u1160", "\uffa0 \u3164", "\u0640", "\u0301", "\ufe0f", "\U0001f600", "ʼ"]
)
def test_a_name_that_cannot_be_seen_or_searched_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="at least one letter or digit"):
        ForgetTarget(id="t", name=name)
    with pytest.raises(ValidationError, match="at least one letter or digit"):
        ForgetTarget(id="t", name="Ann", aliases=(name,))


@settings(deadline=None)
@given(st.text(max_size=6))
def test_a_name_that_is_accepted_folds_to_something(name: str) -> None:
    try:
        accepted = ForgetTarget(id="t", name=name).name
    except ValidationError:
        return
    assert normalise(accepted)[0].strip()
