"""What is so of a store that is a file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from vllm_unlearn.guard.store.store import Store, StoreError
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="vale", name="Orrin Vale")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "forget.db"


@pytest.fixture
def store(file: Path) -> Store:
    return Store.create(f"sqlite:///{file}")


def test_only_its_owner_can_read_it(store: Store, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE identity SET row = 1")
        modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    connection.close()
    assert set(modes.values()) == {0o600}
    assert f"{file.name}-wal" in modes


def test_a_missing_store_is_named_and_not_made(file: Path) -> None:
    with pytest.raises(StoreError, match=rf"{file} does not exist; make one with .vllm-unlearn init"):
        Store(f"sqlite:///{file}")
    assert not file.exists()


@pytest.mark.parametrize("url", ["no such url", "nosuch://host/db", "sqlite://"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        Store(url)


def test_a_store_deleted_while_open_is_not_read_as_empty(store: Store, file: Path) -> None:
    store.forget([TARGET])
    for path in file.parent.iterdir():
        path.unlink()
    for use in (store.head, store.targets, lambda: store.forget([TARGET]), store.fleet.replicas):
        with pytest.raises(StoreError, match="does not exist"):
            use()
    assert not file.exists()


@pytest.mark.parametrize("kept", [0, 60, 1000, 5000])
def test_a_broken_file_is_named_with_the_remedy(store: Store, file: Path, kept: int) -> None:
    store.forget([ForgetTarget(id=f"n{number}", name=f"Name{number}") for number in range(50)])
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(StoreError, match=r"forget\.db does not answer: .*; check that the file is whole"):
        Store(store.url).targets()


AS_NOBODY = """
import os, sys
from vllm_unlearn.guard.store.store import Store
if os.geteuid() == 0:  # who is refused nothing
    os.setuid(65534)
"""


def test_a_store_whose_folder_cannot_be_written_names_the_folder() -> None:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        url = f"sqlite:///{folder}/forget.db"
        Store.create(url)
        (folder / "forget.db").chmod(0o644)
        folder.chmod(0o555)
        for code, said in (
            ("Store(sys.argv[1])", f"its folder {folder} is writable too"),
            (
                "Store.create(sys.argv[1] + '2')",
                f"forget.db2 cannot be made: {folder}/forget.db2: Permission",
            ),
        ):
            command = [sys.executable, "-c", AS_NOBODY + code, url]
            assert said in subprocess.run(command, capture_output=True, text=True).stderr
        folder.chmod(0o755)


def test_what_is_no_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file/forget.db"):
        for make in (Store, Store.create):
            with pytest.raises(StoreError, match=str(tmp_path)):
                make(f"sqlite:///{path}")
