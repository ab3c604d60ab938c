from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.store.difference import Changed, Difference
from vllm_unlearn.guard.store.fleet import Replica
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.admin import KEY_HEADER, PREFIX, CheckRequest, KeyedRoutes, admin_app
from vllm_unlearn.server.admin_reference import page
from vllm_unlearn.server.explanation import Check, Nearest
from vllm_unlearn.vocabulary import ForgetTarget, Match, Neighbour

PAGE = (Path(__file__).parents[2] / "docs" / "admin.md").read_text()
KEY = "the-admin-key-of-this-test"


@pytest.fixture
def client(tmp_path: Path, encoder: OnnxEncoder) -> Iterator[TestClient]:
    store = Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
    app, routes = FastAPI(), admin_app()
    guard = routes.state.guard = Guard(Settings(store=store.url), encoder)
    app.add_middleware(KeyedRoutes, admin=routes, key=KEY)
    yield TestClient(app, "http://test", raise_server_exceptions=False)
    guard.close()


def test_the_page_is_what_the_routes_say() -> None:
    assert page() == PAGE, "python -m vllm_unlearn.server.admin_reference > docs/admin.md"


def test_every_route_has_a_part_of_its_own_and_an_example() -> None:
    routes: list[Any] = admin_app().routes
    known = {
        f"{method} {route.path.removeprefix(f'{PREFIX}/')}" for route in routes for method in route.methods
    }
    parts = dict(re.findall(r"^## ([A-Z]+ \S+)\n(.*?)(?=^## )", PAGE, re.M | re.S))
    assert parts.keys() == known
    assert all("    curl " in part and "\nAnswer (20" in part for part in parts.values())


@pytest.mark.parametrize(
    "model", [ForgetTarget, CheckRequest, Check, Nearest, Match, Neighbour, Replica, Difference, Changed]
)
def test_every_field_has_a_row(model: Any) -> None:
    fields = (
        [field.name for field in dataclasses.fields(model)]
        if dataclasses.is_dataclass(model)
        else list(getattr(model, "model_fields", model.__annotations__))
    )
    assert all(f"| `{name}` | " in PAGE for name in fields)


def test_the_examples_work_and_their_answers_are_described(client: TestClient) -> None:
    """In the order of the page: what is listed there is taken off there."""
    lines = [line.strip() for line in PAGE.splitlines() if line.startswith("    curl ")]
    assert len(lines) == 10
    for line in lines:
        words = shlex.split(line.replace("$KEY", f"{KEY_HEADER}: {KEY}").replace("$URL", PREFIX))
        body = words[words.index("-d") + 1] if "-d" in words else None
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        (path,) = (word for word in words if word.startswith(PREFIX))
        header, _, value = words[words.index("-H") + 1].partition(": ")
        answer = client.request(method, path, content=body, headers={header: value})
        assert answer.is_success, (line, answer.text)
        told = answer.json() if "json" in answer.headers["content-type"] else {}
        assert all(f"| `{name}` | " in PAGE for name in (told if isinstance(told, dict) else {}))
