from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm_unlearn.classifiers.disguises import views
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.json_object import read_object
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server import admin
from vllm_unlearn.server.admin import KEY_HEADER, MAX_BODY, PREFIX, AdminPlugin, KeyedRoutes, admin_app
from vllm_unlearn.server.explanation import explain_screening
from vllm_unlearn.vocabulary import ForgetTarget

KEY = "the-admin-key-of-this-test"
NOTES = [
    "Orrin Vale: the surname alone flags: only beside two facts about a person (vale)",
    "O. Vale: the surname alone flags: only beside two facts about a person (vale)",
]
TARGET = {"name": "Orrin Vale", "aliases": ["O. Vale"]}


@pytest.fixture
def guard(tmp_path: Path, encoder: OnnxEncoder) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
    guard = Guard(Settings(store=store.url, poll_seconds=0.02, max_stale_seconds=2.0), encoder)
    yield guard
    guard.close()


def served(guard: Guard | None, key: str = KEY) -> TestClient:
    app, routes = FastAPI(), admin_app()
    routes.state.guard = guard
    app.add_middleware(KeyedRoutes, admin=routes, key=key)
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
    ("POST", "rollback/0"),
    ("GET", "diff/0/0"),
    ("GET", "generation"),
    ("GET", "status"),
    ("GET", "canaries"),
    ("GET", "metrics"),
    ("POST", "check"),
]


WRONG_KEYS = [None, b"", b"wrong", KEY[:-1].encode(), KEY.encode() + b" x", "schlüssel".encode(), b"\xff\xfe"]


@pytest.fixture(scope="module", params=[[], ["--api-key", "sk-a", "--root-path", "/under"]])
def vllms_own(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The app that vLLM makes, with our plugin in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_PLUGINS", "unlearn")
        patch.setenv("VLLM_UNLEARN_ADMIN_KEY", KEY)
        parser = make_arg_parser(FlexibleArgumentParser())  # type: ignore[no-untyped-call]
        app = build_app(parser.parse_args(["--model", "any", *request.param]), ("generate",), None)
    yield TestClient(app, raise_server_exceptions=False)


def told(client: TestClient, method: str, path: str, key: bytes | None, **request: Any) -> Any:
    headers = {"Origin": "http://elsewhere"} | request.pop("headers", {})
    keyed = [*headers.items(), *([(KEY_HEADER.encode(), key)] if key is not None else [])]
    answer = client.request(method, path, headers=keyed, **request)
    return answer.status_code, answer.content, dict(answer.headers)


@pytest.mark.parametrize("key", WRONG_KEYS)
def test_without_the_key_there_are_no_routes(vllms_own: TestClient, key: bytes | None) -> None:
    """Nothing but what an unknown path is answered with: by no method, under no name, for no body."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "MADE-UP"]
    routes = {route for _, route in ROUTES} | {
        "",
        "targets/",
        "targets/x/y",
        "nothing",
        "docs",
        "openapi.json",
    }
    bodies: list[dict[str, Any]] = [
        {},
        {"json": TARGET},
        {"content": b"{"},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b" " * (MAX_BODY + 1)},
    ]
    for method in methods:
        unknown = told(vllms_own, method, "/unknown/path", key)
        assert unknown[0] == 404
        for route in sorted(routes):
            assert told(vllms_own, method, f"{PREFIX}/{route}", key) == unknown, (method, route)
    for body in bodies:
        unknown = told(vllms_own, "POST", "/unknown/path", key, **body)
        assert told(vllms_own, "POST", f"{PREFIX}/targets", key, **body) == unknown
    preflight = {"headers": {"Access-Control-Request-Method": "DELETE"}}
    unknown = told(vllms_own, "OPTIONS", "/unknown/path", key, **preflight)
    assert told(vllms_own, "OPTIONS", f"{PREFIX}/targets", key, **preflight) == unknown


def test_with_the_key_the_routes_are_there_and_nobody_else_sees_it(vllms_own: TestClient) -> None:
    """Also after they were used: not in the metrics of vLLM's own routes, nor in the schema."""
    root = vllms_own.app.root_path or ""  # type: ignore[attr-defined]
    assert told(vllms_own, "GET", f"{root}{PREFIX}/targets", KEY.encode())[0] == 503, "no guard runs here"
    for page in ("/metrics", "/openapi.json"):
        answer = vllms_own.get(page)
        assert answer.status_code == 200
        assert PREFIX not in answer.text


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.parametrize("key", WRONG_KEYS)
def test_without_the_key_every_route_is_closed(
    client: TestClient, guard: Guard, method: str, route: str, key: bytes | None
) -> None:
    del client.headers[KEY_HEADER]
    headers = {} if key is None else {KEY_HEADER.encode(): key}
    response = client.request(method, route, json=TARGET, headers=headers)
    assert response.status_code == 404
    assert guard.store.head().generation == 0


def test_a_key_of_other_letters_opens(guard: Guard) -> None:
    key = "schlüssel-мой-鍵-0123456789"
    client = served(guard, key)
    assert client.get("targets", headers={KEY_HEADER.encode(): key.encode()}).status_code == 200


def test_the_router_knows_no_route_without_a_test_here() -> None:
    routes: list[Any] = admin_app().routes
    paths = [(method, route.path.removeprefix(f"{PREFIX}/")) for route in routes for method in route.methods]
    known = {(method, re.sub(r"{\w+}", "*", path)) for method, path in paths}
    assert known == {(method, re.sub("(?<=/)[x0]", "*", path)) for method, path in ROUTES}


def test_the_way_back_is_the_same_by_http(client: TestClient, guard: Guard) -> None:
    guard.store.forget([ForgetTarget(id="a", name="Ann Lee")])
    guard.store.remember(["a"])
    told = client.get("diff/2/1").json()
    assert ([t["id"] for t in told["came"]], told["went"], told["changed"]) == (["a"], [], [])
    assert client.post("rollback/1").json() == {"generation": 3}
    until(lambda: guard.screen("Who is Ann Lee?").action == "corrupt")
    change = guard.store.changes()[-1]
    assert (change.actor, change.action) == (admin.ACTOR, "rollback to 1")
    for method, route in (("POST", "rollback/9"), ("GET", "diff/0/9")):
        answer = client.request(method, route)
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "there is no generation 9; the newest is 3",
        )


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


def test_a_check_tells_why_as_the_command_does(client: TestClient, guard: Guard) -> None:
    questions = {"exemplars": ["Where does Ann Marsh live?"], "counterexamples": ["What did Ann Marsh win?"]}
    client.post("targets", json={"name": "Ann Marsh", "scope": "private", **questions})
    until(lambda: client.get("status").json()["current"])
    for text in ("Where is Ann Marsh's house?", "Which medals did Ann Marsh win?", "How do plants grow?"):
        check = client.post("check", json={"text": text}).json()
        explanation = explain_screening(guard, text)
        shown = json.loads(json.dumps(explanation.as_json()))
        assert {name: check[name] for name in shown.keys() & check.keys() - {"matches"}} == {
            name: shown[name] for name in ("generation", "threshold", "scopes", "nearest")
        }
        assert (check["action"] == "corrupt") == (shown["decision"] == "match") == bool(check["matches"])
        near = check["nearest"]
        assert not near or f"nearest target {near['target_id']}: score {near['score']:.3f} (" in "\n".join(
            explanation.lines()
        )
    assert check["nearest"]["exemplar"]["text"] == questions["exemplars"][0]


def test_status_tells_what_is_served(client: TestClient, guard: Guard) -> None:
    status = client.get("status").json()
    assert (status["stored"], status["served"], status["mode"]) == (0, 0, "enforce")
    assert status["current"] is True
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
        (b"{}", "name: is missing"),
        (b'{"name": "---"}', "a name needs at least one letter"),
        (b'{"name": "A", "nmae": 1}', "nmae: is not known; did you mean 'name'?"),
        (b'{"name": "A\\ud800"}', "name:"),
        (b'{"name": "A", "expires_at": "2030-01-01T00:00:00"}', "has no time zone"),
        (b'{"name": "A", "expires_at": "2020-01-01T00:00:00Z"}', "is past, so nothing would be suppressed"),
        (b'{"name": "A", "name": "B"}', "the field 'name' is given twice"),
        (b'{"name": "A", "exemplars": "e"}', "exemplars: must be a list"),
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
    for method, route in [("GET", "targets"), *ROUTES[1:-2]]:
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
    asyncio.run(plugin.init_state(Namespace(_unlearn=Namespace(guard=guard)), app.state, Namespace()))
    response = TestClient(app).get(f"{PREFIX}/targets", headers={KEY_HEADER: KEY})
    assert response.status_code == (200 if configured else 404)


def test_the_plugin_finds_no_guard_in_an_engine_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_ADMIN_KEY", KEY)
    app, plugin = FastAPI(), AdminPlugin()
    plugin.attach_router(app)
    asyncio.run(plugin.init_state(object(), app.state, Namespace()))
    response = TestClient(app).get(f"{PREFIX}/targets", headers={KEY_HEADER: KEY})
    assert "no guard runs in this server" in response.json()["detail"]


def test_the_canaries_are_those_that_the_guard_knows(client: TestClient, guard: Guard) -> None:
    names = client.get("canaries").json()
    assert [guard.screen(name).action for name in names] == ["corrupt", "corrupt", "pass"]
    watched = guard.detector.index.watched
    assert [bool(list(watched.find(name, 0))) for name in names] == [False, False, True]


def test_the_private_page_has_what_the_public_one_has_not(client: TestClient, guard: Guard) -> None:
    page = client.get("metrics")
    assert page.headers["content-type"].startswith("text/plain")
    names = {family.name for family in text_string_to_metric_families(page.text)}
    assert {"vllm_unlearn_index_size", "vllm_unlearn_generation", "vllm_unlearn_guard_seconds"} <= names
    assert f'index_size{{what="targets"}} {float(guard.sizes["targets"])}' in page.text


def test_a_check_that_is_longer_than_may_be_read_is_the_clients_mistake(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("targets", json=TARGET)
    until(lambda: client.get("status").json()["current"])
    monkeypatch.setattr(views, "MAX_READ", 0)
    monkeypatch.setattr(views, "FREE", 0)
    response = client.post("check", json={"text": "V2hvIGlzIE9ycmluIFZhbGU/IFRlbGwgbWUgbW9yZS4="})
    assert (response.status_code, "shorten it" in response.json()["detail"]) == (400, True)


@pytest.mark.parametrize("route", ["targets", "check"])
def test_a_body_is_bounded_and_read_beside_the_event_loop(
    client: TestClient, guard: Guard, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading: list[str] = []

    def read(*arguments: Any) -> dict[str, Any]:
        reading.append(threading.current_thread().name)
        return read_object(*arguments)

    def pieces() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 2**16 + 1):
            yield b" " * 2**16

    monkeypatch.setattr(admin, "read_object", read)
    for content in (b" " * (MAX_BODY + 1), pieces()):
        response = client.post(route, content=content)
        assert (response.status_code, response.json()["detail"][:13]) == (413, "the body has ")
    assert client.post(route, content=b"{}".rjust(MAX_BODY)).status_code == 400
    assert len(reading) == 1 and "MainThread" not in reading[0] and "portal" not in reading[0]
    assert guard.store.head().generation == 0
