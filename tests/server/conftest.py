"""One plain vLLM, asked everything and stopped; then one guarded, which the tests of a session share."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Run
from engines import ADMIN_KEY, TARGET, Guarded, Said
from fake_endpoint import Endpoint
from surfaces import LORA, MODEL, Clients
from typer.testing import CliRunner, Result
from vllm_unlearn.evaluation.models.serving import Server
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.cli import app


@pytest.fixture(scope="session", autouse=True)
def _small_engines() -> None:
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder of its own; its output's line breaks are the terminal's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    for variable in [name for name in os.environ if name.startswith("VLLM_UNLEARN_")]:
        monkeypatch.delenv(variable)

    def run(*arguments: str, exit_code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        unexpected = result.exception and not isinstance(result.exception, SystemExit)
        assert not unexpected, f"a traceback for the user: {result.exception!r}"
        assert result.exit_code == exit_code, result.output
        return result

    return run


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def lora_flags(lora_folder: Path) -> list[str]:
    return f"--enable-lora --max-lora-rank 8 --lora-modules {LORA}={lora_folder}".split()


@pytest.fixture(scope="session")
def lora_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter with random weights: not good for anything but to be told from none."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    adapted: Any = get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj"]))
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.02)
    folder = tmp_path_factory.mktemp("lora")
    adapted.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def flags() -> list[str]:
    """Everything on: small blocks and chunks, so that prompts of a page have several of each."""
    return (
        f"--served-model-name {MODEL} --enforce-eager --dtype bfloat16 --max-model-len 4096 --block-size 32 "
        "--max-num-batched-tokens 256 --enable-prompt-tokens-details --enable-scale-out "
        "--enable-auto-tool-choice --tool-call-parser hermes"
    ).split()


@pytest.fixture(scope="session")
def plain(model_folder: Path, flags: list[str], tmp_path_factory: pytest.TempPathFactory) -> Said:
    log = tmp_path_factory.mktemp("plain") / "serve.log"
    with Server(model_folder, log, flags=flags) as server:
        return Said.by(server, "a store's id")


@pytest.fixture(scope="session")
def guarded(
    plain: Said,
    model_folder: Path,
    flags: list[str],
    encoder_name: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Guarded]:
    """Served with the target listed. ``plain`` comes first: two engines at once would slow each other."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "unlearn.yaml").write_text(
        f"encoder: {{model: '{encoder_name}'}}\nadmin_key: {ADMIN_KEY}\nmax_stale_seconds: 8\n"
        "corruption: {operator: {operator: noise}}\n"
    )
    store = Store.create(f"sqlite:///{folder}/forget.db")
    store.forget([TARGET])
    with Server(model_folder, folder / "serve.log", folder / "unlearn.yaml", flags) as server:
        yield Guarded(Said.by(server, store.head().store_id), server, Clients(server.url), store, folder)
