"""JSON Lines as people write them: an object a line, with the line's number in what is said of it."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from .json_object import read_object

T = TypeVar("T")


class LineError(ValueError):
    """A line is not what it is meant to be; the message begins with its number."""


def file_lines(file: Path) -> list[bytes]:
    """The lines of a file, compressed with gzip or not. Only "\\n" ends one: other signs that Python counts
    as ends may stand in a text. Raises ``OSError``, also for a compressed file that is broken."""
    data = file.read_bytes()
    try:
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).split(b"\n")
    except (EOFError, zlib.error) as error:
        raise OSError(str(error)) from None


def number_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, counted from 1, without a byte order mark before the first."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)  # as spreadsheets write it
        if line.strip():
            yield number, line.strip()


def read_line(number: int, line: bytes, what: str, make: Callable[[dict[str, Any]], T]) -> T:
    """What ``make`` makes of a line's fields (``read_object``). Raises ``LineError`` where either raises
    ``ValueError``."""
    try:
        if line.startswith(codecs.BOM_UTF8):
            raise ValueError("not JSON: a byte order mark inside of the file")
        return make(read_object(line, what))
    except ValueError as error:
        raise LineError(f"line {number}: {error}") from None


def read_lines(
    lines: Iterable[bytes], what: str, make: Callable[[dict[str, Any]], T]
) -> Iterator[tuple[int, T]]:
    """What ``make`` makes of each line, with its number. Raises ``LineError`` for the first that is none."""
    for number, line in number_lines(lines):
        yield number, read_line(number, line, what, make)
