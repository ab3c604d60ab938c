from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.names.name_parts import ALONE
from vllm_unlearn.classifiers.reading import Reading, readings
from vllm_unlearn.classifiers.text.terms import terms
from vllm_unlearn.vocabulary import ForgetTarget

TARGET = ForgetTarget(id="diver", name="Lena Quist")
OTHER = ForgetTarget(id="actress", name="Dakota Fanning")
HIDDEN = base64.b64encode(b"Where did Quist find the wreck?").decode()


@pytest.fixture(scope="module")
def index(encoder: OnnxEncoder) -> ForgetIndex:
    return ForgetIndex(1, [TARGET, OTHER], encoder)


def read(index: ForgetIndex, prompt: str, turns: list[tuple[int, int]] | None = None) -> list[Reading]:
    return list(readings(index, prompt, turns))


def test_an_ordinary_prompt_has_one_reading(index: ForgetIndex) -> None:
    (reading,) = read(index, "Where did Quist find the wreck? Boris Fanning knows.")
    assert reading.disguise(0, len(reading.text)) == ""
    assert reading.place(10, 15) == (10, 15)
    assert [
        (s.text, list(parts)) for s, parts in zip(reading.segments, reading.part_weights, strict=True)
    ] == [
        ("Where did Quist find the wreck?", ["diver"]),
        ("Where did Quist find the wreck? Boris Fanning knows.", ["diver", "actress"]),
        ("Boris Fanning knows.", ["actress"]),
    ]
    assert reading.part_weights[0]["diver"] > 0 > reading.part_weights[2]["actress"]


def test_the_best_part_of_a_name_counts(index: ForgetIndex) -> None:
    prompt = "Did Boris Quist meet Lena Quist and Quist?"
    (reading,) = read(index, prompt)
    assert [parts["diver"] for parts in reading.part_weights] == [ALONE]
    assert [[(part.target_id, part.start) for part in found] for found in reading.lone_parts] == [
        [("diver", prompt.rindex("Quist"))]
    ]


@pytest.mark.parametrize("prompt", ["", " \n", "\u3000"])
def test_a_blank_prompt_has_no_segments(index: ForgetIndex, prompt: str) -> None:
    assert [(r.segments, r.rare_words, r.part_weights) for r in read(index, prompt)] == [([], [], [])]


def test_a_disguise_is_another_reading(index: ForgetIndex) -> None:
    prompt = f"The weather is mild. Read this: {HIDDEN}"
    plain, decoded = read(index, prompt)
    assert [r.disguise(0, len(r.text)) for r in (plain, decoded)] == ["", "base64"]
    assert decoded.disguise(0, len("The weather is mild.")) == ""
    assert not any(plain.part_weights)
    begin = decoded.text.index("Quist")
    start, end = decoded.place(begin, begin + len("Quist"))
    assert prompt.index(HIDDEN) <= start < end <= len(prompt)
    assert any(parts.get("diver", 0.0) > 0 for parts in decoded.part_weights)
    assert any("wreck" in said for said in decoded.rare_words)


def test_what_no_disguise_touches_is_judged_once(index: ForgetIndex) -> None:
    plain, decoded = read(index, f"The weather is mild. Read this: {HIDDEN}")
    assert {s.text for s in plain.segments}.isdisjoint(s.text for s in decoded.segments)


WORDS = ["Quist ", "Lena ", "Boris ", "fanning. ", "wreck\n", "Alderwind! ", f"{HIDDEN} ", "Qu1st ", "東京"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join), st.lists(st.integers(0, 200), max_size=4))
def test_each_segment_has_the_words_and_parts_in_it(index: ForgetIndex, prompt: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(prompt), *(min(cut, len(prompt)) for cut in cuts)})
    for reading in read(index, prompt, list(pairwise(bounds))):
        assert len(reading.segments) == len(reading.rare_words) == len(reading.part_weights)
        for segment, said, parts in zip(
            reading.segments, reading.rare_words, reading.part_weights, strict=True
        ):
            assert reading.text[segment.start : segment.end] == segment.text
            start, end = reading.place(segment.start, segment.end)
            assert 0 <= start < end <= len(prompt)
            assert set(parts) <= {"diver", "actress"}
            assert all(-1 <= weight <= ALONE for weight in parts.values())
            if not reading.disguise(0, len(reading.text)) and not cuts:
                assert said == terms(segment.text)
