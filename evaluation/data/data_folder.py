"""The folder of benchmark data, read file by file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...classifiers.json_lines import LineError, file_lines, read_lines
from ...vocabulary import UserError


class DataError(UserError, ValueError):
    """A file of the data is missing or broken; the message names it."""


class DataFolder:
    """Reads ``FOLDER/NAME.jsonl`` or ``FOLDER/NAME.jsonl.gz``, each once."""

    def __init__(self, folder: Path) -> None:
        """Raises ``DataError`` where there is no such folder."""
        if not folder.is_dir():
            raise DataError(f"no data folder {folder}: `vllm-unlearn eval --help` says what belongs in it")
        self.folder = folder
        self._read: dict[str, list[dict[str, Any]]] = {}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file, named without its ending. Raises ``DataError``."""
        if name not in self._read:
            self._read[name] = _read(self._file(name))
        return self._read[name]

    def names(self, folder: str) -> list[str]:
        """The files of a folder, in order, as ``rows`` takes them."""
        files = sorted((self.folder / folder).glob("*.jsonl*"))
        if not files:
            raise DataError(f"no files in {self.folder / folder}")
        return [f"{folder}/{file.name.split('.')[0]}" for file in files]

    def _file(self, name: str) -> Path:
        for ending in (".jsonl", ".jsonl.gz"):
            if (file := self.folder / f"{name}{ending}").is_file():
                return file
        raise DataError(f"no {name}.jsonl or {name}.jsonl.gz in {self.folder}")


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        return [row for _, row in read_lines(file_lines(file), "a row", dict)]
    except LineError as error:
        raise DataError(f"{file}: {error}") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from None
