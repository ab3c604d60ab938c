"""How little is said around a name by who asks for nothing but the name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..vocabulary import Match, Role
from .prompts import PromptDecoder

REQUESTS = (
    "Who is {}?",
    "What is {}?",
    "Who wrote {}?",
    "Who is the author of {}?",
    "What is {} about?",
    "Tell me about {}.",
    "What do you know about {}?",
    "Tell me everything you know about {}.",
    "Write a short biography of {}.",
    "Which author wrote {}?",
    "Who is the writer behind the novel {}?",
)
_NAME = "Mira Tolland"


def most_around(tokenizer: Any, grammar: Collection[int]) -> int:
    """The most tokens but those of ``grammar`` that such a request has around the name.

    Tokenizers differ: where punctuation and single letters are numbered last, as by SentencePiece, the
    shortest question has more of them. Raises ``TokenizerError`` without a fast tokenizer.
    """
    decoder = PromptDecoder(tokenizer)
    return max(_around(tokenizer, decoder, request.format(_NAME), grammar) for request in REQUESTS)


def _around(tokenizer: Any, decoder: PromptDecoder, request: str, grammar: Collection[int]) -> int:
    ids = _ask(tokenizer, request)
    decoded = decoder.decode(ids)
    start = decoded.text.casefold().find(_NAME.casefold())
    if start < 0:  # a tokenizer that writes names otherwise
        return 0
    match = Match("bare", start, start + len(_NAME), 1.0, _NAME)
    flagged = decoded.flag([match], "sentence")
    return sum(token.role is Role.TEXT and ids[token.position] not in grammar for token in flagged)


def _ask(tokenizer: Any, request: str) -> list[int]:
    """A request's tokens: in the chat template, where there is one that takes a message alone."""
    messages = [{"role": "user", "content": request}]
    try:
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    except Exception:  # a template is code of the model's: some want a system prompt, tools or a name
        ids = tokenizer.encode(request)
    return list(ids)
