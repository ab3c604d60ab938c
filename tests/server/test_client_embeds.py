"""What a client sees of prompt embeddings: what a plain server shows, which takes none."""

from __future__ import annotations

from engines import EMBEDS, Guarded, Said


def test_each_answer_is_that_of_a_plain_server(plain: Said, guarded: Guarded) -> None:
    assert guarded.said.embeds == plain.embeds


def test_the_placeholder_is_ordinary_text_and_embeddings_are_refused_in_plain_words(plain: Said) -> None:
    """The questions are such as can tell."""
    for name in EMBEDS:
        status, body = plain.embeds[name]
        assert status == (400 if name.startswith("own") else 200)
        assert ("--enable-prompt-embeds" in str(body)) is name.startswith("own")
