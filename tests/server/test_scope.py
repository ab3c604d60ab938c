"""An over-broad target is refused by the command line and by the admin API, and nothing is stored."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Run
from starlette.testclient import TestClient
from vllm_unlearn.classifiers.calibration.bycatch import Bycatch, Kin
from vllm_unlearn.classifiers.calibration.scope_check import Scope
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import DetectionSettings, Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.admin import PREFIX, admin_app
from vllm_unlearn.server.scope import is_chance


@pytest.fixture
def store(run: Run, tmp_path: Path, encoder_name: str) -> Store:
    run("init", "--encoder", encoder_name)
    return Store(f"sqlite:///{tmp_path / 'forget.db'}")


@pytest.mark.parametrize(
    "arguments",
    [["the"], ["water", "--kind", "topic"], ["Orrin Vale", "--exemplar", "Who is the author?"]],
)
def test_an_over_broad_target_is_refused_with_the_figure(
    run: Run, store: Store, arguments: list[str]
) -> None:
    output = run("forget", *arguments, exit_code=1).output
    assert "over-broad, so nothing was changed" in output
    assert " of 325 benign prompts, " in output and "--force" in output
    assert store.head().generation == 0


def test_forget_says_what_of_a_word_flags(run: Run, store: Store) -> None:
    output = run("forget", "Dune", "--kind", "work").output
    assert 'Dune: an ordinary word or number, too; flags "Who made Dune?": yes; ' in output
    run("check", "Who made Dune?", exit_code=3)


def test_force_lists_it_says_so_and_is_in_the_log(run: Run, store: Store) -> None:
    output = run("forget", "water", "--force").output
    assert "over-broad, and listed all the same: 'water' would flag" in output
    run("forget", "Orrin Vale", "--force")
    assert [change.forced for change in store.changes()] == [True, False], "the second needed no force"
    assert [json.loads(line)["forced"] for line in run("log", "--json").output.splitlines()] == [True, False]


def test_a_file_with_one_over_broad_target_changes_nothing(run: Run, store: Store, tmp_path: Path) -> None:
    names = ["Orrin Vale", "water", "Mira Tolland", "the"]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"name": name}) for name in names))
    output = run("forget", "--file", "t.jsonl", exit_code=1).output
    assert "'water' would flag" in output and "'the' would flag" in output
    assert "'orrin-vale'" not in output
    assert store.head().generation == 0
    run("forget", "--file", "t.jsonl", "--force")
    assert len(store.targets()) == 4


def test_ones_own_traffic_decides_where_it_is_configured(run: Run, store: Store, tmp_path: Path) -> None:
    """What is ordinary to us may be all that this operator is asked for, and the other way round."""
    (tmp_path / "traffic.txt").write_text(
        "\n".join(f"Book berth {n} on the Orrin Vale ferry" for n in range(400))
    )
    with (tmp_path / "unlearn.yaml").open("a") as file:
        file.write("detection: {benign: traffic.txt}\n")
    output = run("forget", "Orrin Vale", exit_code=1).output
    assert "400 of 400 benign prompts, 100.00%" in output
    assert "400 prompts of traffic.txt (detection.benign)" in output
    assert "generation 1: water listed" in run("forget", "water").output
    (tmp_path / "traffic.txt").unlink()
    assert "traffic.txt cannot be read" in run("forget", "Mira Tolland", exit_code=1).output


@pytest.mark.parametrize(
    ("named", "of_many", "kin", "clears"),
    [
        (0, 47, None, True),
        (0, 300, None, False),
        (1, 47, None, True),
        (7, 47, None, False),
        (0, 47, Kin("de", 23, 55), False),
        (0, 47, Kin("de", 1, 55), True),
    ],
)
def test_a_larger_sample_clears_what_few_prompts_are_about(
    named: int, of_many: int, kin: Kin | None, clears: bool
) -> None:
    """Seven of 325 ordinary prompts are about physics, and 47 of 13,725 texts."""
    scope = Scope("physics", 7, 325, 0.01, named=named)
    assert scope.over_broad
    assert is_chance(scope, Bycatch("physics", of_many, 13_725, (), kin)) is clears
    assert not is_chance(scope, None)


def test_a_higher_limit_allows_more(run: Run, store: Store, tmp_path: Path) -> None:
    with (tmp_path / "unlearn.yaml").open("a") as file:
        file.write("detection: {max_fpr: 0.1}\n")
    run("forget", "water")
    run("forget", "the", exit_code=1)


def test_a_common_word_is_told_of_once(run: Run, store: Store) -> None:
    output = run("forget", "plants", "--kind", "topic").output
    assert "plants: an ordinary word or number, too, in about one of " in output
    assert "one common word" not in output
    assert "note" not in run("forget", "Orrin Vale").output


def test_without_its_encoder_the_names_are_checked(run: Run, tmp_path: Path) -> None:
    run("init", "--encoder", "package:gone/gone")
    output = run("forget", "Ann Lee").output
    assert "note: the encoder cannot be loaded" in output
    assert "over-broad" in run("forget", "water", exit_code=1).output


def test_the_samples_vectors_are_kept_and_private(run: Run, store: Store, tmp_path: Path) -> None:
    run("forget", "Orrin Vale")
    (kept,) = tmp_path.glob("benign-*.vectors")
    assert kept.stat().st_mode & 0o777 == 0o600
    written = kept.stat().st_mtime_ns
    run("forget", "Mira Tolland")
    assert kept.stat().st_mtime_ns == written, "the sample was encoded again"


@pytest.fixture
def guard(tmp_path: Path, encoder: OnnxEncoder) -> Iterator[Guard]:
    url = f"sqlite:///{tmp_path / 'forget.db'}"
    Store.create(url)
    guard = Guard(Settings(store=url, detection=DetectionSettings(max_fpr=1e-3)), encoder)
    yield guard
    guard.close()


@pytest.fixture
def client(guard: Guard) -> TestClient:
    app = admin_app()
    app.state.guard = guard
    return TestClient(app, f"http://test{PREFIX}/", raise_server_exceptions=False)


def test_the_admin_api_refuses_with_the_figure_unless_forced(client: TestClient, guard: Guard) -> None:
    response = client.post("targets", json={"name": "water"})
    assert response.status_code == 422
    assert "'water' would flag" in response.json()["detail"] and "force=true" in response.json()["detail"]
    assert guard.store.head().generation == 0
    response = client.post("targets?force=true", json={"name": "water"})
    assert (response.status_code, response.json()["generation"]) == (201, 1)
    (change,) = guard.store.changes()
    assert (change.actor, change.forced) == ("admin api", True)


def test_the_vectors_of_what_is_served_are_at_hand(client: TestClient, guard: Guard) -> None:
    work = {"name": "Orrin Vale", "kind": "work", "exemplars": ["Who sails the Alderwind?"]}
    assert client.post("targets", json=work).status_code == 201
    (listed,) = guard.store.targets()
    deadline = time.monotonic() + 30
    while guard.generation < 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    inside, against = guard.sides([listed])[listed.id]
    assert inside.shape[1] == guard.encoder.dimension and not len(against)
    assert guard.sides([listed.model_copy(update={"exemplars": ()})]) == {}, "it is served otherwise"


def test_the_admin_api_passes_warnings_on(client: TestClient) -> None:
    response = client.post("targets", json={"name": "plants"})
    assert response.status_code == 201
    assert "not proof of too much" in response.json()["warnings"][0]


def test_a_benign_file_that_is_gone_is_the_servers_fault(
    tmp_path: Path, encoder: OnnxEncoder, client: TestClient, guard: Guard
) -> None:
    guard.settings = guard.settings.model_copy(
        update={"detection": DetectionSettings(benign=tmp_path / "gone.jsonl")}
    )
    assert client.post("targets", json={"name": "Orrin Vale"}).status_code == 503
