"""Texts about one thing are told from ordinary ones; texts about everything are not."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.calibration.separation import Separation, measure_separation
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.index.lines import Backgrounds
from vllm_unlearn.vocabulary import ForgetTarget

PARTS = ("sail", "keel", "rudder", "mast", "jib", "boom", "winch", "spinnaker")
ABOUT = tuple(f"How do I trim the {part} of a yacht in strong wind?" for part in PARTS) + tuple(
    f"What is the {part} of a sailing boat for?" for part in PARTS
)


@pytest.fixture(scope="module")
def backgrounds(encoder: OnnxEncoder) -> Backgrounds:
    texts = ORDINARY_PROMPTS[:200]
    return Backgrounds.of(texts, encoder.encode(texts), None, max_fpr=0.05)


def topic(texts: tuple[str, ...]) -> ForgetTarget:
    return ForgetTarget(id="t", kind="topic", name="regatta craft", exemplars=texts)


def test_a_topic_is_told_apart(encoder: OnnxEncoder, backgrounds: Backgrounds) -> None:
    separation = measure_separation(topic(ABOUT), encoder, backgrounds)
    assert separation.found >= 12 and separation.n == len(ABOUT) and not separation.fails
    assert not separation.warning
    assert f"{separation.found} of 16 of its own texts are found" in str(separation)


def test_what_is_about_everything_is_not(encoder: OnnxEncoder, backgrounds: Backgrounds) -> None:
    separation = measure_separation(topic(ORDINARY_PROMPTS[:100]), encoder, backgrounds)
    assert separation.fails and "hardly told from ordinary texts" in separation.warning


@pytest.mark.parametrize(
    ("found", "n", "fails"), [(0, 20, False), (0, 40, True), (9, 200, True), (20, 200, False)]
)
def test_it_takes_proof_to_refuse(found: int, n: int, fails: bool) -> None:
    assert Separation("t", found, n).fails is fails


def test_a_long_text_is_measured_by_its_beginning(encoder: OnnxEncoder, backgrounds: Backgrounds) -> None:
    padding = f" {' '.join(ORDINARY_PROMPTS[:200])}"[:19_000]
    long = measure_separation(topic(tuple(text + padding for text in ABOUT)), encoder, backgrounds)
    assert long.found >= 12
