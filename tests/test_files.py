from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from vllm_unlearn.files import WriteError, make_folder, replace_file


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may become larger than ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def bytes_of(draft: Path) -> None:
    draft.write_bytes(b"x" * 9_000)


def tensors_of(draft: Path) -> None:
    save_file({"x": np.zeros(9_000, np.uint8)}, draft)


@pytest.mark.parametrize("write", [bytes_of, tensors_of])
@pytest.mark.parametrize("before", [None, "before"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, write: Callable[[Path], None], before: str | None
) -> None:
    file = tmp_path / "a.file"
    if before:
        file.write_text(before)
    too_large = pytest.raises(WriteError, match=r"a\.file cannot be written: .*large")
    with full_disk(4_000), too_large, replace_file(file) as draft:
        write(draft)
    assert [path.read_text() for path in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize(
    ("mode", "private", "after"), [(None, True, 0o600), (0o640, False, 0o640), (0o666, True, 0o600)]
)
def test_a_file_keeps_its_mode_and_a_private_one_has_its_own(
    tmp_path: Path, mode: int | None, private: bool, after: int
) -> None:
    file = tmp_path / "a.file"
    if mode:
        file.touch()
        file.chmod(mode)
    with replace_file(file, private=private) as draft:
        bytes_of(draft)
    assert file.stat().st_mode & 0o777 == after


def test_a_new_file_has_the_mode_of_any_other_and_its_folders(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with replace_file(tmp_path / "x/y/a.file") as draft:
        tensors_of(draft)
    assert (tmp_path / "x/y/a.file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_another_error_stops_leaves_nothing(tmp_path: Path) -> None:
    for make in (replace_file, make_folder):
        with pytest.raises(KeyError), make(tmp_path / "a"):
            raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for make in (replace_file, make_folder):
        with pytest.raises(WriteError, match=r"file/a cannot be written: "), make(tmp_path / "file/a"):
            pass


def test_of_two_that_make_a_folder_the_first_stays(tmp_path: Path) -> None:
    with make_folder(tmp_path / "a") as first, make_folder(tmp_path / "a") as second:
        (first / "one").touch()
        (second / "two").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "two"]
