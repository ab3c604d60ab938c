from __future__ import annotations

import numpy as np
import pytest
from vllm_unlearn.evaluation.data.cases import WAYS, Case, Goal, Row
from vllm_unlearn.evaluation.detection.baselines import Training, fit_threshold
from vllm_unlearn.evaluation.detection.outcomes import (
    Key,
    Outcome,
    curve,
    figures,
    make_outcome,
    recall_at,
    wilson,
)
from vllm_unlearn.evaluation.detection.report import goal_of, with_interval
from vllm_unlearn.vocabulary import ForgetTarget


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 0, 0, 1),
        (0, 10, 0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval_is_wilsons(hits: int, n: int, low: float, high: float) -> None:
    """The last is the worked example of Newcombe 1998."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-4)


def outcome(name: str, goals: tuple[Goal, ...], scores: list[dict[str, float]]) -> Outcome:
    labels: tuple[dict[str, str], ...] = ({"type": "x"}, {"type": "x"}, {"type": "y"}, {})
    cases = [Case("text", "a", labels=labels[n]) for n in range(len(scores))]
    return make_outcome(Row(name, "family", "listing", cases, goals), "name", "ours", 0.5, scores)


SCORES = [{"a": 0.9}, {"a": 0.4, "b": 0.8}, {"b": 0.5}, {}]


def test_own_counts_the_subject_and_any_whoever_is_flagged() -> None:
    made = outcome("row", (Goal("recall", "own", 0.2), Goal("flagged", "any", 0.1, at_least=False)), SCORES)
    recall, flagged = figures(made, {})
    assert (recall.hits, recall.n, recall.value, recall.met) == (1, 4, 0.25, True)
    assert (flagged.hits, flagged.value, flagged.met) == (3, 0.75, False)
    assert list(made.who) == ["a", "b", "b", ""]


def test_a_figure_for_each_group_and_for_some_cases_only() -> None:
    only = Goal("some", "own", only=lambda case: "type" not in case.labels)
    made = outcome("row", (Goal("by type", "own", 0.9, by="type"), only), SCORES)
    found = {(f.figure, f.group): (f.hits, f.n, f.met) for f in figures(made, {})}
    assert found == {
        ("by type", "x"): (1, 2, False),
        ("by type", "y"): (0, 1, False),
        ("some", ""): (0, 1, None),
    }


def test_a_loss_is_against_another_row() -> None:
    bare = outcome("bare", (Goal("recall", "own"),), [{"a": 1.0}] * 4)
    lost = Goal("points lost", "own", 0.01, at_least=False, against="bare")
    made = outcome("wrapped", (lost,), SCORES)
    assert list(figures(made, {})) == []
    (figure,) = figures(made, {Key("bare", "name", "ours"): bare})
    assert (figure.value, figure.met) == (0.75, False)
    assert figure.low < 0.75 < figure.high


def test_a_loss_of_each_group_is_against_the_whole_other_row() -> None:
    bare = outcome("bare", (Goal("recall", "own"),), [{"a": 1.0}] * 4)
    lost = Goal("points lost", "own", 0.5, at_least=False, against="bare", by="type")
    made = outcome("wrapped", (lost,), SCORES)
    found = {f.group: (f.value, f.met) for f in figures(made, {Key("bare", "name", "ours"): bare})}
    assert found == {"x": (0.5, True), "y": (1.0, False)}


def test_a_goal_may_be_of_one_way_to_give_a_target() -> None:
    goals = tuple(Goal(f"by {way}", "own", way=way) for way in WAYS)
    assert [figure.figure for figure in figures(outcome("row", goals, SCORES), {})] == ["by name"]


def test_what_knows_no_targets_counts_as_the_own_one() -> None:
    made = outcome("row", (Goal("recall", "own"),), [{"*": 0.7}, {"*": 0.1}])
    assert made.own.tolist() == pytest.approx([0.7, 0.1])


def test_the_curve_is_recall_against_false_positives() -> None:
    points = curve(np.array([0.9, 0.6, 0.2], np.float32), np.array([0.7, 0.1, 0.1, 0.1], np.float32))
    assert [(round(p.recall, 3), p.false_positives) for p in points] == [
        (0.333, 0.0), (0.333, 0.25), (0.667, 0.25), (1.0, 0.25), (1.0, 1.0),
    ]  # fmt: skip
    assert recall_at(points, 0.0) == pytest.approx(1 / 3)
    assert recall_at(points, 0.25) == 1.0
    assert recall_at([], 0.5) == 0.0


def test_a_fit_threshold_flags_no_more_than_allowed() -> None:
    benign = [n / 1000 for n in range(1000)]
    for share in (0.0, 0.0005, 0.01, 0.5):
        threshold = fit_threshold(benign, share)
        assert sum(score >= threshold for score in benign) == int(share * 1000)


def test_the_classifier_is_named_by_what_it_learns_from() -> None:
    targets = [ForgetTarget(id="a", name="Ada Example", exemplars=("Who is she?", "What did she do?"))]
    made = Training.of(targets, ["What is bread?"], seed=0)
    assert sorted(zip(made.texts, made.labels, strict=True)) == [
        ("What did she do?", 1), ("What is bread?", 0), ("Who is she?", 1),
    ]  # fmt: skip
    other = Training.of(targets, ["What is cheese?"], seed=0)
    assert len({made.key("one"), other.key("one"), made.key("two")}) == 3


def test_figures_are_shown_with_their_intervals() -> None:
    made = outcome("row", (Goal("flagged", "any", 0.0005, at_least=False), Goal("x", "own")), SCORES)
    flagged, stated = figures(made, {})
    assert (goal_of(flagged), goal_of(stated)) == ("≤ 0.05 %", "")
    assert with_interval(flagged) == "75.0 % (30.1 to 95.4)"
