"""A guard whose list has a few names, and what reads tokens for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from constraining import NAMES
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.guard.configuration import CorruptionSettings, Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.rewriter import Rewriter
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    store.forget([ForgetTarget(id=f"t{n}", name=name) for n, name in enumerate(NAMES)])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


@pytest.fixture(scope="module")
def screen(tokenizer: Any) -> Rewriter:
    screen = Rewriter(CorruptionSettings(apply="tokens"), None, torch.float32, 512)
    screen.attach(tokenizer)
    return screen
