from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from vllm_unlearn.classifiers.encoders.encoder import (
    BATCH,
    BATCH_TOKENS,
    BatchingEncoder,
    OnnxEncoder,
    Vectors,
    _batches,
)
from vllm_unlearn.classifiers.encoders.encoder_export import find_source

TEXTS = [
    "a",
    "Who is Harry Potter?",
    "Wer hat »Der Prozeß« geschrieben?",
    "東京はどこですか。",
    "من هو نجيب محفوظ؟",
    "🤖 \U0001f468\u200d\U0001f469\u200d\U0001f467 zero\u200bwidth",
    "word " * 90,
    "long sentence with many different words, none of them important; " * 6,
]


def test_vectors_are_those_of_sentence_transformers(encoder: OnnxEncoder, encoder_name: str) -> None:
    original = SentenceTransformer(find_source(encoder_name), device="cpu")
    original.max_seq_length = 512
    expected = original.encode(TEXTS, normalize_embeddings=True)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_company_and_order_do_not_change_a_vector(encoder: OnnxEncoder) -> None:
    """More than one batch of mixed lengths, in two orders, and each text alone."""
    texts = [f"{text} {number}" for number in range(5) for text in TEXTS]
    together = encoder.encode(texts)
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], together, atol=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in texts[:8]])
    np.testing.assert_allclose(alone, together[:8], atol=1e-5)


def test_very_long_and_empty_texts_are_encoded(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(["x " * 5_000, ""])
    assert np.isfinite(vectors).all()


def test_scripts_of_unlike_density_share_no_padding(encoder: OnnxEncoder) -> None:
    """400 characters are 80 tokens or 400: batches go by tokens, and hold less the longer they are."""
    lengths = [8, 400, 80, 500] * 40
    batches = list(_batches(lengths))
    assert sorted(row for rows in batches for row in rows) == list(range(160))
    for rows in batches:
        assert len(rows) <= BATCH
        assert len(rows) * max(lengths[row] for row in rows) <= BATCH_TOKENS
    padding = sum(max(lengths[row] for row in rows) * len(rows) for rows in batches) - sum(lengths)
    assert padding < 0.1 * sum(lengths)


def test_token_ids_are_encoded_as_their_text(encoder: OnnxEncoder) -> None:
    ids = encoder._tokenizer.encode("Who is Harry Potter?").ids
    np.testing.assert_allclose(
        encoder.encode_tokens(np.array([ids, ids])), encoder.encode(["Who is Harry Potter?"] * 2), atol=1e-5
    )


def test_no_texts_give_no_rows(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)
    assert BatchingEncoder(encoder).encode([]).shape == (0, encoder.dimension)


def test_the_fingerprint_is_that_of_the_export(encoder: OnnxEncoder, encoder_folder: Path) -> None:
    settings = json.loads((encoder_folder / "settings.json").read_text())
    assert encoder.fingerprint == BatchingEncoder(encoder).fingerprint == settings["fingerprint"]
    assert encoder.dimension == 384


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"settings\.json"):
        OnnxEncoder(tmp_path)


def test_each_caller_gets_its_own_rows(encoder: OnnxEncoder) -> None:
    batching = BatchingEncoder(encoder)
    callers = [[f"caller {number} says {i}" for i in range(number % 4)] for number in range(40)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(batching.encode, callers))
    for texts, vectors in zip(callers, answers, strict=True):
        np.testing.assert_allclose(vectors, encoder.encode(texts), atol=1e-5)


class Failing:
    """An encoder whose first batch stays in work until released, and that cannot take one text."""

    fingerprint = "failing"
    dimension = 2

    def __init__(self) -> None:
        self.working, self.release = threading.Event(), threading.Event()
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.working.set()
        assert self.release.wait(10)
        if "too much" in texts:
            raise RuntimeError("out of memory")
        return np.array([[len(text), 0] for text in texts], dtype=np.float32)


def test_a_text_that_fails_fails_its_caller_alone() -> None:
    encoder = Failing()
    batching = BatchingEncoder(encoder)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batching.encode, ["first"])
        assert encoder.working.wait(10)
        others = [pool.submit(batching.encode, [f"waiting {n}"]) for n in range(2)]
        failing = pool.submit(batching.encode, ["too much"])
        while batching._arrived.qsize() < 3:
            threading.Event().wait(0.001)
        encoder.release.set()
        assert first.result(10).tolist() == [[5, 0]]
        assert [other.result(10).tolist() for other in others] == [[[9, 0]], [[9, 0]]]
        with pytest.raises(RuntimeError, match="out of memory"):
            failing.result(10)
    # Those who wait share a batch; where it fails, each has one of its own.
    assert [len(batch) for batch in encoder.batches] == [1, 3, 1, 1, 1]
    assert batching.encode(["next", "one"]).tolist() == [[4, 0], [3, 0]]
