"""What a pooling model scores is screened: a score of an LM's head tells facts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from engines import TARGET
from vllm_unlearn.evaluation.models.serving import Server
from vllm_unlearn.guard.canary import canary_names
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.doctor import Doctor, State

LISTED = "The Great Gatsby was written by F. Scott Fitzgerald."
OTHER = "Moby-Dick was written by Herman Melville."
LONGEST = 256
FLAGS = f"--runner pooling --enforce-eager --max-model-len {LONGEST} --dtype float32 --block-size 32".split()


@pytest.fixture(scope="module")
def classifier(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal LM's classifier of random weights, large enough that every token counts."""
    from transformers import AutoModelForSequenceClassification, LlamaConfig

    sizes = {"hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    settings: dict[str, Any] = {**sizes, "num_key_value_heads": 2, "initializer_range": 0.3, "num_labels": 3}
    settings |= {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    folder = tmp_path_factory.mktemp("classifier")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = AutoModelForSequenceClassification.from_config(LlamaConfig(**settings))  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass
class Scored:
    """The scores of a guarded classifier before and after a target was listed, and what else it said."""

    before: dict[str, list[float]]
    after: dict[str, list[float]]
    states: dict[str, State]
    log: str


@pytest.fixture(scope="module")
def scored(
    classifier: Path, tokenizer: Any, encoder_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scored]:
    folder = tmp_path_factory.mktemp("pooling")
    (folder / "unlearn.yaml").write_text(f"encoder: {{model: '{encoder_name}'}}\n")
    store = Store.create(f"sqlite:///{folder}/forget.db")
    ids = tokenizer.encode(LISTED)
    texts = {"listed": LISTED, "other": OTHER, "longest": ids + [ids[0]] * (LONGEST - len(ids))}
    with Server(classifier, folder / "serve.log", folder / "unlearn.yaml", FLAGS) as server:

        def scores() -> dict[str, list[float]]:
            answers = {
                name: httpx.post(f"{server.url}/classify", json={"input": text}, timeout=60)
                for name, text in texts.items()
            }
            return {n: a.raise_for_status().json()["data"][0]["probs"] for n, a in answers.items()}

        before = scores()
        generation = store.forget([TARGET])
        while store.fleet.behind(store.fleet.replicas(), generation):
            time.sleep(0.05)
        doctor = Doctor(server.url, canary_names(store.head().store_id))
        states = {finding.surface: finding.state for finding in doctor.examine()}
        yield Scored(before, scores(), states, (folder / "serve.log").read_text())


@pytest.mark.parametrize("text", ["listed", "longest"])
def test_a_listed_text_is_scored_as_one_that_names_nobody(text: str, scored: Scored) -> None:
    """Also one as long as the model takes, which a model that generates would refuse."""
    assert scored.after[text] != pytest.approx(scored.before[text], abs=1e-6)


def test_other_texts_are_scored_as_before(scored: Scored) -> None:
    assert scored.after["other"] == scored.before["other"]


def test_the_log_and_doctor_say_what_is_done(scored: Scored) -> None:
    assert "a pooling model: matches become neutral tokens" in scored.log
    assert scored.states.pop("pooling") == "guarded"
    assert set(scored.states.values()) == {"not served"}
