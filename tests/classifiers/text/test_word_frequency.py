from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.text.word_frequency import MAX_RARITY, common_words, rarity


@pytest.mark.parametrize("word", ["the", "where", "who", "der", "que", "и", "это"])
def test_the_words_of_every_sentence_are_not_rare(word: str) -> None:
    assert rarity(word) == 0.0


def test_rarer_words_are_rarer() -> None:
    words = ["what", "bread", "bakery", "sourdough", "alderwindish"]
    assert [rarity(word) for word in words] == sorted(rarity(word) for word in words)
    assert len({rarity(word) for word in words}) == len(words)


@pytest.mark.parametrize("word", ["", "alderwindish", "xqzzvk", "東京都庁舎前駅"])
def test_a_word_of_no_list_is_the_rarest(word: str) -> None:
    assert rarity(word) == MAX_RARITY


@settings(deadline=None)
@given(st.text(max_size=12))
def test_rarity_has_bounds(word: str) -> None:
    assert 0.0 <= rarity(word) <= MAX_RARITY


def test_common_words_are_ranked() -> None:
    ranks = common_words()
    assert len(ranks) == 40_000
    assert ranks["the"] < ranks["bread"] < ranks["bakery"]
    assert "alderwindish" not in ranks
