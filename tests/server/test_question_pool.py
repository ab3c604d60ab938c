from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.server.question_pool import QuestionPool
from vllm_unlearn.server.question_styles import STYLES

ECONOMICS = "economics: Economics studies how prices, markets, money, taxes, employment and trade work."


@pytest.fixture(scope="module")
def pool(encoder: OnnxEncoder) -> QuestionPool:
    return QuestionPool(encoder, [ECONOMICS, "supply and demand", "monopoly"])


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("What does a monopolist do to prices?", True),
        ("How does supply and demand set a price?", True),
        ("How do supply and demand set prices?", False),
        ("HOW does supply and demand set a price", False),
        ("Which bird lays the largest egg?", False),
        ("How do I bake bread without yeast?", False),
        (STYLES[0].examples[0], False),
    ],
)
def test_what_is_near_and_new_is_kept(pool: QuestionPool, question: str, kept: bool) -> None:
    before = len(pool.texts)
    pool.add([question])
    assert pool.texts[before:] == [question] * kept


def test_without_an_encoder_what_is_spelt_otherwise_is_kept() -> None:
    pool = QuestionPool(NamesOnly(), [ECONOMICS])
    pool.add(["What is rent?", "what is  rent", "Which bird lays the largest egg?"])
    assert pool.texts == ["What is rent?", "Which bird lays the largest egg?"]
