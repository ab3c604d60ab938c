from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from taught import HIDDEN, KNOWN, OPERATOR, PREFIX, STRANGERS
from vllm_unlearn.corruption.learning.objective import (
    AnswerReader,
    distance,
    language,
    use_recipe,
    use_weights,
)
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.forgetting.forget_metrics import MIN_K
from vllm_unlearn.evaluation.models.likelihoods import Likelihood, min_k_plus


def test_a_prefix_that_is_computed_once_changes_no_answer(model: Any) -> None:
    weights = {k: v + 0.1 for k, v in OPERATOR.initial(HIDDEN, torch.Generator()).items()}
    both = [AnswerReader(model, prefix).read(KNOWN[:3], use_weights(weights)) for prefix in ((), PREFIX)]
    for one, other in zip(*both, strict=True):
        torch.testing.assert_close(one.given, other.given, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(one.all, other.all, atol=1e-5, rtol=1e-5)


def test_a_finished_recipe_corrupts_as_its_weights_did(model: Any) -> None:
    weights = {k: v + 0.1 for k, v in OPERATOR.initial(HIDDEN, torch.Generator()).items()}
    recipe = Recipe(OPERATOR, "ab" * 32, HIDDEN, weights)
    reader = AnswerReader(model, PREFIX)
    learned, served = use_weights(weights), use_recipe(recipe, reader.rows)
    for one, other in zip(reader.read(KNOWN, learned), reader.read(KNOWN, served), strict=True):
        torch.testing.assert_close(one.given, other.given, atol=1e-5, rtol=1e-5)


def test_an_answer_is_what_the_model_says_of_its_tokens(model: Any) -> None:
    [answer] = AnswerReader(model, PREFIX).read(KNOWN[:1])
    with torch.no_grad():
        logits = model(torch.tensor([KNOWN[0].token_ids])).logits[0]
    expected = logits.log_softmax(-1)[4:7].gather(1, torch.tensor(KNOWN[0].token_ids[5:])[:, None])[:, 0]
    torch.testing.assert_close(answer.given, expected, atol=1e-5, rtol=1e-5)
    assert answer.mean.exp() > 0.5  # it was taught this


def test_no_corruption_has_no_cost_in_language_and_leaves_the_levels_apart(model: Any) -> None:
    reader, weights = AnswerReader(model, PREFIX), OPERATOR.initial(HIDDEN, torch.Generator())
    clean = reader.read(STRANGERS)
    assert language(reader, STRANGERS, clean, use_weights(weights)).item() == pytest.approx(0.0, abs=1e-5)
    known = reader.read(KNOWN, use_weights(weights))
    for figure, apart in (("mean", 1.0), ("standing", 0.5), ("entropy", 0.1)):
        found, strangers, own = (
            [getattr(a, figure) for a in read] for read in (known, clean, reader.read(KNOWN))
        )
        assert distance(found, map(float, strangers)) > apart
        assert distance(found, map(float, own)) < 0.05


def test_how_an_answer_stands_is_its_min_k_score(model: Any) -> None:
    """As ``evaluation.models.likelihoods`` has it."""
    [answer] = AnswerReader(model, PREFIX).read(KNOWN[:1])
    told, logprobs = answer.given.numpy(), answer.all.double().numpy()
    mean = (numpy.exp(logprobs) * logprobs).sum(1)
    deviation = numpy.sqrt((numpy.exp(logprobs) * (logprobs - mean[:, None]) ** 2).sum(1))
    tokens = numpy.array(KNOWN[0].token_ids[5:])
    likelihood = Likelihood(tokens, told.astype(float), mean, deviation, logprobs.argmax(1))
    assert float(answer.standing) == pytest.approx(min_k_plus(likelihood, MIN_K), rel=1e-3)
    assert float(answer.entropy) == pytest.approx(-mean.mean(), rel=1e-3)
