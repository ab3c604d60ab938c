from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from vllm_unlearn.guard.store.store import Store, UnknownGenerationError
from vllm_unlearn.vocabulary import ForgetTarget


def target(name: str, **fields: object) -> ForgetTarget:
    return ForgetTarget.model_validate({"id": name.lower(), "name": name, "note": f"case {name}"} | fields)


A, B, C = map(target, "ABC")
OTHER = target("A", aliases=["Ay"])


@pytest.fixture
def history(store: Store) -> Iterator[Store]:
    """A and B; then another A, and C; then without B."""
    store.forget([A, B])
    store.forget([OTHER, C], replace=True)
    store.remember(["b"])
    yield store


@pytest.mark.parametrize(
    "before, after, came, went, changed",
    [
        (1, 3, "c", "b", "a"),
        (3, 1, "b", "c", "a"),
        (0, 1, "ab", "", ""),
        (2, 2, "", "", ""),
        (3, 0, "", "ac", ""),
    ],
)
def test_a_difference_tells_one_list_from_the_other(
    history: Store, before: int, after: int, came: str, went: str, changed: str
) -> None:
    difference = history.diff(before, after)
    assert [t.id for t in difference.came] == list(came)
    assert [t.id for t in difference.went] == list(went)
    assert [(c.before.id, c.after.id, c.fields) for c in difference.changed] == [
        (each, each, ("aliases",)) for each in changed
    ]


@pytest.mark.parametrize("generation", range(4))
def test_a_rollback_is_a_new_generation_equal_to_the_old(history: Store, generation: int) -> None:
    digests = ["", *(change.digest for change in history.changes())]
    assert history.rollback(generation, actor="ana") == 4
    assert history.targets() == history.targets(generation)
    assert history.targets(3) == (OTHER, C)
    change = history.changes()[-1]
    assert (change.actor, change.action) == ("ana", f"rollback to {generation}")
    assert change.digest == digests[generation] or not generation
    difference = history.diff(3, 4)
    touched = {*difference.came, *difference.went, *(c.after for c in difference.changed)}
    assert change.target_ids == tuple(sorted(t.id for t in touched))
    assert set(change.notes) == {t.note for t in touched}


def test_what_has_expired_since_stays_off(store: Store) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    store.forget([target("Soon", expires_at=soon), A])
    store.remember(["a", "soon"])
    time.sleep(0.4)
    store.rollback(1)
    assert store.targets() == (A,)
    assert [t.id for t in store.diff(1, 3).went] == ["soon"]


@pytest.mark.parametrize("generation", [-1, 4, 10**30])
def test_there_is_no_way_back_to_what_never_was(history: Store, generation: int) -> None:
    for use in (history.rollback, lambda number: history.diff(0, number)):
        with pytest.raises(UnknownGenerationError, match=f"no generation {generation}; the newest is 3"):
            use(generation)
    assert history.head().generation == 3
