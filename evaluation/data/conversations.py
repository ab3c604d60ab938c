"""Conversations as the guard sees them: the text between special tokens, and the range of each turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Conversation(NamedTuple):
    """``text`` holds the turns, each with its role on a line of its own; ``turns`` are their ranges."""

    text: str
    turns: tuple[tuple[int, int], ...]


def render(messages: Sequence[tuple[str, str]]) -> Conversation:
    """Messages, (role, content), as a chat template leaves them once its special tokens are line breaks."""
    parts = [f"{role}\n{content}" for role, content in messages]
    turns, start = [], 0
    for part in parts:
        turns.append((start, start + len(part)))
        start += len(part) + 1
    return Conversation("\n".join(parts), tuple(turns))


def contents(conversation: Conversation, role: str) -> list[str]:
    """What one role says, turn by turn."""
    texts = [conversation.text[start:end] for start, end in conversation.turns]
    return [text.removeprefix(f"{role}\n") for text in texts if text.startswith(f"{role}\n")]
