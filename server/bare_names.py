"""How little is said around a name by who asks for nothing but the name."""

from __future__ import annotations

from typing import Any

from ..guard.prompts import PromptDecoder
from ..vocabulary import Match, Role

REQUESTS = (
    "Who is {}?",
    "What is {}?",
    "Who wrote {}?",
    "Who is the author of {}?",
    "What is {} about?",
    "Tell me about {}.",
    "What do you know about {}?",
    "Tell me everything you know about {}.",
)
_NAME = "Mira Tolland"


def most_around(tokenizer: Any, frequent: int) -> int:
    """The most tokens but the ``frequent`` first that such a request has around the name.

    Tokenizers differ: where punctuation and single letters are numbered last, as by SentencePiece, the
    shortest question has more of them. Raises ``TokenizerError`` without a fast tokenizer.
    """
    decoder = PromptDecoder(tokenizer)
    return max(_around(tokenizer, decoder, request.format(_NAME), frequent) for request in REQUESTS)


def _around(tokenizer: Any, decoder: PromptDecoder, request: str, frequent: int) -> int:
    ids = tokenizer.encode(request)
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": request}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    decoded = decoder.decode(ids)
    start = decoded.text.casefold().find(_NAME.casefold())
    if start < 0:  # a tokenizer that writes names otherwise
        return 0
    match = Match("bare", start, start + len(_NAME), 1.0, _NAME)
    flagged = decoded.flag([match], "sentence")
    return sum(token.role is Role.TEXT and ids[token.position] >= frequent for token in flagged)
