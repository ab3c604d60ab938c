"""Stores of other versions: an older one is upgraded, a newer one is left alone."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from vllm_unlearn.guard.store import revision
from vllm_unlearn.guard.store.revision import NEWEST, read_revision
from vllm_unlearn.guard.store.schema import Tables
from vllm_unlearn.guard.store.store import Store, StoreError

# As the releases that knew no revisions made it, statement by statement.
OLD = """
CREATE TABLE identity (row INTEGER NOT NULL, id VARCHAR(32) NOT NULL, PRIMARY KEY (row));
CREATE TABLE changes (generation INTEGER NOT NULL, at DATETIME NOT NULL, actor VARCHAR(200) NOT NULL,
    action VARCHAR(20) NOT NULL, target_ids TEXT NOT NULL, digest VARCHAR(64) NOT NULL{forced},
    PRIMARY KEY (generation));
CREATE TABLE versions (id INTEGER NOT NULL, target_id VARCHAR(64) NOT NULL, first INTEGER NOT NULL,
    "end" INTEGER, document TEXT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(first) REFERENCES changes (generation));
CREATE INDEX ix_versions_end ON versions ("end");
CREATE INDEX ix_versions_target_id ON versions (target_id);
CREATE TABLE replicas (id VARCHAR(64) NOT NULL, generation INTEGER NOT NULL, mode VARCHAR(10) NOT NULL,
    seen_at DATETIME NOT NULL, lease_until DATETIME NOT NULL{digest}, PRIMARY KEY (id));
CREATE TRIGGER changes_no_update BEFORE UPDATE ON changes
    BEGIN SELECT RAISE(ABORT, 'the change log is append-only'); END;
CREATE TRIGGER changes_no_delete BEFORE DELETE ON changes
    BEGIN SELECT RAISE(ABORT, 'the change log is append-only'); END;
INSERT INTO identity VALUES (1, '0123456789abcdef0123456789abcdef');
INSERT INTO changes (generation, at, actor, action, target_ids, digest) VALUES
    (1, '2026-01-02 03:04:05.678901', 'ana', 'forget', '["a", "b"]', 'd1'),
    (2, '2026-02-03 04:05:06.789012', 'ben', 'remember', '["b"]', 'd2');
INSERT INTO versions VALUES (1, 'a', 1, NULL, '{{"id":"a","name":"Ann Lee"}}'),
    (2, 'b', 1, 2, '{{"id":"b","name":"Ben Ode"}}');
INSERT INTO replicas (id, generation, mode, seen_at, lease_until) VALUES
    ('old', 2, 'enforce', '2031-01-01 00:00:00.000000', '2031-01-01 00:00:10.000000');
PRAGMA journal_mode=WAL;
"""
SHAPES = {
    "the first": {"forced": "", "digest": ""},
    "between": {"forced": "", "digest": ", digest VARCHAR(64) DEFAULT '' NOT NULL"},
    "the last": {
        "forced": ", forced BOOLEAN DEFAULT 0 NOT NULL",
        "digest": ", digest VARCHAR(64) DEFAULT '' NOT NULL",
    },
}


@pytest.fixture(params=SHAPES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    file = tmp_path / "old 100%.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(OLD.format(**SHAPES[request.param]))
    return f"sqlite:///{file}"


@pytest.mark.parametrize("open_store", [Store, Store.create], ids=["opened", "made"])
def test_a_store_of_version_0_1_is_upgraded(old: str, open_store: type[Store]) -> None:
    with ThreadPoolExecutor(4) as pool:  # several servers start at once
        store = next(iter(pool.map(lambda _: open_store(old), range(4))))
    assert read_revision(store.database) == NEWEST
    assert store.head().store_id == "0123456789abcdef0123456789abcdef"
    log = [
        (c.generation, c.at.isoformat(), c.actor, c.target_ids, c.digest, c.forced) for c in store.changes()
    ]
    assert log == [
        (1, "2026-01-02T03:04:05.678901+00:00", "ana", ("a", "b"), "d1", False),
        (2, "2026-02-03T04:05:06.789012+00:00", "ben", ("b",), "d2", False),
    ]
    assert [[t.name for t in store.targets(g)] for g in (1, 2)] == [["Ann Lee", "Ben Ode"], ["Ann Lee"]]
    (replica,) = store.fleet.replicas()
    assert store.fleet.behind([replica], 2) == (replica,)  # which list it serves it does not say
    store.fleet.beat("old", 2, "enforce", timedelta(seconds=60), digest="d2")
    assert store.fleet.behind(store.fleet.replicas(), 2) == ()
    assert store.remember(["a"]) == 3


def test_the_migrations_make_the_tables_that_are_used(store: Store) -> None:
    with store.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Tables.metadata) == []


def test_the_newest_migration_is_the_revision_that_is_used() -> None:
    assert ScriptDirectory(str(revision._FOLDER)).get_current_head() == NEWEST
    assert sorted(revision._revisions(), key=int)[-1] == NEWEST


@pytest.mark.parametrize("open_store", [Store, Store.create], ids=["opened", "made"])
def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: Store, open_store: type[Store]) -> None:
    with store.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    with pytest.raises(StoreError, match=r"of a newer version .* revision 99, .*; upgrade vllm-unlearn"):
        open_store(store.url)
    assert "secret" not in store.safe_url
    with store.database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "99"
