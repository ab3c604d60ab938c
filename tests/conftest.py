"""What all tests share: the real encoder, and the real model's checkpoint and tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import Postgres, find_programs
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.encoder_export import export_once
from vllm_unlearn.evaluation.models.packaged_smollm2 import ENCODER, prepare

# One folder for the model and the encoder across test runs; the checkpoint takes 20 s to make.
CACHE = Path(os.environ.get("UNLEARN_TEST_CACHE", "~/.cache/vllm-unlearn")).expanduser()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--data-dir", type=Path, help="The benchmark data; without it its tests are skipped.")


@pytest.fixture(scope="session")
def data(request: pytest.FixtureRequest) -> Path:
    folder: Path | None = request.config.getoption("--data-dir")
    if folder is None:
        pytest.skip("it needs the benchmark data: --data-dir FOLDER")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres(find_programs())
    yield server
    server.remove()


@pytest.fixture(scope="session")
def encoder_name() -> str:
    return ENCODER


@pytest.fixture(scope="session")
def encoder_folder() -> Path:
    return export_once(ENCODER, CACHE)


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> OnnxEncoder:
    return OnnxEncoder(encoder_folder)


@pytest.fixture(scope="session")
def model_folder() -> Path:
    return prepare(CACHE / "smollm2")


@pytest.fixture(scope="session")
def tokenizer(model_folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_folder)
