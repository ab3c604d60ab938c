"""Results kept from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...classifiers.json_lines import file_lines, number_lines


class Memo:
    """Results by key, kept in a file of JSON lines from one run to the next."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, Any] = dict(_entries(file)) if file.is_file() else {}

    def get(self, key: str) -> Any:
        """What was put under ``key``; None for nothing."""
        return self._known.get(key)

    def put(self, results: dict[str, Any]) -> None:
        """Keep results that JSON can hold."""
        self._known |= results
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.writelines(f"{json.dumps([key, value])}\n" for key, value in results.items())


def _entries(file: Path) -> Iterator[tuple[str, Any]]:
    for _, line in number_lines(file_lines(file)):
        try:
            key, value = json.loads(line)
        except ValueError:  # the last line of a run that was stopped
            continue
        yield key, value
