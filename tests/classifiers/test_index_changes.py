"""An index that was changed, many times, decides as one that was built whole of the same targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import pytest
from listed import PROMPTS, TARGETS
from vllm_unlearn.classifiers import forget_index
from vllm_unlearn.classifiers.answers.answer import Answer
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import Encoder, OnnxEncoder
from vllm_unlearn.classifiers.encoders.segment_cache import SegmentCache
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.index.lines import EXACT, Backgrounds, Counts
from vllm_unlearn.vocabulary import ForgetTarget, Match

BREAD = (
    "At what temperature should bread dough prove?",
    "How long must a rye loaf bake?",
    "Why is my dough dense?",
    "What does gluten do while dough is kneaded?",
    "Can I use dried yeast in a brioche?",
)
TIDES = (
    "When is the next spring tide?",
    "Why are there two tides a day?",
    "How does the moon pull the sea?",
    "What is a neap tide?",
    "How high does the tide rise in Fundy?",
)
RECITED = "The harbour was quiet that night and nobody saw the small grey boat leave for Skagen."
EVERY = [
    *TARGETS,
    ForgetTarget(id="private", name="Ove Lind", scope="private", exemplars=("Where does Ove Lind live?",)),
    ForgetTarget(
        id="private-2", name="Ida Falk", scope="private", exemplars=("What is Ida Falk's address?",)
    ),
    ForgetTarget(id="bread", kind="topic", name="artisan ovenry", exemplars=BREAD),
    ForgetTarget(id="tides", kind="topic", name="tidal science", exemplars=TIDES),
    ForgetTarget(id="novel", kind="work", name="Great Expectations"),
    ForgetTarget(id="expectations", name="Great Expectations Ltd"),
    ForgetTarget(id="text", kind="passage", name="The grey boat", passages=(RECITED,)),
    ForgetTarget(id="text-2", kind="passage", name="The small boat", passages=(RECITED,)),
    ForgetTarget(id="einstein", name="Albert Einstein"),
    ForgetTarget(id="theo", name="Theodore Osk"),
]
ASKED = [
    *PROMPTS,
    "Where does Ove Lind live? And Ida Falk?",
    "How much yeast does a rye dough need?",
    "Explain the tides of the Bay of Fundy.",
    "What did Einstein and Theodor Osk write to Orrin Vale?",
    "The street that Ida Falk lives in, please.",
]
ANSWERS = [
    "It was the physicist Albert Einstein, and then Orrin Vale.",
    "1. Great Expectations (1861)\n2. Bleak House",
    f"Here it is: {RECITED}",
    "The Theodore Osk of whom they speak is the theory's friend.",
]


@pytest.fixture(scope="module")
def cached(encoder: OnnxEncoder) -> Encoder:
    return SegmentCache(encoder)


@pytest.fixture(scope="module")
def backgrounds(encoder: OnnxEncoder) -> Backgrounds:
    return Backgrounds.of(ORDINARY_PROMPTS, encoder.encode(ORDINARY_PROMPTS), None, max_fpr=0.02)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few changes make several parts."""
    monkeypatch.setattr(forget_index, "SMALL", 2)


def whole(listed: Mapping[str, ForgetTarget], cached: Encoder, backgrounds: Backgrounds) -> ForgetIndex:
    targets = sorted(listed.values(), key=lambda target: target.id)
    return ForgetIndex(1, targets, cached, backgrounds=lambda: backgrounds)


def said(index: ForgetIndex, text: str) -> Iterator[tuple[int, bool]]:
    """Where an answer says what is listed; of whom, of several with one name, is open."""
    answer = Answer(index.watched, index.recitals)
    for place in range(0, len(text) + 7, 7):
        final = place >= len(text)
        mention = answer.read(text[place : place + 7], final)
        while mention:
            yield mention.end, mention.recited
            answer.allow(mention)
            mention = answer.read("", final)


def rounded(matches: list[Match]) -> list[tuple[str, int, int, float, str | None]]:
    return [(m.target_id, m.start, m.end, round(m.score, 4), m.name) for m in matches]


def check_alike(changed: ForgetIndex, built: ForgetIndex, encoder: Encoder) -> None:
    assert changed.targets == built.targets
    one, other = Detector(changed, encoder), Detector(built, encoder)
    for text in ASKED:
        assert rounded(one.detect(text)) == rounded(other.detect(text)), text
        assert one.scope_scores(text) == pytest.approx(other.scope_scores(text), abs=1e-5)
        assert one.find_scoped(text) == other.find_scoped(text)
    for text in ANSWERS:
        assert set(said(changed, text)) == set(said(built, text)), text
    for what in ("targets", "exemplars", "lines", "counterexamples"):
        assert changed.sizes[what] == built.sizes[what]


@pytest.mark.parametrize("seed", range(4))
def test_changes_and_compactions_decide_as_the_whole(
    seed: int, cached: Encoder, backgrounds: Backgrounds
) -> None:
    random = Random(seed)
    listed = {target.id: target for target in random.sample(EVERY, 5)}
    index = whole(listed, cached, backgrounds)
    under_way = None
    for number in range(8):
        removed = random.sample(sorted(listed), min(len(listed), random.randrange(3)))
        added = random.sample(EVERY, random.randrange(1, 4))
        for target_id in removed:
            del listed[target_id]
        listed |= {target.id: target for target in added}
        index = index.change(number + 2, added, removed)
        if under_way:
            index = index.take(under_way)
        under_way = index.compact()
        assert index.generation == number + 2
    check_alike(index, whole(listed, cached, backgrounds), cached)


def test_a_list_that_is_emptied_finds_nothing(cached: Encoder, backgrounds: Backgrounds) -> None:
    listed = {target.id: target for target in EVERY}
    index = whole(listed, cached, backgrounds).change(2, [], list(listed))
    assert index.targets == {} and index.sizes["exemplars"] == 0
    assert not any(Detector(index, cached).detect(text) for text in ASKED)


def test_parts_stay_few(cached: Encoder) -> None:
    index = ForgetIndex(1, [], cached)
    for number in range(40):
        index = index.change(number, [ForgetTarget(id=f"t{number}", name=f"Person Number{number}")])
        while compaction := index.compact():
            index = index.take(compaction)
    assert len(index.targets) == 40 and len(index._parts) <= 4


def test_what_was_made_of_parts_that_are_gone_is_not_taken(cached: Encoder) -> None:
    index = ForgetIndex(1, [], cached)
    for number in range(9):
        index = index.change(number, [ForgetTarget(id=f"t{number}", name=f"Person Number{number}")])
    compaction = index.compact()
    assert compaction
    emptied = index.change(10, [], list(index.targets))
    assert emptied.take(compaction).targets == {}


def test_many_lines_share_by_rounded_counts() -> None:
    assert Counts(3, EXACT).rounded == Counts(3, EXACT)
    assert Counts(0, 1_000).rounded.others in range(1_000, 1_101)
    assert Counts(1, 1_001).rounded == Counts(1, 1_000).rounded
