"""Texts of one language are told from those of others."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.text.language import WORDLESS, language_of, texts_in

TEXTS = {
    "How does a central bank set interest rates?": "en",
    "Wie repariere ich einen tropfenden Wasserhahn?": "de",
    "Combien d'eau faut-il boire par jour ?": "fr",
    "Buzdolabı nasıl çalışır, açıkla.": "tr",
    "Какая завтра будет погода?": "cyrillic",
    "この文を英語に訳してください。": "cjk",
    "419 * 16 =": WORDLESS,
    "???": WORDLESS,
    "": WORDLESS,
}


@pytest.mark.parametrize(("text", "language"), TEXTS.items())
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of(text) == language
    alike = [place for place, each in enumerate(TEXTS.values()) if each == language]
    assert language == "en" or texts_in(language, list(TEXTS)) == alike
