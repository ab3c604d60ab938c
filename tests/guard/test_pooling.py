"""What a pooling model scores is screened: a score of an LM's head tells facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from vllm_unlearn.guard.store import Store

SCRIPT = Path(__file__).with_name("offline_pooling.py")


@pytest.fixture(scope="module")
def classifier(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal LM's classifier of random weights, large enough that every token counts."""
    from transformers import AutoModelForSequenceClassification, LlamaConfig

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        num_labels=3,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("classifier")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(classifier: Path, encoder_name: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    folder = tmp_path_factory.mktemp("pooling")
    (folder / "unlearn.yaml").write_text(f"encoder: {{model: '{encoder_name}'}}\n")
    Store.create(f"sqlite:///{folder}/forget.db")
    environment = os.environ | {
        "VLLM_UNLEARN_CONFIG": str(folder / "unlearn.yaml"),
        "VLLM_PLUGINS": "unlearn",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    command = [sys.executable, str(SCRIPT), str(classifier), str(folder / "results.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "results.json").read_text()), done.stdout + done.stderr


def test_a_listed_text_is_scored_as_one_that_names_nobody(run: tuple[Any, str]) -> None:
    results, _ = run
    (listed, other), (screened, same) = results["before"], results["after"]
    assert screened != pytest.approx(listed, abs=1e-4)
    assert same == other
    assert results["unscreened"][0] == pytest.approx(listed, abs=1e-5)


def test_a_text_as_long_as_the_model_takes_is_screened_too(run: tuple[Any, str]) -> None:
    assert run[0]["full"] != pytest.approx(run[0]["unscreened"][1], abs=1e-6)


def test_the_log_says_what_is_done(run: tuple[Any, str]) -> None:
    assert "a pooling model: matches become neutral tokens" in run[1]
