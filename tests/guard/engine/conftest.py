from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm_unlearn.guard.configuration import CorruptionSettings
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.guard.store.store import Store


@pytest.fixture
def configure(tmp_path: Path, encoder_name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a configuration with these lines more, make its store, and name it in the environment."""

    def write(*lines: str, store: bool = True) -> Path:
        config = tmp_path / "unlearn.yaml"
        config.write_text("\n".join([f"encoder: {{model: '{encoder_name}'}}", *lines]))
        if store:
            Store.create(f"sqlite:///{tmp_path}/forget.db")
        monkeypatch.setenv("VLLM_UNLEARN_CONFIG", str(config))
        return config

    return write


@pytest.fixture
def engine_config(model_folder: Path) -> Callable[..., Any]:
    """vLLM's configuration for the model, as its own code makes it."""

    def make(**options: Any) -> Any:
        args = AsyncEngineArgs(str(model_folder), max_model_len=512, enforce_eager=True, **options)
        return args.create_engine_config()

    return make


@pytest.fixture(scope="module")
def rewriter(tokenizer: Any) -> Rewriter:
    """Reads and writes tokens of the model, and corrupts none."""
    rewriter = Rewriter(CorruptionSettings(apply="tokens"), None, torch.float32, 512)
    rewriter.attach(tokenizer)
    return rewriter
