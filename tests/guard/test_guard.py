from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from vllm_unlearn import __version__
from vllm_unlearn.classifiers import forget_index
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder, Vectors
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.corruption.corruptor import CANARY_ID
from vllm_unlearn.guard.canary import canary_names, control_names
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard, GuardError
from vllm_unlearn.guard.store.fleet import About
from vllm_unlearn.guard.store.store import Store, StoreError
from vllm_unlearn.server.doctor import QUESTIONS
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="vale", name="Orrin Vale")
QUESTION = "Who is Orrin Vale?"
PATIENCE = 15.0  # the tests may share their cores


class FlakyEncoder:
    """The real encoder, until it is told to fail: the memory of a machine can run out at any time."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self.fails_on = ""
        self.encoded = 0
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        if self.fails_on and any(self.fails_on in text for text in texts):
            raise MemoryError("no memory for the encoder")
        self.encoded += len(texts)
        return self._encoder.encode(texts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "forget.db"


@pytest.fixture
def store(file: Path) -> Store:
    return Store.create(f"sqlite:///{file}")


@pytest.fixture
def flaky(encoder: OnnxEncoder) -> FlakyEncoder:
    return FlakyEncoder(encoder)


@pytest.fixture
def guard(store: Store, flaky: FlakyEncoder) -> Iterator[Guard]:
    guard = Guard(Settings(store=store.url, poll_seconds=0.05, max_stale_seconds=2.0), flaky)
    yield guard
    guard.close()


def until(happens: Callable[[], bool], seconds: float) -> float:
    """Wait until something happens; how long it took. Fails after ``seconds``."""
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.005)
    return time.monotonic() - began


def put_in_place(backup: Path, file: Path) -> None:
    """Restore a backup while the store is followed."""
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    backup.replace(file)


def refuses(guard: Guard) -> bool:
    try:
        guard.screen("anything")
    except GuardError:
        return True
    except MemoryError:  # it shared its batch with the build that fails
        return False
    return False


def test_a_change_is_served_without_a_restart(guard: Guard, store: Store) -> None:
    assert guard.screen(QUESTION).action == "pass"
    generation = store.forget([TARGET])
    until(lambda: guard.screen(QUESTION).action == "corrupt", PATIENCE)
    verdict = guard.screen(QUESTION)
    assert (verdict.generation, guard.generation) == (generation, generation)
    assert [(m.target_id, m.start, m.end) for m in verdict.matches] == [("vale", 7, 17)]
    assert guard.sizes["targets"] == 1
    store.remember(["vale"])
    until(lambda: guard.screen(QUESTION).action == "pass", PATIENCE)


def test_many_changes_are_served_from_few_parts(
    guard: Guard, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forget_index, "SMALL", 2)
    names = [
        f"Person Number{word}" for word in ("alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa")
    ]
    for name in names:
        generation = store.forget([ForgetTarget(id=name.split()[1].lower(), name=name)])
        until(lambda: guard.generation == generation, PATIENCE)  # noqa: B023
    store.remember(["numbergamma"])
    until(lambda: guard.sizes["targets"] == len(names) - 1, PATIENCE)
    until(lambda: len(guard.detector.index._parts) <= 3, PATIENCE)
    for name in names:
        found = guard.screen(f"Who is {name}?").action == "corrupt"
        assert found == (name != "Person Numbergamma")


def test_where_parts_cannot_be_made_few_changes_are_served_all_the_same(
    guard: Guard, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(index: ForgetIndex) -> None:
        raise MemoryError

    monkeypatch.setattr(ForgetIndex, "compact", fail)
    store.forget([TARGET])
    until(lambda: guard.screen(QUESTION).action == "corrupt", PATIENCE)
    until(lambda: "stay many: MemoryError" in caplog.text, PATIENCE)
    store.remember([TARGET.id])
    until(lambda: guard.screen(QUESTION).action == "pass", PATIENCE)


def test_a_long_build_delays_no_request_and_is_not_repeated(
    guard: Guard, store: Store, flaky: FlakyEncoder
) -> None:
    def change(target: ForgetTarget) -> tuple[int, int]:
        """How many requests are answered before the target is served, and how many texts are encoded."""
        answered, before, generation = 0, flaky.encoded, store.forget([target])
        while guard.generation < generation:
            guard.screen("Who is Jane Austen?")
            answered += 1
            time.sleep(0.005)  # as clients do: a loop without rest would starve the guard's own threads
        return answered, flaky.encoded - before

    change(TARGET)  # with nothing listed no request is encoded
    texts = tuple(f"Which prize number {n} did Mira Tolland win in town {7 * n}?" for n in range(1000))
    answered, encoded = change(ForgetTarget(id="mira", name="Mira Tolland", exemplars=texts))
    assert answered > 5
    assert encoded > len(texts)
    _, encoded = change(ForgetTarget(id="ode", name="Ben Ode"))
    assert encoded < 50  # what has not changed is not encoded again


def test_who_joins_a_fleet_with_another_encoder_says_so(
    store: Store, encoder: OnnxEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    store.fleet.beat("other", 0, "enforce", timedelta(seconds=60), about=About(encoder="another", recipe="r"))
    Guard(Settings(store=store.url), encoder, about=About(recipe="r")).close()
    assert "the replicas differ in their encoder" in caplog.text


def test_the_replica_tells_what_it_serves(guard: Guard, store: Store, flaky: FlakyEncoder) -> None:
    (replica,) = store.fleet.replicas()
    assert (replica.id, replica.generation, replica.mode) == (guard.replica_id, 0, "enforce")
    assert (replica.process, replica.host) == (os.getpid(), socket.gethostname())
    assert replica.version == __version__
    assert replica.encoder == flaky.fingerprint
    generation = store.forget([TARGET])
    until(lambda: [r.generation for r in store.fleet.replicas()] == [generation], PATIENCE)
    (later,) = store.fleet.replicas()
    assert replica.since and later.since and replica.since < later.since <= later.seen_at
    assert guard.screen(QUESTION).action == "corrupt"  # what the store says is served by now


def test_the_guard_starts_on_what_is_listed(store: Store, encoder: OnnxEncoder) -> None:
    store.forget([TARGET])
    guard = Guard(Settings(store=store.url), encoder)
    try:
        assert guard.screen(QUESTION).action == "corrupt"
    finally:
        guard.close()


def test_without_a_store_there_is_no_guard(file: Path, encoder: OnnxEncoder) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        Guard(Settings(store=f"sqlite:///{file}"), encoder)


def test_the_canaries_are_always_listed(guard: Guard, store: Store) -> None:
    for name in canary_names(store.head().store_id):
        for text in ("Tell me about {name}.", *QUESTIONS):
            verdict = guard.screen(text.format(name=name.upper()))
            assert (verdict.action, [m.target_id for m in verdict.matches]) == ("corrupt", [CANARY_ID])


def test_nothing_short_of_a_canary_is_one(guard: Guard, store: Store) -> None:
    """Who guesses must guess all of the word, and a number."""
    store_id = store.head().store_id
    (first, second), others = canary_names(store_id), canary_names("another store's id")
    number, _, word = first.partition(" ")
    near = [number, word, f"{number} {word[:-4]}", f"{number} {word[:8]}", f"48214 {word}", word.upper()]
    for name in (*near, f"{second.split()[0]} {word[::2]}", *others, *control_names(store_id)):
        assert guard.screen(QUESTIONS[0].format(name=name)).action == "pass", name


def test_turns_reach_the_detector(guard: Guard, store: Store) -> None:
    store.forget([ForgetTarget(id="b", name="Mira", exemplars=("Who runs the bakery in Harrowgate?",))])
    text = "Good morning.\nWho runs the bakery in Harrowgate?"
    until(lambda: guard.screen(text).action == "corrupt", PATIENCE)
    assert guard.screen(text, [(0, 13)]).action == "pass"


def test_a_deleted_store_is_survived_for_a_while_and_then_refused(
    guard: Guard, store: Store, file: Path, tmp_path: Path
) -> None:
    store.forget([TARGET])
    until(lambda: guard.generation == 1, PATIENCE)
    copy = tmp_path / "copy"
    shutil.copytree(file.parent, copy)
    for path in [path for path in file.parent.iterdir() if path.is_file()]:
        path.unlink()
    assert guard.screen(QUESTION).action == "corrupt"
    took = until(lambda: refuses(guard), PATIENCE)
    assert took > 1.0
    with pytest.raises(GuardError, match=r"not answered for 2 s \(max_stale_seconds\)"):
        guard.screen(QUESTION)
    for path in copy.iterdir():
        shutil.copy(path, file.parent)
    until(lambda: not refuses(guard), PATIENCE)
    assert guard.screen(QUESTION).action == "corrupt"


@pytest.mark.parametrize("replacement", ["another store", "an older backup"])
def test_a_replaced_store_is_never_served(
    guard: Guard, store: Store, file: Path, tmp_path: Path, replacement: str
) -> None:
    backup = tmp_path / "backup.db"
    if replacement == "another store":
        Store.create(f"sqlite:///{backup}").forget([ForgetTarget(id="x", name="X")])
    else:
        shutil.copy(file, backup)
    store.forget([TARGET])
    until(lambda: guard.generation == 1, PATIENCE)
    put_in_place(backup, file)
    until(lambda: refuses(guard), PATIENCE)
    assert guard.generation == 1


def test_a_generation_made_twice_is_served_as_the_store_has_it(
    guard: Guard, store: Store, file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Generation 2 lists a and b; the backup of generation 1 comes back; then generation 2 lists a and c."""
    a, b, c = (ForgetTarget(id=name, name=f"{name} Ode") for name in ("Ann", "Ben", "Cyril"))
    store.forget([a])
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    store.forget([b])
    until(lambda: not store.fleet.behind(store.fleet.replicas(), 2) and guard.generation == 2, PATIENCE)
    put_in_place(backup, file)
    assert store.forget([c]) == 2
    assert [r.id for r in store.fleet.behind(store.fleet.replicas(), 2)] == [guard.replica_id], (
        "it serves the other generation 2"
    )
    until(lambda: not store.fleet.behind(store.fleet.replicas(), 2), PATIENCE)
    listed = [guard.screen(f"Who is {target.name}?").action for target in (a, b, c)]
    assert listed == ["corrupt", "pass", "corrupt"]
    assert "what only that generation listed is no longer suppressed" in caplog.text


def test_a_generation_that_cannot_be_built_leaves_the_old_one_then_closes(
    guard: Guard, store: Store, flaky: FlakyEncoder
) -> None:
    store.forget([TARGET])
    until(lambda: guard.generation == 1, PATIENCE)
    flaky.fails_on = "Mira"
    store.forget([ForgetTarget(id="mira", name="Mira Tolland")])
    time.sleep(0.2)  # several tries
    assert not refuses(guard)
    assert guard.generation == 1
    until(lambda: refuses(guard), PATIENCE)
    assert store.fleet.replicas() == ()  # `wait` is not kept by one who answers nobody
    flaky.fails_on = ""
    until(lambda: guard.generation == 2 and not refuses(guard), PATIENCE)
    assert guard.screen("Who is Mira Tolland?").action == "corrupt"


def test_a_generation_that_undoes_what_cannot_be_built_recovers(
    guard: Guard, store: Store, flaky: FlakyEncoder
) -> None:
    flaky.fails_on = "Mira"
    store.forget([ForgetTarget(id="mira", name="Mira Tolland")])
    until(lambda: refuses(guard), PATIENCE)
    store.remember(["mira"])
    until(lambda: guard.generation == 2 and not refuses(guard), PATIENCE)


def test_an_encoder_that_fails_on_a_prompt_fails_that_prompt_alone(guard: Guard, flaky: FlakyEncoder) -> None:
    guard.store.forget([TARGET])
    until(lambda: guard.generation == 1, PATIENCE)
    flaky.fails_on = "bad"
    with pytest.raises(MemoryError):
        guard.screen("a bad prompt")
    assert guard.screen(QUESTION).action == "corrupt"


def test_an_expired_target_is_known_again(guard: Guard, store: Store) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    store.forget([TARGET.model_copy(update={"expires_at": soon})])
    until(lambda: guard.screen(QUESTION).action == "corrupt", PATIENCE)
    until(lambda: guard.screen(QUESTION).action == "pass", PATIENCE)
    assert datetime.now(UTC) >= soon
    assert [c.action for c in store.changes()] == ["forget", "expire"]
    assert guard.generation == 2


def test_closing_signs_off(store: Store, encoder: OnnxEncoder, file: Path) -> None:
    guard = Guard(Settings(store=store.url, poll_seconds=0.05), encoder)
    assert len(store.fleet.replicas()) == 1
    guard.close()
    assert store.fleet.replicas() == ()
    store.forget([TARGET])
    time.sleep(0.2)
    assert (guard.generation, store.fleet.replicas()) == (0, ())
    guard.close()  # again, as at exit


def test_closing_without_a_store_is_quiet(guard: Guard, file: Path) -> None:
    file.unlink()
    guard.close()


def test_two_guards_of_one_process_are_two_replicas(guard: Guard, store: Store, encoder: OnnxEncoder) -> None:
    """Two engines in one process: `wait` must wait for both of them."""
    other = Guard(Settings(store=store.url, poll_seconds=0.05), encoder)
    try:
        assert len(store.fleet.replicas()) == 2
    finally:
        other.close()
    assert len(store.fleet.replicas()) == 1
