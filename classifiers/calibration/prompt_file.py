"""Prompts from a file: JSON Lines (``text``, or a chat's ``messages``) or plain text, one a line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...vocabulary import UserError
from ..json_lines import LineError, file_lines, number_lines, read_line

MAX_NAMED_LINES = 5


class PromptFileError(UserError, ValueError):
    """A file of prompts cannot be used; the message names it, the lines and the remedy."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, the character ranges of its turns if it is a chat, and its line in the file.

    ``target`` is the id or name of the target that it is about, where the file says so.
    """

    text: str
    turns: list[tuple[int, int]] | None = None
    line: int = 0
    target: str = ""


def read_prompts(file: Path, at_most: int | None = None, seed: int = 0) -> list[Prompt]:
    """All prompts of ``file`` (.gz or not), or ``at_most`` of them, drawn without replacement.

    It is JSON Lines if its first line begins with a brace. Blank lines are no prompts. Raises
    ``PromptFileError`` naming every line that is none (the first five, and how many): nothing is passed over.
    """
    lines = list(_lines(file))
    if not lines:
        raise PromptFileError(f"{file} holds no prompt")
    read = _from_json if lines[0][1].startswith("{") else _from_text
    if at_most is not None and len(lines) > at_most:
        lines = sorted(random.Random(seed).sample(lines, at_most))
    prompts, wrong = [], []
    for number, line in lines:
        try:
            prompts.append(read(number, line))
        except LineError as error:
            wrong.append(str(error))
    if wrong:
        raise PromptFileError(_complaint(file, wrong))
    return prompts


def _complaint(file: Path, wrong: list[str]) -> str:
    more = f" (and {len(wrong) - MAX_NAMED_LINES:,} more)" if len(wrong) > MAX_NAMED_LINES else ""
    return f"{file}: {'; '.join(wrong[:MAX_NAMED_LINES])}{more}; mend these lines, or take them out knowingly"


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = file_lines(file)
    except OSError as error:
        raise PromptFileError(f"{file} cannot be read: {error.strerror or error}") from None
    for number, line in number_lines(lines):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            raise PromptFileError(f"{file}: line {number} is not UTF-8") from None
        if text:
            yield number, text


def _from_text(number: int, line: str) -> Prompt:
    return Prompt(line, line=number)


def _from_json(number: int, line: str) -> Prompt:
    return read_line(number, line.encode(), "a prompt", partial(_prompt, number))


def _prompt(number: int, fields: dict[str, Any]) -> Prompt:
    target = fields.get("target") or ""
    if not isinstance(target, str):
        raise ValueError(f"target must be an id or a name, got {type(target).__name__}")
    if "text" in fields:
        return Prompt(_string(fields["text"], "text"), None, number, target)
    if not isinstance(fields.get("messages"), list):
        raise ValueError("it needs text, or messages (a list)")
    return _chat(list(_turns(fields["messages"])), number, target)


def _chat(turns: list[str], number: int, target: str) -> Prompt:
    spans, start = [], 0
    for turn in turns:
        spans.append((start, start + len(turn)))
        start += len(turn) + 1
    return Prompt("\n".join(turns), spans, number, target)


def _turns(messages: list[Any]) -> Iterator[str]:
    """The text of each message; a message without any (a tool's call) has no turn."""
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else message
        if turn := "\n".join(_texts(content if isinstance(content, list) else [content])):
            yield turn


def _texts(parts: list[Any]) -> Iterator[str]:
    """What is text in the parts of a message."""
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if text is not None:
            yield _string(text, "content")


def _string(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{field} must be a string, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds half a character (an unpaired surrogate)") from None
    return value
