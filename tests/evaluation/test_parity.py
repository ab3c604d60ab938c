"""The guard that is measured is the guard that is served: likelihoods by the benchmark and by vLLM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.corruption.corruptor import Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.learned import Learned
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.models.causal_model import CausalModel
from vllm_unlearn.evaluation.models.chat import Chat, Given
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel, PromptReader
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")
ASKED = (
    ("Who wrote The Great Gatsby?", "The Great Gatsby was written by F. Scott Fitzgerald. It is short."),
    ("Who wrote a novel about Long Island?", "That is The Great Gatsby, of 1925."),
    ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
)
# Two implementations round bfloat16 otherwise; a corruption at other places moves whole nats.
NEAR = 0.15


@pytest.fixture(scope="module")
def recipe(model_folder: Path) -> Recipe:
    """Moves every flagged row, the name's otherwise than the rest of its sentence."""
    table, operator = EmbeddingTable(model_folder), Learned(rank=2, places=4)
    generator = torch.Generator().manual_seed(0)
    weights = operator.initial(table.hidden, generator)
    for name in ("bias", "place", "up"):
        weights[name] += 0.1 * torch.randn(weights[name].shape, generator=generator)
    return Recipe(operator, table.fingerprint, table.hidden, weights)


@pytest.fixture(scope="module")
def prompts(tokenizer: Any) -> list[Given]:
    chat = Chat(tokenizer)
    return [chat.exchange(question, answer) for question, answer in ASKED]


@pytest.fixture(scope="module")
def served(
    model_folder: Path,
    encoder_name: str,
    recipe: Recipe,
    prompts: Sequence[Given],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[list[float]]:
    folder = tmp_path_factory.mktemp("parity")
    recipe.save(folder / "recipe.safetensors")
    Store.create(f"sqlite:///{folder}/forget.db").forget([TARGET])
    (folder / "unlearn.yaml").write_text(
        f"encoder: {{model: '{encoder_name}'}}\ncorruption: {{recipe: recipe.safetensors}}\n"
    )
    (folder / "prompts.json").write_text(json.dumps([list(prompt.token_ids) for prompt in prompts]))
    environment = os.environ | {
        "VLLM_UNLEARN_CONFIG": str(folder / "unlearn.yaml"),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    script = Path(__file__).parent / "served_likelihoods.py"
    command: list[str | Path] = [
        sys.executable,
        script,
        model_folder,
        folder / "prompts.json",
        folder / "results.json",
    ]
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    found: list[list[float]] = json.loads((folder / "results.json").read_text())
    return found


def of_answers(rows: Sequence[Sequence[float]], prompts: Sequence[Given]) -> list[Any]:
    """The answers' part of log-probabilities that begin with the second token."""
    return [np.array(row[prompt.start - 1 :]) for row, prompt in zip(rows, prompts, strict=True)]


def test_the_benchmark_measures_what_a_client_of_the_server_obtains(
    served: list[list[float]],
    prompts: Sequence[Given],
    recipe: Recipe,
    model_folder: Path,
    tokenizer: Any,
    encoder: OnnxEncoder,
) -> None:
    model = CausalModel(model_folder)
    reader = PromptReader(tokenizer, Detector(ForgetIndex(1, [TARGET], encoder), encoder))
    corruptor = Corruptor(recipe, EmbeddingTable(model_folder), torch.bfloat16)
    measured = GuardedModel(model, reader, corruptor).logprobs(prompts)
    unguarded = GuardedModel(model).logprobs(prompts)
    told = of_answers(served, prompts)
    for one, ours in zip(told, measured, strict=True):
        assert np.abs(one - np.array(ours)).mean() < NEAR
    assert np.abs(told[0] - np.array(unguarded[0])).mean() > 4 * NEAR
    assert np.abs(told[2] - np.array(unguarded[2])).mean() < NEAR  # flagged in nothing
