from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.folding import normalise


@settings(deadline=None)
@given(st.text(max_size=200))
def test_each_folded_character_knows_where_it_comes_from(text: str) -> None:
    folded, origins = normalise(text)
    assert len(folded) == len(origins)
    assert origins == sorted(origins)
    assert "  " not in folded
    assert normalise(folded)[0] == folded
