"""What all files of JSON Lines are read with; each reader's own errors stand in its own tests."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from vllm_unlearn.classifiers.json_lines import LineError, file_lines, read_lines

MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}\n\n{"a": 2}\n',
        MARK + b'{"a": 1}\r\n \r\n{"a": 2}',
        gzip.compress(b'{"a": 1}\n\n{"a": 2}', mtime=0),
        '{"a": 1, "b": "\u2028\x85\u2029"}\n\n{"a": 2}'.encode(),
    ],
)
def test_only_a_newline_ends_a_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rows").write_bytes(data)
    rows = read_lines(file_lines(tmp_path / "rows"), "a row", lambda fields: fields["a"])
    assert list(rows) == [(1, 1), (3, 2)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON: Expecting"),
        (b"[]", "a row is an object, got list"),
        (b'{"a": 1, "a": 2}', "the field 'a' is given twice"),
        (MARK + b"{}", "not JSON: a byte order mark inside of the file"),
        (b'{"a": "\xe9"}', "not UTF-8 at byte 7"),
    ],
)
def test_a_line_that_is_none_is_named(line: bytes, reason: str) -> None:
    with pytest.raises(LineError, match=f"^line 3: {reason}"):
        list(read_lines([b"{}", b"", line], "a row", dict))


@pytest.mark.parametrize(
    "data", [gzip.compress(b"{}\n" * 9_000, mtime=0)[:-20], b"\x1f\x8bno", b"\x1f\x8b\x08" + b"x" * 99]
)
def test_a_broken_archive_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rows").write_bytes(data)
    with pytest.raises(OSError, match=r"."):
        file_lines(tmp_path / "rows")
