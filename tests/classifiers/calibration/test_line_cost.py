"""What a further topic costs the others is measured, for the one that loses most."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from vllm_unlearn.classifiers.background.background import Sides
from vllm_unlearn.classifiers.background.background_texts import background_texts
from vllm_unlearn.classifiers.calibration.line_cost import MOST_LINES, LineCost, measure_line_cost
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.index.exemplar_index import sides_of
from vllm_unlearn.classifiers.index.lines import Backgrounds
from vllm_unlearn.vocabulary import ForgetTarget, Kind

BEES = (
    "How often should I inspect a hive in spring?",
    "What are the first signs that a colony is about to swarm?",
    "How do I treat a colony against varroa mites?",
    "When is the best time to harvest honey from the supers?",
    "How do I introduce a new queen to a queenless colony?",
    "What should I feed my bees over the winter?",
    "Why do bees collect propolis?",
    "How many frames of brood does a strong colony have?",
    "How does a smoker calm the bees?",
    "What does foulbrood look like on the comb?",
    "How do I keep wasps from robbing a weak hive?",
    "How far do worker bees fly to find nectar?",
)


def target(id: str, kind: Kind = "topic", texts: Sequence[str] = BEES) -> ForgetTarget:
    return ForgetTarget(id=id, kind=kind, name=f"regatta {id}", exemplars=tuple(texts))


@pytest.fixture(scope="module")
def backgrounds(encoder: OnnxEncoder) -> Backgrounds:
    texts = background_texts()[:2_000]
    return Backgrounds.of(texts, encoder.encode(texts), None, max_fpr=0.01)


@pytest.mark.parametrize(
    ("new", "listed", "costs"),
    [
        (["t"], ["bees"], True),
        (["bees"], ["bees"], False),
        (["bees"], [], False),
        (["person"], ["bees"], False),
        (["t"], ["bees", "person"], True),
        (["t"], ["person"], False),
        ([f"t{n}" for n in range(MOST_LINES)], ["bees"], False),
    ],
)
def test_a_further_line_costs_the_others(
    encoder: OnnxEncoder, backgrounds: Backgrounds, new: list[str], listed: list[str], costs: bool
) -> None:
    def make(id: str) -> ForgetTarget:
        return target(id, "entity" if id == "person" else "topic")

    def get_sides(targets: Sequence[ForgetTarget]) -> dict[str, Sides]:
        return {target.id: sides_of(target, encoder) for target in targets}

    cost = measure_line_cost(list(map(make, new)), list(map(make, listed)), get_sides, backgrounds)
    assert bool(cost) is costs
    if cost:
        assert cost.target_id == "bees" and cost.before >= cost.after + 0.01
    none = measure_line_cost(list(map(make, new)), list(map(make, listed)), lambda _: {}, backgrounds)
    assert none is None, "without vectors nothing can be said"


def test_the_points_are_said() -> None:
    assert "'bees', by about 14 points (70% before, 56% now)" in str(LineCost("bees", 0.7, 0.56))
