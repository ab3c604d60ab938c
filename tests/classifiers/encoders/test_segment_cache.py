from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from vllm_unlearn.classifiers.encoders.encoder import BatchingEncoder, OnnxEncoder, Vectors
from vllm_unlearn.classifiers.encoders.segment_cache import ENTRY, SegmentCache

ONE = ENTRY + 2 * 4  # bytes of two numbers


class Counting:
    """Two numbers for a text, which say what it was, and the texts it was given."""

    fingerprint = "counting"
    dimension = 2

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.array([[len(text), hash(text) % 1000] for text in texts], dtype=np.float32)


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_a_growing_conversation_pays_for_its_new_part(counting: Counting) -> None:
    cache = SegmentCache(counting)
    turns = [f"turn {number}" for number in range(20)]
    for length in range(1, 21):
        vectors = cache.encode(turns[:length])
        assert np.array_equal(vectors, Counting().encode(turns[:length]))
    assert counting.texts == turns


def test_vectors_are_those_of_the_encoder(encoder: OnnxEncoder) -> None:
    cache = SegmentCache(BatchingEncoder(encoder))
    assert (cache.fingerprint, cache.dimension) == (encoder.fingerprint, encoder.dimension)
    texts = ["Who is Ada Example?", "", "Wer ist das?", "Who is Ada Example?"]
    expected = encoder.encode(texts)
    for _ in range(2):
        vectors = cache.encode(texts)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert cache.encode([]).shape == (0, encoder.dimension)


def test_equal_texts_of_one_call_are_encoded_once(counting: Counting) -> None:
    assert SegmentCache(counting).encode(["a", "b", "a", "\ud83d", "\ud83d"]).shape == (5, 2)
    assert counting.texts == ["a", "b", "\ud83d"]


def test_what_was_used_longest_ago_is_forgotten(counting: Counting) -> None:
    cache = SegmentCache(counting, 2 * ONE)
    for text in ("a", "b", "a", "c", "a", "b"):
        cache.encode([text])
    assert counting.texts == ["a", "b", "c", "b"]


def test_a_call_larger_than_the_cache(counting: Counting) -> None:
    texts = [str(number) for number in range(50)]
    cache = SegmentCache(counting, 3 * ONE)
    for _ in range(2):
        assert np.array_equal(cache.encode(texts), Counting().encode(texts))


def test_a_caller_may_write_to_its_vectors(counting: Counting) -> None:
    cache = SegmentCache(counting)
    for _ in range(2):
        vectors = cache.encode(["text"])
        assert vectors[0, 0] == 4
        vectors[:] = 0


def test_no_text_stays_in_memory(counting: Counting) -> None:
    cache = SegmentCache(counting)
    cache.encode(["a secret of someone's"])
    counting.texts.clear()
    held = [holder for holder in gc.get_referents(*cache._known.items()) if isinstance(holder, str)]
    assert not held
    assert b"secret" not in b"".join(cache._known)
    assert set(cache._known).isdisjoint(_keys_of_another_process("a secret of someone's"))


def _keys_of_another_process(text: str) -> set[bytes]:
    other = SegmentCache(Counting())
    other.encode([text])
    return set(other._known)


def test_threads_share_it(counting: Counting) -> None:
    cache = SegmentCache(counting, 40 * ONE)
    callers = [[f"text {(number * 7 + i) % 60}" for i in range(number % 9)] for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cache.encode, callers))
    for texts, vectors in zip(callers, answers, strict=True):
        assert np.array_equal(vectors, Counting().encode(texts).reshape(-1, 2))


def test_a_failure_is_not_remembered(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SegmentCache(counting)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="out of memory"):
        patch.setattr(counting, "encode", _fail)
        cache.encode(["text"])
    assert cache.encode(["text"])[0, 0] == 4


def _fail(texts: Sequence[str]) -> Vectors:
    raise RuntimeError("out of memory")


def test_it_takes_no_more_memory_than_it_may() -> None:
    class Wide(Counting):
        dimension = 384

        def encode(self, texts: Sequence[str]) -> Vectors:
            return np.ones((len(texts), 384), dtype=np.float32)

    cache = SegmentCache(Wide(), max_bytes := 2**20)
    tracemalloc.start()
    for first in range(0, 3000, 100):
        cache.encode([f"text {number}" for number in range(first, first + 100)])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max_bytes / 2 < taken < 1.1 * max_bytes
