from __future__ import annotations

import pytest
from listed import TARGETS, Detect
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex


@pytest.fixture(scope="module")
def detector(encoder: OnnxEncoder) -> Detector:
    return Detector(ForgetIndex(1, TARGETS, encoder), encoder)


@pytest.fixture(scope="module")
def find(detector: Detector) -> Detect:
    return detector.detect
