from __future__ import annotations

from typing import Any

import pytest
from vllm_unlearn.guard.word_use import words_of

LANGUAGES = {
    " et": "fr", " der": "de", " las": "es", " dan": "id", " жизнь": "ru",
    " war": "en", " die": "en", " son": "en", " Paris": "en", " Gandhi": "en", " Watergate": "en",
    " xqzt": "", " 1984": "", " ?": "",
}  # fmt: skip


class Reader:
    """Tokens that read these texts."""

    added_tokens_decoder: dict[int, Any] = {}  # noqa: RUF012
    all_special_ids = ()

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def batch_decode(self, tokens: list[list[int]]) -> list[str]:
        return [self.texts[token] for (token,) in tokens]


@pytest.mark.parametrize(("text", "language"), LANGUAGES.items())
def test_a_word_has_the_language_that_uses_it(text: str, language: str) -> None:
    (word,) = words_of(Reader(text), 1, 0)
    assert word and word.language == language


@pytest.mark.parametrize("text", ["?", " the", " who", " et", " und"])
def test_punctuation_and_the_commonest_words_carry_the_grammar(text: str) -> None:
    (word, name) = words_of(Reader(text, " Gandhi"), 2, 0)
    assert word and word.grammar and name and not name.grammar


def test_rows_without_a_token_are_no_words() -> None:
    assert words_of(Reader(" a"), 3, 0)[1:] == [None, None]
