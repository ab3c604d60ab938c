"""What `forget` says of targets that are found by what a prompt is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from vllm_unlearn.classifiers.background.background import Sides
from vllm_unlearn.classifiers.background.background_texts import background_texts
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.segment_cache import SegmentCache
from vllm_unlearn.classifiers.index.exemplar_index import sides_of
from vllm_unlearn.classifiers.index.lines import Backgrounds
from vllm_unlearn.server.line_report import LOOKED_AT, LineReport, report_lines
from vllm_unlearn.vocabulary import ForgetTarget

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
NEAR = tuple(text.replace("hive", "nest").replace("bees", "ants").replace("colony", "swarm") for text in BEES)


@pytest.fixture(scope="module")
def cached(encoder: OnnxEncoder) -> SegmentCache:
    return SegmentCache(encoder)


@pytest.fixture(scope="module")
def backgrounds(cached: SegmentCache) -> Backgrounds:
    texts = background_texts()[:2_000]
    return Backgrounds.of(texts, cached.encode(texts), None, max_fpr=0.001)


def topic(id: str = "t", **fields: object) -> ForgetTarget:
    about = {"id": id, "kind": "topic", "name": f"regatta {id}", "exemplars": BEES, **fields}
    return ForgetTarget.model_validate(about)


def report(
    target: ForgetTarget, listed: Sequence[ForgetTarget], encoder: SegmentCache, backgrounds: Backgrounds
) -> LineReport:
    def get_sides(targets: Sequence[ForgetTarget]) -> dict[str, Sides]:
        return {target.id: sides_of(target, encoder) for target in targets}

    return report_lines([target], listed, encoder, lambda: backgrounds, 0.5, get_sides)


@pytest.mark.parametrize(
    ("target", "listed", "said"),
    [
        (topic(), [], "ordinary texts of ours would be flagged by what they are about"),
        (topic(counterexamples=NEAR), [topic()], "before this change"),
        (topic(counterexamples=NEAR), [], "12 counterexamples have this price"),
        (topic(exemplars=BEES[2:]), [topic()], "%) before this change"),
        (topic(kind="entity"), [topic()], "was found by what a prompt is about; kind 'entity' is not"),
        (topic(scope="exemplars"), [topic()], "scope 'exemplars' is not (all is): now by names and near"),
        (topic(exemplars=BEES[:3]), [topic()], "with 3 texts it is not (5 are needed)"),
    ],
)
def test_what_a_change_brings_and_costs_is_said(
    cached: SegmentCache,
    backgrounds: Backgrounds,
    target: ForgetTarget,
    listed: list[ForgetTarget],
    said: str,
) -> None:
    assert said in "\n".join(report(target, listed, cached, backgrounds).notes)


@pytest.mark.parametrize(
    "listed", [topic(note="case 7"), topic("person", kind="entity"), topic(kind="entity")]
)
def test_what_changes_nothing_is_not_compared(
    cached: SegmentCache, backgrounds: Backgrounds, listed: ForgetTarget
) -> None:
    notes = report(topic(), [listed], cached, backgrounds).notes
    assert [note.split(":")[0] for note in notes] == ["'t'", "'t'", "regatta t"]
    assert "left out" in notes[0] and "of ours" in notes[1] and "a beginning" in notes[2]


def test_what_it_costs_another_is_said_first(cached: SegmentCache, backgrounds: Backgrounds) -> None:
    wide = replace(backgrounds, max_fpr=0.01)
    assert "most of all 'bees', by about" in report(topic(), [topic("bees")], cached, wide).notes[0]


def test_texts_about_nothing_in_common_are_warned_of(cached: SegmentCache, backgrounds: Backgrounds) -> None:
    (warning,) = report(topic(exemplars=ORDINARY_PROMPTS[:12]), [], cached, backgrounds).warnings
    assert "'t' is hardly told from ordinary texts: " in warning
    assert not report(topic(), [], cached, backgrounds).warnings


def test_of_many_targets_the_first_are_looked_at(cached: SegmentCache, backgrounds: Backgrounds) -> None:
    people = [topic(f"p{n}", kind="entity") for n in range(LOOKED_AT)]
    many = [*people, *(topic(f"t{n}", exemplars=BEES[:5]) for n in range(LOOKED_AT + 1))]
    notes = report_lines(many, [], cached, lambda: backgrounds, 0.5, None).notes
    assert sum("of ours would be flagged" in note for note in notes) == LOOKED_AT


def test_without_lines_nothing_is_said_of_them(cached: SegmentCache) -> None:
    said = report_lines([topic(kind="entity")], [topic()], cached, None, 0.5, None)
    assert not (said.notes or said.warnings or said.separations)
