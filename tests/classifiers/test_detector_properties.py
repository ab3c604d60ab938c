"""What holds of every prompt."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import AUTHOR, PADDING, PROMPTS, SOURDOUGH, TARGETS, THEOREM, WRECK, Detect
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.detector import NEAR, Detector, _Places
from vllm_unlearn.classifiers.encoders.encoder import Encoder, OnnxEncoder, Vectors
from vllm_unlearn.classifiers.encoders.segment_cache import SegmentCache
from vllm_unlearn.classifiers.encoders.static_encoder import distil_once
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.reading import Reading
from vllm_unlearn.vocabulary import ForgetTarget, Match


def _named(targets: list[ForgetTarget]) -> Detector:
    return Detector(ForgetIndex(0, targets, NamesOnly()), NamesOnly(), inf)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_is_flagged_is_what_scores_enough(detector: Detector, prompt: str) -> None:
    matches = detector.detect(prompt)
    best = detector.scores(prompt)
    assert {m.target_id for m in matches} == {t for t, score in best.items() if score >= THRESHOLD}
    for match in matches:
        assert match.score <= best[match.target_id] + 1e-5
    assert all(THRESHOLD - NEAR <= score <= 1.0 for score in best.values())


@pytest.mark.parametrize("prompt", [p for p in PROMPTS if p])
def test_a_pass_is_explained_by_what_scores_too_little(detector: Detector, prompt: str) -> None:
    near = detector.nearest(prompt)
    assert near
    if not detector.detect(prompt):
        assert near.evidence.score < THRESHOLD
        assert near.reason == "score"


def test_one_prompt_has_one_answer_in_every_thread(detector: Detector) -> None:
    expected = [detector.detect(prompt) for prompt in PROMPTS]

    def answer(number: int) -> bool:
        return detector.detect(PROMPTS[number % len(PROMPTS)]) == expected[number % len(PROMPTS)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(answer, range(4 * len(PROMPTS))))


def test_another_index_of_the_same_targets_answers_alike(detector: Detector, encoder: OnnxEncoder) -> None:
    again = Detector(ForgetIndex(2, TARGETS, encoder), encoder)
    for prompt in PROMPTS:
        assert again.detect(prompt) == detector.detect(prompt)


def test_matches_come_in_order_and_none_within_another(find: Detect) -> None:
    text = " ".join([*PROMPTS, *reversed(PROMPTS)])
    matches = find(text)
    assert matches == sorted(matches, key=lambda m: (m.start, m.end, m.target_id))
    assert all(0 <= m.start < m.end <= len(text) for m in matches)
    for target_id in {m.target_id for m in matches}:
        own = [m for m in matches if m.target_id == target_id]
        assert all(a.end < b.end for a, b in pairwise(own))
        assert all(a.end <= b.start for a, b in pairwise(own) if not (a.name and b.name))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["Orrin Vale", None])
def test_a_name_is_left_out_within_another_and_a_description_beside_one(seed: int, name: str | None) -> None:
    chance = random.Random(seed)
    spans = [(start, start + chance.randint(1, 6)) for start in chance.choices(range(60), k=40)]
    taken, kept = _Places(), list[tuple[int, int]]()
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
        within = any(s <= start and end <= e for s, e in kept)
        beside = any(start < e and s < end for s, e in kept)
        free = not (within if name else beside)
        assert taken.take(Match("t", start, end, 1.0, name)) == free
        kept += [(start, end)] * free


LISTED = {
    "king": ("Stephen King", "Richard Bachman", "King Stephen"),
    "simon": ("Paul Simon", "Simon Paul Lee"),
    "murakami": ("村上春樹", "Haruki Murakami"),
    "rowling": ("J.K. Rowling", "Rowling, Joanne"),
    "work": ("It", "The Shining", "Shining, The"),
}
NAMES_ONLY = _named([ForgetTarget(id=key, name=names[0], aliases=names[1:]) for key, names in LISTED.items()])
BETWEEN = st.text(" ,.;:-/|\n\"'()&–…!?", min_size=1, max_size=3)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([*chain(*LISTED.values())]), BETWEEN), min_size=1, max_size=6))
def test_every_listed_name_is_covered_whatever_stands_beside_it(words: list[tuple[str, str]]) -> None:
    text = "".join(chain(*words))
    covered: dict[str, set[int]] = defaultdict(set)
    for match in NAMES_ONLY.detect(text):
        covered[match.target_id].update(range(match.start, match.end))
    start = 0
    for name, between in words:
        owner = next(key for key, names in LISTED.items() if name in names)
        place = {at for at in range(start, start + len(name)) if text[at].isalnum()}
        assert place <= covered[owner], text
        start += len(name) + len(between)


class Thorough(Detector):
    """Encodes also what a name in it has decided."""

    def _certain_targets(self, reading: Reading, row: int) -> set[str]:
        return set()


class Counting:
    """The real encoder, and how many texts it was given."""

    def __init__(self, encoder: Encoder) -> None:
        self.fingerprint, self.dimension, self.texts = encoder.fingerprint, encoder.dimension, 0
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return self._encoder.encode(texts)


@pytest.mark.parametrize("cascade", [True, False])
def test_sparing_the_encoder_where_a_name_decides_changes_no_match(
    cascade: bool, encoder: OnnxEncoder, encoder_folder: Path
) -> None:
    index = ForgetIndex(1, TARGETS, encoder, sieve=distil_once(encoder_folder) if cascade else None)
    known = SegmentCache(encoder)
    sparing, thorough = Counting(known), Counting(known)
    chance = random.Random(0)
    pieces = [
        *PROMPTS,
        SOURDOUGH,
        WRECK,
        THEOREM,
        *(t.name for t in TARGETS),
        "Vale wrote it.",
        "Quist",
        PADDING,
    ]
    for _ in range(60):
        text = " ".join(chance.choices(pieces, k=chance.randint(1, 6)))
        assert Detector(index, sparing).detect(text) == Thorough(index, thorough).detect(text), text
    assert sparing.texts < thorough.texts


@pytest.mark.parametrize("text", ["Who is Orrin Vale?", "Orrin Vale " * 50])
def test_a_name_of_the_only_target_costs_no_encoder(encoder: OnnxEncoder, text: str) -> None:
    counting = Counting(encoder)
    detector = Detector(ForgetIndex(1, [AUTHOR], encoder), counting)
    assert detector.detect(text)
    expected = Thorough(detector.index, Counting(encoder)).detect(text)
    assert detector.detect(text) == expected
    assert counting.texts == 0
