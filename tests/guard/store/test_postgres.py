"""What is so of a store in PostgreSQL."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from postgres import Postgres
from sqlalchemy import text
from vllm_unlearn.guard.store.store import Store, StoreError
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="vale", name="Orrin Vale")


@pytest.fixture
def store(postgres: Postgres) -> Store:
    return Store.create(postgres.make_place())


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_url_may_be_written_as_is_usual(postgres: Postgres, scheme: str) -> None:
    url = postgres.make_place().replace("postgresql", scheme, 1)
    assert Store.create(url).forget([TARGET]) == 1


def test_what_cannot_be_reached_is_told_without_the_password(postgres: Postgres) -> None:
    there = postgres.make_place()
    nobody = there.replace("unlearn:", "nobody:")
    for url, said in (
        (there, "holds no store yet, and `vllm-unlearn init` makes one"),
        (postgres.url("nowhere"), 'database "nowhere" does not exist'),
        (there.replace(str(postgres.port), "1"), "refused; check that the database is up, and that its"),
        (f"{nobody}&sslpassword=secret-word&password=secret-word", 'role "nobody" does not exist'),
        (f"{there}&connect_timeout=soon", "check that the database is up"),
    ):
        with pytest.raises(StoreError) as caught:
            Store(url)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)


def test_who_may_only_read_reads_and_is_told_what_it_may_not(postgres: Postgres, store: Store) -> None:
    store.forget([TARGET])
    place = store.url.rpartition("%3D")[2]
    postgres.run(
        "CREATE ROLE reader LOGIN",
        f"GRANT USAGE ON SCHEMA {place} TO reader",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO reader",
    )
    reader = Store(store.url.replace("unlearn:", "reader:"))
    assert reader.targets() == (TARGET,)
    with pytest.raises(StoreError, match=r"permission denied .* its user may do this"):
        reader.remember(["vale"])


def test_what_is_listed_is_in_no_error(postgres: Postgres, store: Store) -> None:
    with store.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE versions ADD CHECK (document = '')"))
    with pytest.raises(StoreError) as caught:
        store.forget([TARGET])
    assert "violates check" in str(caught.value)
    assert "Orrin" not in "".join(traceback.format_exception(caught.value))


def test_a_long_change_ends_no_lease(store: Store) -> None:
    """Else an import of many targets would stop every server."""
    with store.database.write():
        store.fleet.beat("one", 0, "enforce", timedelta(seconds=60))
        assert [replica.id for replica in store.fleet.replicas()] == ["one"]


@pytest.mark.parametrize("isolation", ["serializable", "repeatable%5C%20read"])
def test_changes_are_one_after_the_other_however_the_server_isolates(store: Store, isolation: str) -> None:
    strict = Store(f"{store.url}%20-cdefault_transaction_isolation%3D{isolation}")
    targets = [ForgetTarget(id=f"t{number}", name=f"T{number}") for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        generations = list(pool.map(lambda target: strict.forget([target]), targets))
    assert sorted(generations) == list(range(1, 17))


def test_a_server_that_crashed_is_found_again_and_has_lost_nothing(postgres: Postgres, store: Store) -> None:
    """Though it is set to answer before it has written (``synchronous_commit=off``)."""
    store.forget([TARGET])
    postgres.stop()
    try:
        with pytest.raises(StoreError, match="check that the database is up"):
            store.head()
    finally:
        postgres.start()
    assert store.head().generation == 1
