from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgres import Postgres
from vllm_unlearn.guard.store import follower as followers
from vllm_unlearn.guard.store.follower import Follower, follow
from vllm_unlearn.guard.store.head import Head
from vllm_unlearn.guard.store.store import Store, StoreError
from vllm_unlearn.vocabulary import ForgetTarget

A, B, C = (ForgetTarget(id=name, name=name) for name in "ABC")


@pytest.fixture
def follower(store: Store) -> Iterator[Follower]:
    follower = follow(store.database)
    yield follower
    follower.close()


def until(follower: Follower, head: Head) -> float:
    """How long it takes until that is what it says."""
    began = time.monotonic()
    while follower.head() != head:
        assert time.monotonic() - began < 15
        time.sleep(0.005)
    return time.monotonic() - began


def test_each_change_is_seen_as_the_store_has_it(store: Store, follower: Follower) -> None:
    until(follower, store.head())
    changes: list[Callable[[], int]] = [
        lambda: store.forget([A]),
        lambda: store.forget([B, C]),
        lambda: store.remember(["B"]),
    ]
    for change in changes:
        change()
        assert until(follower, store.head()) < followers.NET_SECONDS  # not by chance
    assert follower.head().generation == 3


def test_while_nothing_changes_postgresql_is_not_asked(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.create(postgres.make_place())
    with closing(follow(store.database)) as follower:
        asked: list[Head] = []
        ask = Follower._ask

        def count(self: Follower) -> Head:
            asked.append(ask(self))
            return asked[-1]

        monkeypatch.setattr(Follower, "_ask", count)
        for _ in range(100):
            follower.head()
        assert len(asked) == 1
        store.forget([A])
        until(follower, store.head())
        assert len(asked) <= 3
        monkeypatch.setattr(followers, "NET_SECONDS", 0.0)  # nor is it believed for ever
        follower.head()
        assert len(asked) <= 4


def test_what_was_not_said_is_found_out(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that pools transactions passes on no notification."""
    store = Store.create(postgres.make_place())
    monkeypatch.setattr(followers, "CHANNEL", "another_channel")
    monkeypatch.setattr(followers, "NET_SECONDS", 0.3)
    with closing(follow(store.database)) as follower:
        old = follower.head()
        store.forget([A])
        assert follower.head() == old
        until(follower, store.head())
        store.forget([B])
        follower.doubt()
        assert follower.head() == store.head()


def test_a_server_that_crashed_is_followed_again(postgres: Postgres) -> None:
    store = Store.create(postgres.make_place())
    store.forget([A])
    with closing(follow(store.database)) as follower:
        until(follower, store.head())
        postgres.stop()
        try:
            for _ in range(2):
                with pytest.raises(StoreError, match="check that the database is up"):
                    follower.head()
        finally:
            postgres.start()
        store.forget([B])
        assert follower.head() == store.head()


@pytest.mark.parametrize("how", ["moved there", "moved there alone", "written over it", "made anew"])
def test_a_file_in_place_of_the_one_that_is_followed_is_read(tmp_path: Path, how: str) -> None:
    file, backup = tmp_path / "forget.db", tmp_path / "backup.db"
    store = Store.create(f"sqlite:///{file}")
    store.forget([A])
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    with closing(follow(store.database)) as follower:
        store.forget([B])
        assert follower.head().generation == 2
        if how != "moved there alone":
            for suffix in ("-wal", "-shm"):
                file.with_name(file.name + suffix).unlink()
        else:
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if how == "made anew":
            file.unlink()
            with pytest.raises(StoreError, match="does not exist"):
                follower.head()
            Store.create(f"sqlite:///{file}")
        else:
            (shutil.copyfile if how == "written over it" else shutil.move)(backup, file)
        now = Store(store.url)
        assert follower.head() == now.head() and now.head().generation < 2
        now.forget([C])
        assert follower.head() == now.head()


def test_a_checkpoint_hides_no_change(tmp_path: Path) -> None:
    store = Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
    with closing(follow(store.database)) as follower:
        for target in (A, B, C):
            store.forget([target])
            with closing(sqlite3.connect(tmp_path / "forget.db")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert follower.head() == store.head()
