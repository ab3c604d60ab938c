from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest
from vllm_unlearn.guard import metrics

# Two processes count; then one of them serves both pages, as vLLM with several API servers does.
COUNT = """
from vllm_unlearn.guard import metrics
metrics.set_mode("enforce")
metrics.REQUESTS.labels("corrupt").inc()
metrics.ERRORS.labels("store").inc()
metrics.ERRORS.labels("screen").inc()
metrics.GENERATION.set(3)
metrics.INDEX_SIZE.labels("targets").set(7)
for stage in ("decode", "detect", "corrupt"):
    metrics.SECONDS.labels(stage).observe(0.1)
"""
SERVE = """
import sys
from fastapi import FastAPI
from starlette.testclient import TestClient
from vllm.entrypoints.serve.instrumentator.metrics import attach_router
app = FastAPI()
attach_router(app)
metrics.PUBLIC_PAGE.everything = sys.argv[1] == "everything"
for path in ("/metrics", "/metrics/"):
    sys.stdout.write(TestClient(app).get(path).text)
sys.stdout.write("PRIVATE\\n" + metrics.private_page().decode())
"""
TELLS = ("requests", "index_size", "generation", "screen", "corrupt")


def tells(page: str) -> list[str]:
    lines = [line for line in page.splitlines() if line.startswith("vllm_unlearn")]
    return [word for word in TELLS if any(word in line for line in lines)]


@pytest.fixture
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The public and the private page of two processes; the parameter says what is public."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    for code in (COUNT, COUNT + SERVE):
        run = subprocess.run(
            [sys.executable, "-c", code, request.param],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stderr[-3000:]
    public, _, private = run.stdout.partition("PRIVATE\n")
    yield public, private


@pytest.mark.parametrize("pages", ["what anyone may see"], indirect=True)
def test_of_several_processes_the_public_page_tells_nothing(pages: tuple[str, str]) -> None:
    public, private = pages
    assert tells(public) == []
    assert public.count('vllm_unlearn_errors_total{where="store"} 2.0\n') == 2  # two processes, two paths
    assert public.count('vllm_unlearn_mode{mode="enforce"} 1.0\n') == 2
    assert tells(private) == list(TELLS)
    for line in (
        'requests_total{verdict="corrupt"} 2.0',
        'errors_total{where="screen"} 2.0',
        'index_size{what="targets"} 7.0',
        'guard_seconds_count{stage="corrupt"} 2.0',
    ):
        assert f"vllm_unlearn_{line}\n" in private


@pytest.mark.parametrize("pages", ["everything"], indirect=True)
def test_all_of_it_is_public_where_the_operator_says_so(pages: tuple[str, str]) -> None:
    assert tells(pages[0]) == list(TELLS)


def test_a_flagged_prompt_adds_no_line_to_the_public_page() -> None:
    def lines() -> list[str]:
        page = generate_latest(REGISTRY).decode().splitlines()
        return [line for line in page if line.startswith("vllm_unlearn")]

    metrics.set_mode("enforce")
    before = lines()
    assert any(line.startswith("vllm_unlearn_mode") for line in before)
    metrics.REQUESTS.labels("corrupt").inc()
    for stage in ("decode", "detect", "corrupt"):
        metrics.SECONDS.labels(stage).observe(1)
    metrics.ERRORS.labels("screen").inc()
    metrics.INDEX_SIZE.labels("targets").set(5)
    metrics.GENERATION.set(9)
    assert lines() == before
    assert tells(metrics.private_page().decode()) == list(TELLS)


@pytest.mark.parametrize(("mode", "disabled"), [("off", 1.0), ("shadow", 0.0), ("enforce", 0.0)])
def test_the_mode_is_told(mode: str, disabled: float) -> None:
    metrics.set_mode(mode)
    on = {m: REGISTRY.get_sample_value("vllm_unlearn_mode", {"mode": m}) for m in metrics.MODES}
    assert on == {m: float(m == mode) for m in metrics.MODES}
    assert REGISTRY.get_sample_value("vllm_unlearn_disabled") == disabled
