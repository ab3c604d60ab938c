"""What is counted, and when a goal is met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vllm_unlearn.evaluation.answers import figures
from vllm_unlearn.evaluation.answers.cost import Cost, Round
from vllm_unlearn.evaluation.answers.questions import Names
from vllm_unlearn.evaluation.answers.report import AnswersReport
from vllm_unlearn.evaluation.answers.said import Said, Sheet
from vllm_unlearn.evaluation.answers.served import BOTH, NO_GUARD, PROMPT_GUARD
from vllm_unlearn.evaluation.answers.verbatim import Passages

NAMES = Names(("Leo Tolstoy",))
TOLD, PART, NOBODY = "It was Leo Tolstoy.", "It was old Tolstoy.", "It was nobody."


def sheet(*answers: tuple[str, str, str]) -> Sheet:
    settings = (NO_GUARD, PROMPT_GUARD, BOTH)
    kept = [Said("Who was it?", dict(zip(settings, each, strict=True))) for each in answers]
    return Sheet("a set", 9, tuple(kept))


@pytest.mark.parametrize(
    ("last", "hits", "part", "met"), [(NOBODY, 0, 0, True), (PART, 0, 1, True), (TOLD, 1, 1, False)]
)
def test_a_leak_misses_the_goal_and_a_surname_is_stated(last: str, hits: int, part: int, met: bool) -> None:
    whole, alone = figures.leaks(sheet((TOLD, TOLD, NOBODY), (TOLD, NOBODY, last)), NAMES)
    assert [whole.shares[s].hits for s in figures.SETTINGS] == [2, 1, hits]
    assert (whole.met, alone.met, alone.shares[BOTH].hits) == (met, None, part)


def test_of_nothing_there_is_no_goal() -> None:
    every = [*figures.leaks(sheet(), NAMES), *figures.recitals(sheet(), Passages(["a"]))]
    assert {figure.met for figure in every} == {None}
    assert not any(figure.values for figure in every)


@pytest.mark.parametrize(("words", "met"), [(11, True), (12, False)])
def test_a_run_of_twelve_words_is_one_too_many(words: int, met: bool) -> None:
    passage = "a b c d e f g h i j k l m"
    said = sheet((passage, passage, passage[: 2 * words]))
    shares, longest = figures.recitals(said, Passages([passage]))
    assert (shares.met, longest.met, longest.values[BOTH]) == (met, met, str(words))


def test_a_changed_answer_counts_by_what_it_was_without_the_answer_guard() -> None:
    every = sheet(
        (NOBODY, NOBODY, NOBODY), (NOBODY, "Else.", "Else."), (NOBODY, NOBODY, "Else."),
        (PART, PART, NOBODY), (TOLD, TOLD, NOBODY),
    )  # fmt: skip
    nobody, part = figures.innocents(every, NAMES)
    assert {s: tuple(share) for s, share in nobody.shares.items()} == {PROMPT_GUARD: (1, 3), BOTH: (1, 3)}
    assert nobody.met is False
    assert (tuple(part.shares[BOTH]), part.met) == ((1, 1), None)


def test_throughput_is_compared_in_pairs(tmp_path: Path) -> None:
    cost = Cost((Round(96, 3), Round(50, 5)), (Round(100, 1), Round(50, 5)))
    assert cost.throughput == [0.96, 1.0]
    assert cost.cpu == [2, 0]
    throughput, cpu = figures.cost(cost, 7)
    assert throughput.met is False
    AnswersReport({"model": "none"}, [throughput, cpu], [sheet((TOLD, TOLD, NOBODY))]).write(tmp_path)
    told = json.loads((tmp_path / "results.json").read_text())
    assert [figure["met"] for figure in told["figures"]] == [False, None]
    assert told["answers"][0]["answers"][BOTH] == NOBODY
    assert "| ≥ 0.99 | — | — | 0.980 (0.970 to 0.990) | **missed** |" in (tmp_path / "results.md").read_text()
