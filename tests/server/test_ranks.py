"""Two data-parallel ranks, one on a node of its own: served only if the guard is on both."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_model
from vllm_unlearn.evaluation.models.serving import Server, ServerError
from vllm_unlearn.guard.store.store import Store

QUIET = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def tiny_folder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.save(tmp_path_factory.mktemp("tiny"), tokenizer, head_dim=32)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("guarded", [True, False])
def test_a_headless_rank_is_served_only_with_the_guard(
    guarded: bool, tiny_folder: Path, encoder_name: str, tmp_path: Path
) -> None:
    Store.create(f"sqlite:///{tmp_path}/forget.db")
    config = tmp_path / "unlearn.yaml"
    config.write_text(f"encoder: {{model: '{encoder_name}'}}\n")
    ranks = f"--data-parallel-size 2 --data-parallel-size-local 1 --data-parallel-rpc-port {free_port()}"
    flags = f"--enforce-eager --dtype float32 --max-model-len 512 --data-parallel-address 127.0.0.1 {ranks}"
    module = ["vllm_unlearn.server.cli", "serve"] if guarded else ["vllm_unlearn.evaluation.models.serving"]
    command = [sys.executable, "-m", *module, str(tiny_folder), *flags.split()]
    command += ["--headless", "--data-parallel-start-rank", "1"]
    environment = os.environ | QUIET
    environment |= {"VLLM_UNLEARN_CONFIG": str(config)} if guarded else {"VLLM_PLUGINS": ""}
    with (tmp_path / "headless.log").open("wb") as log:
        headless = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    front = Server(tiny_folder, tmp_path / "serve.log", config, flags.split()).with_environment(**QUIET)
    try:
        if not guarded:
            with pytest.raises(ServerError, match="the server stopped"), front:
                pass
            assert "an engine process runs without the guard" in (tmp_path / "serve.log").read_text()
            return
        with front:
            assert httpx.get(f"{front.url}/health").is_success
            said = front.tail(100_000)
            assert "corruption: stand-ins, recipe" in said  # where nothing is configured
            assert "handshake passed on rank 0" in said and "handshake passed on rank 1" in said
    finally:
        headless.terminate()
        headless.wait(60)
