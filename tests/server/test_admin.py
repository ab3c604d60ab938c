from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from vllm_unlearn.classifiers.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.store import Store
from vllm_unlearn.server.admin import KEY_HEADER, PREFIX, AdminPlugin, admin_router

KEY = "the-admin-key-of-this-test"
NOTES = [
    "Orrin Vale: the surname alone flags: no (vale)",
    "O. Vale: the surname alone flags: no (vale)",
]
TARGET = {"name": "Orrin Vale", "aliases": ["O. Vale"]}


@pytest.fixture
def guard(tmp_path: Path, encoder: OnnxEncoder) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
    guard = Guard(Settings(store=store.url, poll_seconds=0.02, max_stale_seconds=2.0), encoder)
    yield guard
    guard.close()


def served(guard: Guard | None, key: str = KEY) -> TestClient:
    app = FastAPI()
    app.include_router(admin_router(key))
    app.state.unlearn_guard = guard
    return TestClient(app, f"http://test{PREFIX}/", raise_server_exceptions=False, headers={KEY_HEADER: KEY})


@pytest.fixture
def client(guard: Guard) -> TestClient:
    return served(guard)


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


ROUTES = [
    ("GET", "targets"),
    ("POST", "targets"),
    ("DELETE", "targets/x"),
    ("GET", "generation"),
    ("GET", "status"),
    ("POST", "check"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.parametrize("key", [None, b"", b"wrong", KEY[:-1].encode(), "schlüssel".encode(), b"\xff\xfe"])
def test_without_the_key_every_route_is_closed(
    client: TestClient, guard: Guard, method: str, route: str, key: bytes | None
) -> None:
    del client.headers[KEY_HEADER]
    headers = {} if key is None else {KEY_HEADER.encode(): key}
    response = client.request(method, route, json=TARGET, headers=headers)
    assert response.status_code == 401
    assert guard.store.head().generation == 0


def test_a_key_of_other_letters_opens(guard: Guard) -> None:
    key = "schlüssel-мой-鍵-0123456789"
    client = served(guard, key)
    assert client.get("targets", headers={KEY_HEADER.encode(): key.encode()}).status_code == 200


def test_the_router_knows_no_route_without_a_test_here() -> None:
    routes: list[Any] = admin_router(KEY).routes
    known = {(method, route.path.removeprefix(f"{PREFIX}/")) for route in routes for method in route.methods}
    assert known == {(method, route.replace("/x", "/{target_id}")) for method, route in ROUTES}


def test_a_target_is_listed_served_and_remembered(client: TestClient, guard: Guard) -> None:
    response = client.post("targets", json=TARGET)
    assert (response.status_code, response.json()) == (
        201,
        {"id": "orrin-vale", "generation": 1, "notes": NOTES},
    )
    (listed,) = client.get("targets").json()
    assert (listed["name"], listed["aliases"], listed["kind"]) == ("Orrin Vale", ["O. Vale"], "entity")
    until(lambda: client.get("generation").json() == {"stored": 1, "served": 1})
    verdict = client.post("check", json={"text": "Who is O. Vale?"}).json()
    assert (verdict["action"], verdict["generation"]) == ("corrupt", 1)
    assert [(m["target_id"], m["start"], m["end"]) for m in verdict["matches"]] == [("orrin-vale", 7, 14)]
    assert client.post("check", json={"text": "Who?"}).json()["action"] == "pass"
    assert client.delete("targets/orrin-vale").json() == {"generation": 2}
    assert client.get("targets").json() == []
    assert [c.actor for c in guard.store.changes()] == ["admin api"] * 2


def test_status_tells_what_is_served(client: TestClient, guard: Guard) -> None:
    status = client.get("status").json()
    assert (status["stored"], status["served"], status["mode"]) == (0, 0, "enforce")
    assert status["index"] == guard.sizes
    assert [(r["id"], r["generation"]) for r in status["replicas"]] == [(guard.replica_id, 0)]


def test_a_taken_id_is_a_conflict_unless_it_is_replaced(client: TestClient) -> None:
    client.post("targets", json=TARGET)
    response = client.post("targets", json=TARGET)
    assert response.status_code == 409
    assert "the id 'orrin-vale' is taken" in response.json()["detail"]
    assert client.post("targets?replace=true", json=TARGET).json()["generation"] == 2


def test_an_unknown_id_is_not_found(client: TestClient) -> None:
    for target_id in ("nobody", "taken", "a%2Fb"):
        assert client.delete(f"targets/{target_id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff", ""),
        (b"[]", "a target is an object"),
        (b"{}", "name: Field required"),
        (b'{"name": "---"}', "a name needs at least one letter"),
        (b'{"name": "A", "nmae": 1}', "nmae: Extra inputs"),
        (b'{"name": "A\\ud800"}', "name:"),
        (b'{"name": "A", "expires_at": "2030-01-01T00:00:00"}', "has no time zone"),
        (b'{"name": "A", "expires_at": "9999-12-31T23:59:59-12:00"}', "expires_at"),
        (b"[" * 100_000, ""),
    ],
)
def test_a_body_that_is_no_target_is_refused(
    client: TestClient, guard: Guard, body: bytes, reason: str
) -> None:
    response = client.post("targets", content=body)
    assert response.status_code == 400
    assert reason in response.json()["detail"]
    assert guard.store.head().generation == 0


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"text": 3}'])
def test_a_check_of_no_text_is_the_clients_mistake(client: TestClient, body: bytes) -> None:
    response = client.post("check", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)  # vLLM's own handler makes 400 of FastAPI's 422


def test_a_store_that_is_gone_is_unavailable(client: TestClient, guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "forget.db").unlink()
    for method, route in ROUTES[:-1]:
        response = client.request(method, route, json=TARGET)
        assert response.status_code == 503, route
        assert "does not exist" in response.json()["detail"]


def test_a_guard_that_cannot_decide_is_unavailable(client: TestClient, guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "forget.db").unlink()
    until(lambda: client.post("check", json={"text": "x"}).status_code != 200)
    assert client.post("check", json={"text": "x"}).status_code == 503


def test_without_a_guard_the_routes_say_so() -> None:
    response = served(None).get("targets")
    assert response.status_code == 503
    assert "no guard runs in this server" in response.json()["detail"]


@pytest.mark.parametrize("configured", [False, True])
def test_the_plugin_adds_routes_only_where_a_key_is_set(
    configured: bool, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unlearn.yaml").write_text(f"admin_key: {KEY}" if configured else "mode: enforce")
    monkeypatch.setenv("VLLM_UNLEARN_CONFIG", str(tmp_path / "unlearn.yaml"))
    app, plugin = FastAPI(), AdminPlugin()
    plugin.attach_router(app)
    engine = Namespace(_unlearn=Namespace(guard=guard))
    asyncio.run(plugin.init_state(engine, app.state, Namespace()))
    response = TestClient(app).get(f"{PREFIX}/targets", headers={KEY_HEADER: KEY})
    assert response.status_code == (200 if configured else 404)


def test_the_plugin_finds_no_guard_in_an_engine_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_ADMIN_KEY", KEY)
    app, plugin = FastAPI(), AdminPlugin()
    asyncio.run(plugin.init_state(object(), app.state, Namespace()))
    assert app.state.unlearn_guard is None
