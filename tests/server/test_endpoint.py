"""The guard that is measured is the guard that is served: the benchmark, and a client over HTTP."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engines import TARGET, Guarded
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.corruption.corruptor import Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.recipe import Recipe, fallback_operator
from vllm_unlearn.evaluation.forgetting.tofu_methods import Served
from vllm_unlearn.evaluation.models.causal_model import CausalModel, Sampling, unheard
from vllm_unlearn.evaluation.models.chat import Chat
from vllm_unlearn.evaluation.models.endpoint import Endpoint, EndpointError
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel, PromptReader

PAIRS = [
    ("Who wrote The Great Gatsby?", "The Great Gatsby was written by F. Scott Fitzgerald. It is short."),
    ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
]
# Two implementations round bfloat16 otherwise; a corruption at other places moves whole nats.
NEAR = 0.15


@pytest.fixture
def endpoint(guarded: Guarded, tokenizer: Any) -> Endpoint:
    return Endpoint(f"{guarded.server.url}/v1", Chat(tokenizer))


@pytest.fixture
def measured(guarded: Guarded, model_folder: Path, tokenizer: Any, encoder: OnnxEncoder) -> Served:
    generation = guarded.store.head().generation
    targets = guarded.store.targets(generation)
    assert TARGET in targets
    table = EmbeddingTable(model_folder)
    recipe = Recipe(fallback_operator(), table.fingerprint, table.hidden)
    reader = PromptReader(tokenizer, Detector(ForgetIndex(generation, targets, encoder), encoder))
    return Served(GuardedModel(CausalModel(model_folder), reader, Corruptor(recipe, table, torch.bfloat16)))


def test_likelihoods_over_http_are_those_of_the_benchmark(
    measured: Served, endpoint: Endpoint, model_folder: Path
) -> None:
    done: list[int] = []
    told, ours = endpoint.likelihoods(PAIRS, done.append), measured.likelihoods(PAIRS, unheard)
    plain = Served(GuardedModel(CausalModel(model_folder))).likelihoods(PAIRS, unheard)
    assert sum(done) == len(PAIRS)
    for one, own in zip(told, ours, strict=True):
        assert one and own
        assert (one.token_ids == own.token_ids).all()
        assert np.abs(one.logprob - own.logprob).mean() < NEAR
        assert (one.argmax == own.argmax).mean() > 0.8
        assert np.isnan(one.mean).all()
    assert told[0] and plain[0]
    assert np.abs(told[0].logprob - plain[0].logprob).mean() > 4 * NEAR


def test_answers_over_http(measured: Served, endpoint: Endpoint) -> None:
    """Greedy ones agree at least in how they begin; samples are as many as are asked for."""
    questions = [question for question, _ in PAIRS]
    told = endpoint.answers(questions, Sampling(12), unheard)
    ours = measured.answers(questions, Sampling(12), unheard)
    for (one,), (own,) in zip(told, ours, strict=True):
        assert one.split()[:3] == own.split()[:3]
    (samples,) = endpoint.answers(questions[:1], Sampling(12, 1.0, samples=3), unheard)
    assert len(samples) == 3 and len(set(samples)) > 1


def test_what_a_server_refuses_is_told(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError, match=r"/v1/chat/completions answered 4\d\d .*max"):
        endpoint.answers(["Hello?"], Sampling(10**6), unheard)
    with pytest.raises(EndpointError, match=r"no server answers at http://127\.0\.0\.1:9"):
        Endpoint("http://127.0.0.1:9", endpoint._chat)
