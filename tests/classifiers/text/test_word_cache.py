from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from vllm_unlearn.classifiers.text.folded_text import script
from vllm_unlearn.classifiers.text.folding import _FOLDING, MOST_CHARACTERS, normalise
from vllm_unlearn.classifiers.text.terms import find_terms, terms
from vllm_unlearn.classifiers.text.word_cache import LONGEST, WordCache, once_a_word
from vllm_unlearn.classifiers.text.word_frequency import preload

MEBIBYTE = 2**20


def taken(use: Callable[[Any], object], inputs: Iterable[Any]) -> float:
    """Mebibytes that stay in memory after ``use`` was called with each input."""
    tracemalloc.start()
    for one in inputs:
        use(one)
    (stays, _) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return stays / MEBIBYTE


def test_a_word_is_worked_out_once() -> None:
    asked: list[str] = []

    @once_a_word
    def work(word: str) -> str:
        """What it does."""
        asked.append(word)
        return word.upper()

    assert [work(word) for word in ("a", "b", "a")] == ["A", "B", "A"]
    assert (asked, work.__doc__) == (["a", "b"], "What it does.")


def test_what_fails_is_asked_again() -> None:
    cache = WordCache(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="base 10"):
            cache["none"]
    assert not cache


@pytest.mark.parametrize("letters", [1, LONGEST])
def test_it_takes_no_more_memory_than_it_may(letters: int) -> None:
    cache = WordCache(lambda word: [(word + " ", 1.0)], MEBIBYTE)
    words = (str(number).zfill(letters) for number in range(12_000))
    assert taken(cache.__getitem__, words) < 1.2
    assert cache["x"] == [("x ", 1.0)]


def test_no_client_fills_the_memory_with_words() -> None:
    preload()
    terms("a first word")
    texts = (f"{number:03}" + "a" * 200_000 for number in range(8))
    assert taken(terms, texts) < 0.5  # the last text is still held; remembered they take 3


def test_no_client_fills_the_memory_with_characters() -> None:
    for first in range(0x3000, 0x3000 + 2 * MOST_CHARACTERS, 4096):
        normalise("".join(map(chr, range(first, first + 4096))))
    assert len(_FOLDING) <= MOST_CHARACTERS
    assert script.cache_parameters()["maxsize"] == MOST_CHARACTERS


def test_what_is_remembered_is_what_is_worked_out() -> None:
    text = "Where did Zendaya write the Sourdough book in 1807?"
    assert [term.word for term in find_terms(text)] == [term.word for term in find_terms(text)]
