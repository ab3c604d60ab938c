"""What doctor reads of a server besides its answers; those are tested where servers run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from vllm_unlearn.guard import metrics
from vllm_unlearn.server.doctor import Doctor, Finding, are_answers_read


def serve(registry: CollectorRegistry) -> Iterator[Doctor]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield Doctor(f"http://127.0.0.1:{server.server_port}", ("a", "b"), model="m")
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def guarded() -> Iterator[Doctor]:
    registry = CollectorRegistry()
    registry.register(metrics.PublicPage())
    yield from serve(registry)


@pytest.fixture
def plain() -> Iterator[Doctor]:
    yield from serve(CollectorRegistry())


@pytest.mark.parametrize("mode", metrics.MODES)
def test_the_mode_is_what_the_public_metrics_tell(guarded: Doctor, mode: str) -> None:
    metrics.set_mode(mode)
    assert guarded.mode() == mode


def test_a_plain_servers_metrics_tell_of_no_guard(plain: Doctor) -> None:
    assert plain.mode() is None


@pytest.mark.parametrize(
    ("findings", "read"),
    [
        ([Finding("chat", "guarded", ""), Finding("completions", "guarded", "", answers_read=True)], True),
        ([Finding("chat", "guarded", ""), Finding("completions", "guarded", "")], False),
        ([Finding("pooling", "guarded", "")], True),
        ([Finding("chat", "guarded", ""), Finding("pooling", "guarded", "")], False),
    ],
)
def test_answers_are_read_where_one_surface_proves_it(findings: list[Finding], read: bool) -> None:
    assert are_answers_read(findings) is read
