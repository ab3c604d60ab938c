"""Prompts or texts from a file, one a line: plain text, or JSON Lines (strings, or objects with a text or a
chat's ``messages``)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...vocabulary import UserError
from ..json_lines import LineError, file_lines, number_lines, read_line

MAX_NAMED_LINES = 5
# Where an object has its text: data sets of questions and of prompts write it so.
TEXT_FIELDS = ("text", "question", "prompt")


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

    It is JSON Lines if its first line begins with a brace, or is a JSON string as most others are. Blank
    lines are no prompts. Raises ``PromptFileError`` naming every line that is none (the first five, and how
    many): nothing is passed over.
    """
    lines = list(_lines(file))
    if not lines:
        raise PromptFileError(f"{file} holds no text")
    if _is_array(lines):
        raise PromptFileError(f"{file} is one JSON array; write one text a line (`jq -c '.[]'` does)")
    read = _from_json if _is_json(lines) else _from_text
    if at_most is not None and len(lines) > at_most:
        lines = sorted(random.Random(seed).sample(lines, at_most))
    prompts, wrong = [], []
    for number, line in lines:
        try:
            prompts.append(read(number, line))
        except LineError as error:
            wrong.append(str(error))
    refuse_wrong_lines(file, wrong)
    return prompts


def refuse_wrong_lines(file: Path, wrong: Sequence[str]) -> None:
    """Raise ``PromptFileError`` if lines are ``wrong``; each item begins with a line's number."""
    if not wrong:
        return
    more = f" (and {len(wrong) - MAX_NAMED_LINES:,} more)" if len(wrong) > MAX_NAMED_LINES else ""
    named = "; ".join(wrong[:MAX_NAMED_LINES])
    raise PromptFileError(f"{file}: {named}{more}; mend these lines, or take them out knowingly")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = file_lines(file)
    except OSError as error:
        raise PromptFileError(f"{file} cannot be read: {error.strerror or error}") from None
    for number, line in number_lines(lines):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            raise PromptFileError(f"{file}: line {number} is not UTF-8; save it as text in UTF-8") from None
        if text:
            yield number, text


def _is_json(lines: Sequence[tuple[int, str]]) -> bool:
    if not isinstance(_json(lines[0][1]), str):
        return lines[0][1].startswith("{")
    return sum(line.startswith("{") or isinstance(_json(line), str) for _, line in lines) > len(lines) / 2


def _is_array(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether all of the file is one list, which plain text that begins with a bracket is not."""
    return lines[0][1].startswith("[") and isinstance(_json("\n".join(line for _, line in lines)), list)


def _json(text: str) -> Any:
    """The string or list that ``text`` is in JSON; None for anything else."""
    try:
        return json.loads(text) if text.startswith(('"', "[")) else None
    except (ValueError, RecursionError):
        return None


def _from_text(number: int, line: str) -> Prompt:
    return Prompt(line, line=number)


def _from_json(number: int, line: str) -> Prompt:
    if isinstance(text := _json(line), str):
        return read_line(number, json.dumps({"text": text}).encode(), "a prompt", partial(_prompt, number))
    return read_line(number, line.encode(), "a prompt", partial(_prompt, number))


def _prompt(number: int, fields: dict[str, Any]) -> Prompt:
    target = fields.get("target") or ""
    if not isinstance(target, str):
        raise ValueError(f"target must be an id or a name, got {type(target).__name__}")
    for field in TEXT_FIELDS:
        if field in fields:
            return Prompt(_string(fields[field], field), None, number, target)
    if not isinstance(fields.get("messages"), list):
        raise ValueError("it needs text, question, prompt, or messages (a list)")
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
