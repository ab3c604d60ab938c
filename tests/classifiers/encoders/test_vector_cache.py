from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder, Vectors
from vllm_unlearn.classifiers.encoders.vector_cache import VectorCache

TEXTS = ["Who is Ada Example?", "What is photosynthesis?", "Who is Ada Example?"]


class Counting:
    """The real encoder, and how many texts it was given."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        self.fingerprint, self.dimension, self.texts = encoder.fingerprint, encoder.dimension, 0
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return self._encoder.encode(texts)


@pytest.fixture
def counting(encoder: OnnxEncoder) -> Counting:
    return Counting(encoder)


@pytest.fixture
def file(counting: Counting, tmp_path: Path) -> Path:
    cache = VectorCache(counting, tmp_path / "sub" / "vectors.safetensors")
    cache.encode(TEXTS)
    cache.settle()
    return tmp_path / "sub" / "vectors.safetensors"


def test_each_text_is_encoded_once(counting: Counting, encoder: OnnxEncoder, file: Path) -> None:
    assert counting.texts == 2
    again = VectorCache(counting, file)
    assert np.array_equal(again.encode(TEXTS), VectorCache(counting, file).encode(TEXTS))
    assert np.allclose(again.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)
    assert counting.texts == 2


def test_what_a_build_did_not_use_is_forgotten(counting: Counting, file: Path) -> None:
    cache = VectorCache(counting, file)
    cache.encode(TEXTS[1:2])
    cache.settle()
    VectorCache(counting, file).encode(TEXTS[1:2])
    assert counting.texts == 2
    VectorCache(counting, file).encode(TEXTS[:1])
    assert counting.texts == 3


def test_what_is_kept_beside_a_build_takes_nothing_out(counting: Counting, file: Path) -> None:
    cache = VectorCache(counting, file)
    assert cache.knows(TEXTS) and not cache.knows(["What is new?"])
    cache.encode(["What is new?"])
    cache.keep()
    assert VectorCache(counting, file).knows([*TEXTS, "What is new?"])
    written = file.stat().st_mtime_ns
    cache.keep()
    assert file.stat().st_mtime_ns == written


def test_only_its_owner_can_read_it_and_it_holds_no_text(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"Ada" not in file.read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied", "another encoder"])
def test_a_broken_file_is_made_anew(damage: str, counting: Counting, file: Path) -> None:
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[:100])
    elif damage == "altered":
        data[-1] ^= 1
        file.write_bytes(data)
    elif damage == "emptied":
        file.write_bytes(b"")
    else:
        counting.fingerprint = "another"
    cache = VectorCache(counting, file)
    cache.encode(TEXTS)
    assert counting.texts == 4
    cache.settle()
    VectorCache(counting, file).encode(TEXTS)
    assert counting.texts == 4


def test_a_full_disk_costs_time_and_nothing_else(
    counting: Counting, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = VectorCache(counting, tmp_path / "vectors.safetensors")
    cache.encode(TEXTS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))  # the kernel refuses to write on
    try:
        cache.settle()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert cache.encode(TEXTS).shape == (3, 384) and counting.texts == 2


def test_an_empty_build(counting: Counting, tmp_path: Path) -> None:
    cache = VectorCache(counting, tmp_path / "vectors.safetensors")
    assert cache.encode([]).shape == (0, counting.dimension)
    cache.settle()
    assert VectorCache(counting, tmp_path / "vectors.safetensors").encode(TEXTS).shape == (3, 384)
