"""Forget targets from JSON Lines: all of a file, or nothing and a clear word on what is wrong."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..classifiers.json_lines import LineError, read_lines
from ..guard.plain import place, plain
from ..vocabulary import MAX_TEXT_CHARS, ForgetTarget, UserError

# Of all texts of a target together, as many as a long novel has: they take half a minute to encode.
MAX_CHARS = 1_000_000


class TargetFileError(UserError, ValueError):
    """A line cannot be a target; the message names the line and the reason."""


def target_id(name: str) -> str:
    """An id for a target of this name: its letters, or a digest where it has no ASCII ones."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:48].strip("-")
    return slug or f"target-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"


def make_target(**fields: Any) -> ForgetTarget:
    """A target from its fields, its id made from its name if it has none.

    Raises ``ValueError``, also for one that has expired, or whose texts are more than ``MAX_CHARS``.
    """
    name = fields.get("name")
    if isinstance(name, str):
        fields.setdefault("id", target_id(name))
    try:
        target = ForgetTarget.model_validate(fields)
    except ValidationError as error:
        raise ValueError(_explain(error)) from None
    size = sum(map(len, chain(target.exemplars, target.counterexamples, target.passages)))
    if size > MAX_CHARS:
        raise ValueError(
            f"its texts have {size:,} characters together, more than the {MAX_CHARS:,} that a target takes; "
            "give fewer or shorter ones: a few hundred sentences that differ tell as much"
        )
    if target.expires_at and target.expires_at <= datetime.now(UTC):
        raise ValueError(
            f"expires_at: {target.expires_at.isoformat()} is past, so nothing would be suppressed; give a "
            "later time, or none"
        )
    return target


def _explain(error: ValidationError) -> str:
    """What is wrong, field by field, without repeating long values."""
    problems = error.errors(include_url=False)
    if any(e["loc"] == ("name",) for e in problems):  # the id is made from it
        problems = [e for e in problems if e["loc"] != ("id",)]
    return "; ".join(f"{place(e['loc'], 'target')}: {plain(e, ForgetTarget)}" for e in problems[:5])


def read_targets(lines: Iterable[bytes]) -> list[ForgetTarget]:
    """Read one target a line; blank lines are passed over. Raises ``TargetFileError``."""
    targets: list[ForgetTarget] = []
    first_lines: dict[str, int] = {}
    for number, target in _read(lines):
        if target.id in first_lines:
            raise TargetFileError(
                f"line {number}: the id {target.id!r} was given on line {first_lines[target.id]}"
            )
        first_lines[target.id] = number
        targets.append(target)
    if not targets:
        raise TargetFileError("there is no target in the file")
    return targets


def _read(lines: Iterable[bytes]) -> Iterator[tuple[int, ForgetTarget]]:
    try:
        yield from read_lines(lines, "a target", lambda fields: make_target(**fields))
    except LineError as error:
        raise TargetFileError(str(error)) from None


def read_passages(file: Path) -> list[str]:
    """The paragraphs of a text file, together as far as a passage may be long. Raises ``TargetFileError``."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TargetFileError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TargetFileError(f"{file} is not UTF-8 at byte {error.start}") from None
    passages = [""]
    for paragraph in re.split(r"\n\s*\n", text):
        pieces = [paragraph[i : i + MAX_TEXT_CHARS] for i in range(0, len(paragraph), MAX_TEXT_CHARS)]
        for piece in pieces:
            joined = f"{passages[-1]}\n\n{piece}".strip()
            passages[-1:] = [joined] if len(joined) <= MAX_TEXT_CHARS else [passages[-1], piece]
    return [passage for passage in passages if passage.strip()]
