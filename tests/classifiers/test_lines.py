"""Topics by what a text is about: the real encoder, and a background of ordinary texts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from vllm_unlearn.classifiers.background.background_texts import background_texts
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.static_encoder import StaticEncoder, distil_once
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.index.lines import MIN_TEXTS, Backgrounds, has_line
from vllm_unlearn.vocabulary import ForgetTarget, Kind

GIVEN = (
    "At what temperature should bread dough prove?",
    "Why does my sourdough starter smell of vinegar?",
    "How long must a rye loaf bake in a Dutch oven?",
    "What does the gluten in flour do while dough is kneaded?",
    "Can I replace fresh yeast with dried yeast in a brioche?",
    "How do bakers score a baguette so that it opens well?",
    "Why did my loaf collapse when I took it out of the oven?",
    "What is the hydration of a ciabatta dough?",
    "Should I use steam when baking crusty rolls?",
    "How is a poolish different from a biga?",
)
ASKED = (
    "Explain how kneading changes the gluten in dough.",
    "My sourdough loaf is dense; did the dough prove for too long?",
    "How much yeast does a rye dough need?",
    "Why do bakers put steam into the oven for a baguette?",
)
OTHER = (
    "How do I get from the airport to the old town by train?",
    "Write a function that sorts a list of dates.",
    "Who won the football match last night?",
    "What is the capital of Norway?",
    "Please summarise the minutes of Tuesday's meeting.",
)


def baking(kind: Kind = "topic", texts: Sequence[str] = GIVEN, **fields: object) -> ForgetTarget:
    return ForgetTarget.model_validate(
        {"id": "t", "kind": kind, "name": "artisan ovenry", "exemplars": texts, **fields}
    )


@pytest.fixture(scope="module")
def sieve(encoder_folder: object) -> StaticEncoder:
    return distil_once(encoder_folder)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def backgrounds(encoder: OnnxEncoder, sieve: StaticEncoder) -> Backgrounds:
    texts = [*ORDINARY_PROMPTS, *background_texts()[:1_000]]
    return Backgrounds.of(texts, encoder.encode(texts), sieve, max_fpr=0.004)


@pytest.mark.parametrize("cascade", [True, False])
def test_a_topic_is_found_by_what_a_question_is_about(
    encoder: OnnxEncoder, sieve: StaticEncoder, backgrounds: Backgrounds, cascade: bool
) -> None:
    first_pass = sieve if cascade else None
    with_lines = ForgetIndex(1, [baking()], encoder, sieve=first_pass, backgrounds=lambda: backgrounds)
    without = ForgetIndex(1, [baking()], encoder, sieve=first_pass)
    found = [bool(Detector(with_lines, encoder).detect(text)) for text in ASKED]
    assert sum(found) >= 3
    assert sum(found) > sum(bool(Detector(without, encoder).detect(text)) for text in ASKED)
    for text in OTHER:
        assert not Detector(with_lines, encoder).detect(text)


def test_the_flagged_segment_is_the_one_about_the_topic(
    encoder: OnnxEncoder, backgrounds: Backgrounds
) -> None:
    index = ForgetIndex(1, [baking()], encoder, backgrounds=lambda: backgrounds)
    text = f"{OTHER[0]} {ASKED[3]} {OTHER[3]}"
    (match,) = Detector(index, encoder).detect(text)
    assert text[match.start : match.end] == ASKED[3]


def test_counterexamples_stay(encoder: OnnxEncoder, backgrounds: Backgrounds) -> None:
    cakes = ("How do I bake a sponge cake?", "How long does a cheesecake bake?", "Which flour suits muffins?")
    text = "How long should I bake a sponge cake, and with which flour?"
    plain, against = (
        ForgetIndex(1, [baking(counterexamples=texts)], encoder, backgrounds=lambda: backgrounds)
        for texts in ((), cakes)
    )
    scores = [Detector(index, encoder).scores(text).get("t", 0.0) for index in (plain, against)]
    assert scores[1] < scores[0]


@pytest.mark.parametrize(
    ("target", "drawn"),
    [
        (baking(), True),
        (baking("work"), True),
        (baking("entity"), False),
        (baking(texts=GIVEN[: MIN_TEXTS - 1]), False),
        (baking(scope="exemplars"), False),
        (baking(texts=(), passages=(" ".join(GIVEN),)), True),
    ],
)
def test_for_which_targets_a_line_is_drawn(target: ForgetTarget, drawn: bool) -> None:
    assert has_line(target) is drawn


def test_what_is_listed_beside_it_changes_a_line_by_its_share_alone(
    encoder: OnnxEncoder, backgrounds: Backgrounds
) -> None:
    other = ForgetTarget(id="o", kind="topic", name="tides", exemplars=tuple(f"{t} At sea." for t in OTHER))
    alone, beside = (
        ForgetIndex(1, targets, encoder, backgrounds=lambda: backgrounds)
        for targets in ([baking()], [baking(), other])
    )
    vectors = encoder.encode(ASKED)
    for one, two in zip(alone.lines.search(vectors), beside.lines.search(vectors), strict=True):
        assert 0 < two["t"] <= one["t"]


def test_a_topics_name_that_is_an_ordinary_word_flags_beside_what_it_is_about(
    encoder: OnnxEncoder, backgrounds: Backgrounds
) -> None:
    index = ForgetIndex(1, [baking(name="bread")], encoder, backgrounds=lambda: backgrounds)
    detector = Detector(index, encoder)
    assert detector.detect("How long should bread dough prove before it goes into the oven?")
    idiom = "Selling boats is the bread and butter of this shop."
    assert not detector.detect(idiom)
    without = Detector(ForgetIndex(1, [baking(name="bread")], encoder), encoder)
    assert without.detect("Selling boats is the bread and butter of this shop."), (
        "without a line its name is all there is"
    )


def test_few_of_the_near_texts_lie_past_the_bound(encoder: OnnxEncoder, backgrounds: Backgrounds) -> None:
    near = tuple(
        f"How do I bake a {cake} cake?" for cake in ("sponge", "carrot", "chocolate", "lemon", "cheese")
    )
    index = ForgetIndex(1, [baking(counterexamples=near)], encoder, backgrounds=lambda: backgrounds)
    assert sum(bool(Detector(index, encoder).detect(text)) for text in near) <= 1
