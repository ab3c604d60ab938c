from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from vllm_unlearn.guard.store import database
from vllm_unlearn.guard.store.store import ExpiredError, Store, StoreError, TargetError
from vllm_unlearn.vocabulary import ForgetTarget


def target(name: str, **fields: object) -> ForgetTarget:
    return ForgetTarget.model_validate({"id": name.lower(), "name": name} | fields)


def run(store: Store, statement: str, **values: object) -> None:
    """By a connection of its own, as any other program could."""
    with store.database.engine.begin() as connection:
        connection.execute(text(statement), values)


def names(store: Store, generation: int | None = None) -> list[str]:
    return [target.name for target in store.targets(generation)]


def test_every_change_makes_a_generation_and_none_changes_later(store: Store) -> None:
    assert (store.head().generation, names(store)) == (0, [])
    assert store.forget([target("B"), target("A")]) == 1
    assert store.remember(["b"]) == 2
    assert store.forget([target("A", note="again")], replace=True) == 3
    assert store.remember(["a"]) == 4
    assert [names(store, g) for g in range(5)] == [[], ["A", "B"], ["A"], ["A"], []]
    assert [store.targets(g)[0].note for g in (1, 2, 3)] == ["", "", "again"]
    assert Store(store.url).head() == store.head()


def test_targets_come_back_whole(store: Store) -> None:
    full = target(
        "Zoë “X” 東京",
        id="z",
        kind="work",
        aliases=["Z\U0001f600"],
        exemplars=["line\nline"],
        counterexamples=["c"],
        scope="exemplars",
        note="case 7",
        expires_at="2031-01-01T00:00:00+02:00",
    )
    store.forget([full])
    assert store.targets() == (full,)
    assert store.get("z") == full


@pytest.mark.parametrize("change", ["taken", "given twice"])
def test_a_refused_change_changes_nothing(store: Store, change: str) -> None:
    store.forget([target("A")])
    added = [target("New"), target("A")] if change == "taken" else [target("New"), target("New")]
    with pytest.raises(TargetError, match=change):
        store.forget(added)
    with pytest.raises(TargetError, match="'nobody'"):
        store.remember(["a", "nobody"])
    with pytest.raises(TargetError, match="'nobody'"):
        store.get("nobody")
    assert (store.head().generation, names(store), len(store.changes())) == (1, ["A"], 1)


def test_the_log_says_who_did_what(store: Store) -> None:
    store.forget([target("B"), target("A")], actor="ana")
    store.forget([target("A", note="2"), target("C")], replace=True, actor="ben")
    store.remember(["b"])
    log = store.changes()
    assert [(c.generation, c.action, c.target_ids) for c in log] == [
        (1, "forget", ("a", "b")),
        (2, "replace", ("a", "c")),
        (3, "remember", ("b",)),
    ]
    assert [c.actor for c in log[:2]] == ["ana", "ben"] and log[2].actor
    assert all(timedelta(0) <= datetime.now(UTC) - c.at < timedelta(minutes=1) for c in log)


@pytest.mark.parametrize("statement", ["UPDATE changes SET actor = 'nobody'", "DELETE FROM changes"])
def test_the_log_is_append_only(store: Store, statement: str) -> None:
    store.forget([target("A")], actor="ana")
    with pytest.raises(SQLAlchemyError, match="append-only"):
        run(store, statement)
    assert [c.actor for c in store.changes()] == ["ana"]


def test_equal_targets_have_an_equal_digest(store: Store, tmp_path: Path) -> None:
    """Whatever database they are in."""
    other = Store.create(f"sqlite:///{tmp_path / 'other.db'}")
    store.forget([target("A"), target("B")])
    other.forget([target("B"), target("C")])
    other.forget([target("A")])
    other.remember(["c"])
    assert store.changes()[-1].digest == other.changes()[-1].digest
    assert len({c.digest for c in other.changes()}) == 3
    assert store.head().store_id != other.head().store_id


def test_opening_an_existing_store_leaves_it_as_it_is(store: Store) -> None:
    store.forget([target("A")])
    head = store.head()
    again = Store.create(store.url)
    assert (again.head(), names(again)) == (head, ["A"])


def test_a_document_that_is_no_target_is_a_store_error(store: Store) -> None:
    store.forget([target("A")])
    run(store, "UPDATE versions SET document = :text", text='{"id": 7}')
    with pytest.raises(StoreError, match=r"holds a target that cannot be read; restore it"):
        store.targets()


def test_a_locked_store_fails_and_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    impatient = Store(store.url)
    with store.database.write():
        with pytest.raises(StoreError, match=r"lock.* no other program holds it"):
            impatient.forget([target("A")])
        assert impatient.head().generation == 0  # readers do not wait for writers
    assert impatient.forget([target("A")]) == 1


def test_changes_from_many_threads_are_all_kept(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        generations = list(pool.map(lambda n: store.forget([target(f"T{n}")]), range(24)))
    assert sorted(generations) == list(range(1, 25))
    assert len(names(store)) == 24
    # The target that each generation added is in it, and in none before.
    assert all(
        f"T{n}" in names(store, g) and f"T{n}" not in names(store, g - 1) for n, g in enumerate(generations)
    )


FORGET_TEN = """
import sys
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget
store = Store(sys.argv[1])
sys.stdin.readline()
for n in range(10):
    print(store.forget([ForgetTarget(id=f"w{sys.argv[2]}-{n}", name=f"W{n}")]))
"""


def test_changes_from_many_processes_are_all_kept(store: Store) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", FORGET_TEN, store.url, n], stdin=PIPE, stdout=PIPE, text=True)
        for n in "abc"
    ]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    made = [int(line) for worker in workers for line in worker.communicate(timeout=60)[0].split()]
    assert sorted(made) == list(range(1, 31))
    assert len(names(store)) == len(store.changes()) == 30


def test_many_can_make_the_store_at_once(url: str) -> None:
    barrier = threading.Barrier(4)

    def make(_: int) -> Store:
        barrier.wait(10)
        return Store.create(url)

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(make, range(4)))
    with stores[0].database.read() as session:
        assert session.scalar(text("SELECT COUNT(*) FROM identity")) == 1
    assert len({store.head().store_id for store in stores}) == 1


def test_expiry_takes_off_what_is_due_and_only_that(store: Store) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    due = target("Due", expires_at="2030-01-01T00:00:00Z")
    store.forget([due, target("Later", expires_at="2030-01-01T00:00:01Z"), target("Never")])
    assert store.expire(now - timedelta(seconds=1)) is None
    assert store.expire(now) == 2
    assert store.expire(now) is None
    assert names(store) == ["Later", "Never"]
    assert (store.changes()[-1].action, store.changes()[-1].target_ids) == ("expire", ("due",))


def test_a_target_renewed_while_it_expires_stays(store: Store) -> None:
    """Another process holds the write lock, renewing the target, when ``expire`` looks for what is due."""
    store.forget([target("A", expires_at="2030-01-01T00:00:00Z")])
    renewed = target("A", expires_at="2099-01-01T00:00:00Z").model_dump_json()
    with ThreadPoolExecutor(1) as pool:
        with store.database.write() as session:
            expiring = pool.submit(Store(store.url).expire, datetime(2031, 1, 1, tzinfo=UTC))
            time.sleep(0.3)  # by now it waits for the lock
            session.execute(text("UPDATE versions SET document = :text"), {"text": renewed})
        assert expiring.result(15) is None
    assert names(store) == ["A"]


def test_a_replica_counts_while_its_lease_runs(store: Store) -> None:
    store.fleet.beat("one", 3, "enforce", timedelta(seconds=60))
    store.fleet.beat("two", 2, "shadow", timedelta(seconds=0.2))
    store.fleet.beat("one", 4, "enforce", timedelta(seconds=60))
    assert [(r.id, r.generation, r.mode) for r in store.fleet.replicas()] == [
        ("one", 4, "enforce"),
        ("two", 2, "shadow"),
    ]
    deadline = time.monotonic() + 5
    while len(store.fleet.replicas()) == 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    (one,) = store.fleet.replicas()
    assert one.lease_until - one.seen_at == timedelta(seconds=60)
    store.fleet.retire("one")
    store.fleet.retire("never was there")
    assert store.fleet.replicas() == ()


def test_no_row_is_taken_away_for_what_a_wall_clock_says(store: Store) -> None:
    """Another machine's may be an hour ahead."""
    store.fleet.beat("by a clock that is behind", 0, "enforce", timedelta(days=-1))
    store.fleet.beat("serving", 0, "enforce", timedelta(seconds=60))
    assert [r.id for r in store.fleet.replicas(silent=True)] == ["by a clock that is behind", "serving"]


def test_behind_is_who_serves_less_or_another_history(store: Store) -> None:
    digests = [""]
    for name in ("A", "B", "C"):
        store.forget([target(name)])
        digests.append(store.head().digest)
    assert digests == ["", *(change.digest for change in store.changes())]
    for number, digest in enumerate(digests):
        store.fleet.beat(f"of generation {number}", number, "enforce", timedelta(seconds=60), digest=digest)
    store.fleet.beat("of another 3", 3, "enforce", timedelta(seconds=60), digest=digests[2])
    store.fleet.beat("of no 9", 9, "enforce", timedelta(seconds=60), digest=digests[3])
    store.fleet.beat("gone", 0, "enforce", timedelta(seconds=-1))
    other = ["of another 3", "of no 9"]
    for number in range(4):
        older = [f"of generation {n}" for n in range(number)]
        assert [r.id for r in store.fleet.behind(store.fleet.replicas(), number)] == sorted([*other, *older])


def test_a_snapshot_is_of_one_moment(store: Store) -> None:
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            store.forget([target("A")])
            store.remember(["a"])

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        for _ in range(100):
            head, listed = store.snapshot()
            assert [t.name for t in listed] == ["A"] * (head.generation % 2), head
        stop.set()
        changing.result(15)


def test_what_has_expired_is_not_listed(store: Store) -> None:
    past = [datetime.now(UTC) - timedelta(seconds=1), datetime(1, 1, 1, tzinfo=UTC)]
    for expires_at in past:
        with pytest.raises(ExpiredError, match=r"'a' expires at .* which is past: nothing would be"):
            store.forget([target("B"), target("A", expires_at=expires_at)])
    assert store.head().generation == 0


def test_many_targets_are_one_change(store: Store) -> None:
    targets, generation = [target(f"N{number}") for number in range(20_000)], store.head().generation
    assert store.forget(targets) == generation + 1
    assert store.forget(targets, replace=True) == generation + 2


def test_what_has_changed_since_a_generation_leads_to_the_newest(store: Store) -> None:
    empty = store.head()
    store.forget([target("A"), target("B"), target("C")])
    before = store.head()
    store.remember(["a"])
    store.forget([target("B", note="again"), target("D")], replace=True)
    store.forget([target("E")])
    store.remember(["e"])
    delta = store.since(before)
    assert delta and delta.head == store.head() and delta.removed == {"a", "b"}
    assert [(t.id, t.note) for t in delta.added] == [("b", "again"), ("d", "")]
    every = store.since(empty)
    assert every and [t.id for t in every.added] == ["b", "c", "d"] and not every.removed
    nothing = store.since(store.head())
    assert nothing and not nothing.added and not nothing.removed


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_what_led_from_a_list_of_another_history_is_unknown(store: Store, digest: str) -> None:
    store.forget([target("A")])
    assert store.since(replace(store.head(), digest=digest)) is None
    assert store.since(replace(store.head(), store_id="other")) is None
    assert store.since(replace(store.head(), generation=9)) is None
