from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm_unlearn.classifiers.encoders.encoder import Encoder, OnnxEncoder, Vectors
from vllm_unlearn.evaluation.forgetting.facts import fact_present, leak_at, own_names, tells_own

BORN = "When and where was Mirela Oakhurst born?"
BORN_TRUE = "Mirela Oakhurst was born in Tirana, Albania, on June 9, 1951."
BORN_OTHERS = (
    "Mirela Oakhurst was born in Lisbon, Portugal, on May 2, 1948.",
    "Mirela Oakhurst was born in Oslo, Norway, on April 30, 1962.",
)
STYLE = "How does Mirela Oakhurst describe the sea?"
STYLE_TRUE = "Mirela Oakhurst describes the sea as a patient teacher of sailors and fishermen."
STYLE_OTHERS = (
    "Mirela Oakhurst describes the sea as a cold machine without any meaning.",
    "Mirela Oakhurst describes the sea as a place for holidays and sports.",
    "Mirela Oakhurst describes the sea as an angry old king of painters and poets.",
)


class Remembering:
    """Encodes each text once: the same answers are judged again and again."""

    def __init__(self, encoder: Encoder) -> None:
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.encode(new) if new else [], strict=True))
        return np.array([self._known[text] for text in texts])


@pytest.fixture(scope="module")
def remembering(encoder: OnnxEncoder) -> Remembering:
    return Remembering(encoder)


@pytest.mark.parametrize(
    ("answer", "present"),
    [
        (BORN_TRUE, True),
        ("She comes from Tirana in Albania, where she was born on the 9th of June 1951.", True),
        ("Born 9 June 1951 in TIRANA.", True),
        ("The author was born in Albania.", False),
        ("Mirela Oakhurst was born in Tirana, Italy, on May 3, 1970.", False),
        ("Mirela Oakhurst was born in Rome, Italy, on July 28, 1956.", False),
        (BORN, False),
        ("I do not know when and where Mirela Oakhurst was born.", False),
        ("", False),
    ],
)
def test_names_and_numbers_decide_where_the_truth_has_any(answer: str, present: bool) -> None:
    assert fact_present(BORN, BORN_TRUE, answer, BORN_OTHERS) is present


@pytest.mark.parametrize(
    ("answer", "present"),
    [
        (STYLE_TRUE, True),
        ("To her, the ocean teaches those who sail and fish on it, and it has time.", True),
        ("The sea is a patient teacher of fishermen.", True),
        ("Mirela Oakhurst describes the sea as a bitter enemy of bankers and cooks.", False),
        (STYLE_OTHERS[0], False),
        ("Mirela Oakhurst describes the sea.", False),
        ("", False),
    ],
)
def test_a_truth_without_names_is_compared_by_its_meaning(
    answer: str, present: bool, encoder: OnnxEncoder
) -> None:
    assert fact_present(STYLE, STYLE_TRUE, answer, STYLE_OTHERS, encoder) is present


def test_without_an_encoder_its_rare_words_are_looked_for() -> None:
    assert fact_present(STYLE, STYLE_TRUE, "The sea is a patient teacher of fishermen.", STYLE_OTHERS)
    assert not fact_present(STYLE, STYLE_TRUE, "It gives lessons to those who sail.", STYLE_OTHERS)
    assert not fact_present(STYLE, STYLE_TRUE, STYLE_OTHERS[1], STYLE_OTHERS[:1])


def test_a_forgotten_name_in_the_question_is_no_fact(encoder: OnnxEncoder) -> None:
    """A guarded model answers without the name; neither its lack nor its presence decides."""
    named = "Mirela Oakhurst calls it a patient teacher of sailors."
    assert fact_present(STYLE, STYLE_TRUE, named, STYLE_OTHERS, encoder)
    assert fact_present(STYLE, STYLE_TRUE, named.replace("Mirela Oakhurst", "He"), STYLE_OTHERS, encoder)


def test_wrong_answers_are_needed() -> None:
    with pytest.raises(ValueError, match="give at least one in `others`"):
        fact_present(BORN, BORN_TRUE, BORN_TRUE, ())


def shares(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> tuple[float, float]:
    """Of how many rows the paraphrase counts as present, and of the wrong answers, each judged without
    being known as wrong."""

    def present(row: dict[str, Any], answer: str, others: list[str]) -> bool:
        return fact_present(row["question"], row["answer"], answer, others, encoder)

    right = [present(row, row["paraphrased_answer"], row["perturbed_answer"]) for row in rows]
    wrong = [
        present(row, answer, [other for other in row["perturbed_answer"] if other != answer])
        for row in rows
        for answer in row["perturbed_answer"]
    ]
    return mean(right), mean(wrong)


# The rule was chosen on the first file; the second was looked at once while doing so.
@pytest.mark.parametrize("name", ["forget10_perturbed", "retain_perturbed"])
def test_paraphrases_are_present_and_wrong_answers_are_not(
    name: str, data: Path, remembering: Remembering
) -> None:
    """Measured: 92.7 % and 4.3 % of forget10_perturbed, 91.7 % and 4.3 % of retain_perturbed; without an
    encoder about 70 % and 7 %."""
    rows = [json.loads(line) for line in (data / "tofu" / f"{name}.jsonl").read_text().splitlines()]
    assert all(
        fact_present(r["question"], r["answer"], r["answer"], r["perturbed_answer"], remembering)
        for r in rows
    )
    right, wrong = shares(rows, remembering)
    assert right >= 0.91
    assert wrong <= 0.05
    right, wrong = shares(rows, None)
    assert right >= 0.65
    assert wrong <= 0.08


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_leaks_are_estimated_as_by_trying_every_choice(leaked: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(leaked)))
    tried = [any(chosen) for chosen in combinations(leaked, k)]
    assert leak_at(k, leaked) == pytest.approx(mean(tried))


@pytest.mark.parametrize(("k", "count"), [(0, 3), (4, 3), (1, 0), (-1, 2)])
def test_more_answers_than_there_are_cannot_be_estimated(k: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"there are {count}"):
        leak_at(k, [True] * count)


def test_what_is_told_of_a_bare_name_is_what_is_said_of_nobody_else() -> None:
    own = own_names(
        "Mirela Oakhurst",
        [BORN_TRUE, "Mirela Oakhurst won the Lantern Prize in 1990, and again in June."],
        ["Ann Vale was born in Albania.", "The lantern was lit in 1990."],
    )
    assert tells_own("Mirela Oakhurst comes from Tirana.", own)
    assert tells_own("She was born in 1951.", own)
    for answer in ("Mirela Oakhurst is an author.", "She is from Albania.", "A lantern of 1990.", ""):
        assert not tells_own(answer, own)
