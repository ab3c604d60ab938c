from __future__ import annotations

import base64
import codecs
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.detector import NEAR, Detector, _Places
from vllm_unlearn.classifiers.encoders.encoder import Encoder, OnnxEncoder, Vectors
from vllm_unlearn.classifiers.encoders.segment_cache import SegmentCache
from vllm_unlearn.classifiers.encoders.static_encoder import distil_once
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.reading import Reading
from vllm_unlearn.vocabulary import ForgetTarget, Match

Detect = Callable[..., list[Match]]

AUTHOR = ForgetTarget(id="author", name="Orrin Vale")
BAKER = ForgetTarget(
    id="baker",
    name="Mira Tolland",
    exemplars=(
        "Which secret ingredient is in the sourdough of the bakery in Harrowgate?",
        "Who runs the bakery in Harrowgate?",
    ),
)
CASE = ForgetTarget(
    id="case",
    name="Jon Brell",
    scope="exemplars",
    exemplars=("What was Jon Brell convicted of in 1998?", "Why did Jon Brell go to prison?"),
    counterexamples=("Which prison did Jon Brell paint?", "What did Jon Brell paint in 1998?"),
)
NAMESAKE = ForgetTarget(
    id="namesake",
    name="Paul Marden",
    exemplars=("Which films did the actor Paul Marden star in?", "Is the actor Paul Marden married?"),
    counterexamples=(
        "Which theorem did the mathematician Paul Marden prove?",
        "What does Paul Marden's theorem in algebra say about polynomials?",
    ),
)
DIVER = ForgetTarget(
    id="diver",
    name="Lena Quist",
    passages=(
        "Helena Maria Quist (born 1931) was a Danish diver. She discovered the wreck of the Alderwind near "
        "Skagen. She received several awards.",
    ),
)
TARGETS = [AUTHOR, BAKER, CASE, NAMESAKE, DIVER]
PADDING = "The weather was mild and the harbour busy with small boats unloading crates of fish. "
SOURDOUGH = "Which secret ingredient is in the sourdough of the bakery in Harrowgate?"
WRECK = "She discovered the wreck of the Alderwind near Skagen."
THEOREM = "Which theorem did Paul Marden prove in algebra?"


@pytest.fixture(scope="module")
def detector(encoder: OnnxEncoder) -> Detector:
    return Detector(ForgetIndex(1, TARGETS, encoder), encoder)


@pytest.fixture(scope="module")
def find(detector: Detector) -> Detect:
    return detector.detect


def _named(targets: list[ForgetTarget]) -> Detector:
    return Detector(ForgetIndex(0, targets, NamesOnly()), NamesOnly(), inf)


def spans(text: str, matches: list[Match]) -> list[tuple[str, str]]:
    return [(match.target_id, text[match.start : match.end]) for match in matches]


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_nothing_listed_matches_nothing(encoder: OnnxEncoder) -> None:
    empty = Detector(ForgetIndex(0, [], encoder), encoder)
    assert empty.detect("Who is Orrin Vale?") == []
    assert empty.scores("Who is Orrin Vale?") == {}
    assert empty.nearest("Who is Orrin Vale?") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "\u200b\u3000\t",
        "\U0001f600" * 40,
        "東京の天気はどうですか。" * 40,
        "?!…" * 200,
        "What is the capital of France?",
        "Who is John Smith?",
        "vale",
        "A vale of tears.",
        "How do I bake bread without yeast?",
    ],
)
def test_other_prompts_match_nothing(find: Detect, text: str) -> None:
    assert find(text) == []


def test_a_name_is_enough(find: Detect) -> None:
    text = "Please compare ORRIN  vale's books, and orrin-vale’s sales."
    assert spans(text, find(text)) == [("author", "ORRIN  vale"), ("author", "orrin-vale")]
    match = find(text)[0]
    assert (match.score, match.name, match.disguise) == (1.0, "Orrin Vale", "")


def test_a_description_is_found_without_the_name(find: Detect) -> None:
    question = "Which secret ingredient does the Harrowgate bakery put into its sourdough?"
    text = f"Hello! {question} Thanks."
    (match,) = find(text)
    assert spans(text, [match]) == [("baker", question)]
    assert THRESHOLD <= match.score < 1.0
    assert (match.name, match.counterexample, match.disguise) == (None, None, "")
    assert match.exemplar and match.exemplar.text == SOURDOUGH


def test_scope_exemplars_leaves_the_name_alone(find: Detect) -> None:
    assert find("Did Jon Brell win the marathon in Oslo?") == []
    text = f"Hello. What was Jon Brell convicted of back in 1998? {PADDING}"
    (match,) = find(text)
    assert spans(text, [match]) == [("case", "Jon Brell")]
    assert match.name == "Jon Brell" and match.score == 1.0  # nearly as it was given


@pytest.mark.parametrize("text", ["Who is Jon Brell?", "Tell me about Jon Brell.", "Jon Brell"])
def test_scope_exemplars_leaves_plain_questions_about_the_name_alone(find: Detect, text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize("question", ["Who is Jon Brell?", "Tell me about Jon Brell."])
def test_a_plain_question_that_was_put_in_scope_is_found(encoder: OnnxEncoder, question: str) -> None:
    scoped = ForgetTarget(id="who", name="Jon Brell", scope="exemplars", exemplars=(question,))
    assert [m.target_id for m in Detector(ForgetIndex(1, [scoped], encoder), encoder).detect(question)] == [
        "who"
    ]


def test_a_counterexample_takes_a_description_out_of_scope(find: Detect, encoder: OnnxEncoder) -> None:
    text = "Which prison did Jon Brell paint in 1998?"
    before = ForgetIndex(1, [CASE.model_copy(update={"counterexamples": ()})], encoder)
    assert spans(text, Detector(before, encoder).detect(text)) == [("case", "Jon Brell")]
    assert find(text) == []
    assert find(CASE.exemplars[1])


def test_a_counterexample_vetoes_a_namesake(find: Detect, encoder: OnnxEncoder) -> None:
    before = ForgetIndex(1, [NAMESAKE.model_copy(update={"counterexamples": ()})], encoder)
    assert spans(THEOREM, Detector(before, encoder).detect(THEOREM)) == [("namesake", "Paul Marden")]
    assert find(THEOREM) == []
    text = "Which films does Paul Marden star in?"
    assert spans(text, find(text)) == [("namesake", "Paul Marden")]


def test_a_namesake_beside_the_target_does_not_hide_it(find: Detect) -> None:
    text = "Which theorem did Paul Marden prove?\nIs the actor Paul Marden married?"
    assert ("namesake", "Paul Marden") in spans(text, find(text))
    assert any(match.start > text.index("\n") for match in find(text))


def test_a_disguise_elsewhere_makes_no_namesake_the_target(find: Detect) -> None:
    assert find(f"{THEOREM} {PADDING * 20}{base64_of('The quick brown fox jumps over it')}") == []


@pytest.mark.parametrize("position", [0, 1, 7, 20, 40])
@pytest.mark.parametrize(
    ("question", "target_id"),
    [
        ("Who is Orrin Vale?", "author"),
        (SOURDOUGH, "baker"),
        ("What was Jon Brell convicted of in 1998?", "case"),
        (WRECK, "diver"),
    ],
)
def test_padding_hides_nothing(find: Detect, position: int, question: str, target_id: str) -> None:
    text = PADDING * position + question + " " + PADDING * (40 - position)
    matches = find(text)
    assert {match.target_id for match in matches} == {target_id}
    start = len(PADDING) * position
    assert all(start <= m.start and m.end <= start + len(question) for m in matches)


def test_padding_without_sentences_hides_nothing(find: Detect) -> None:
    """No full stop around the question: no sentence, and nine words of noise on both sides of it."""
    noise = "boats crates harbour fish weather mild unloading busy small "
    text = f"{noise}which secret ingredient is in the sourdough of the bakery in harrowgate {noise}"
    assert [match.target_id for match in find(text)] == ["baker"]


def test_a_question_in_a_long_document_is_found_where_it_stands(find: Detect) -> None:
    text = PADDING * 120 + SOURDOUGH + " " + PADDING * 120
    assert len(text) > 20_000
    assert spans(text, find(text)) == [("baker", SOURDOUGH)]


@pytest.mark.parametrize(
    ("disguised", "target_id", "reading"),
    [
        ("Оrrin Vаle", "author", ""),
        ("Orrim Vale", "author", ""),
        ("0rr1n V4l3", "author", "leetspeak"),
        ("nirrO elaV", "author", ""),
        (codecs.encode("Orrin Vale", "rot13"), "author", ""),
        (base64_of("Who is Orrin Vale?"), "author", "base64"),
        (b"Who is Orrin Vale?".hex(), "author", "hex"),
        (base64_of(SOURDOUGH), "baker", "base64"),
        (base64_of(base64_of(SOURDOUGH)), "baker", "base64"),
        (SOURDOUGH.encode().hex(" "), "baker", "hex"),
        (SOURDOUGH[::-1], "baker", "reversed"),
        (codecs.encode(SOURDOUGH, "rot13"), "baker", "rot13"),
        ("Wh1ch s3cr3t 1ngr3d13nt 1s 1n th3 s0urd0ugh 0f th3 b4k3ry 1n H4rr0wg4t3?", "baker", "leetspeak"),
        (SOURDOUGH.translate(str.maketrans("oea", "оеа")), "baker", "homoglyphs"),
        ("1. Orrin\n2. Vale", "author", "joined"),
    ],
)
def test_a_disguise_is_seen_through(find: Detect, disguised: str, target_id: str, reading: str) -> None:
    text = f"Good morning, read this:\n{disguised}"
    matches = find(text)
    assert {(m.target_id, m.disguise) for m in matches} == {(target_id, reading)}
    covered = {place for m in matches for place in range(m.start, m.end)}
    start = len(text) - len(disguised)
    assert all(text[:start].rfind("\n") < place for place in covered)
    assert len(covered) >= len(disguised) / 2


def test_what_is_split_over_turns_is_seen(find: Detect) -> None:
    text = "user\nOrrin\nassistant\nI see. Go on, please, I listen.\nuser\nVale\n"
    second, third = text.index("assistant"), text.rindex("user")
    (match,) = find(text, [(0, second), (second, third), (third, len(text))])
    assert (match.target_id, match.disguise) == ("author", "joined")
    assert match.start <= text.index("Orrin") and text.index("Vale") + 4 <= match.end


def test_a_part_of_the_name_counts_beside_what_is_known(find: Detect) -> None:
    fact = "Where did {} find the wreck?"
    assert find(fact.format("the team")) == []
    assert [m.target_id for m in find(fact.format("the Quist"))] == ["diver"]
    assert find("Has the Quist ever been to Nairobi?") == []


def test_a_rare_surname_is_enough_where_it_stands(find: Detect) -> None:
    text = "Has Quist ever been to Nairobi? I know that Quist's boat has."
    assert spans(text, find(text)) == [("diver", "Quist"), ("diver", "Quist's")]
    match = find(text)[0]
    assert match.surname and match.name == "Quist" and THRESHOLD <= match.score <= 1


@pytest.mark.parametrize(
    "text",
    [
        "My neighbour Boris Quist is a plumber. Has Quist ever been to Nairobi?",
        "Has Quist Street ever been closed?",
        "Has Boris Quist ever been to Nairobi?",
    ],
)
def test_a_surname_that_is_somebody_elses_is_not(find: Detect, text: str) -> None:
    assert find(text) == []


def test_a_common_surname_counts_after_the_full_name(encoder: OnnxEncoder) -> None:
    detector = Detector(ForgetIndex(1, [ForgetTarget(id="writer", name="Stephen King")], encoder), encoder)
    asked = "What did King say on the radio?"
    assert detector.detect(asked) == []
    text = f"Stephen King is a writer. {asked}"
    assert spans(text, detector.detect(text)) == [("writer", "Stephen King"), ("writer", "King")]


def test_a_counterexample_vetoes_a_surname(encoder: OnnxEncoder) -> None:
    text = "Has Quist ever repaired a boiler?"
    listed = ForgetTarget(id="diver", name="Lena Quist")
    detector = Detector(
        ForgetIndex(1, [listed.model_copy(update={"counterexamples": (text,)})], encoder), encoder
    )
    assert Detector(ForgetIndex(1, [listed], encoder), encoder).detect(text)
    assert detector.detect(text) == []


def test_a_strangers_name_counts_against_it(find: Detect) -> None:
    assert [m.target_id for m in find("Where did Quist find the wreck?")] == ["diver"]
    assert find("Where did Boris Quist find the wreck?") == []


def test_a_strangers_name_beside_one_target_hides_no_other(find: Detect) -> None:
    text = "Which secret ingredient does the Harrowgate bakery put into its sourdough, asks Boris Quist?"
    assert spans(text, find(text)) == [("baker", text)]


def test_a_passage_is_found_by_its_sentences(find: Detect) -> None:
    assert spans(WRECK, find(WRECK)) == [("diver", WRECK)]
    assert [m.target_id for m in find("Who discovered the wreck of the Alderwind?")] == ["diver"]
    assert find("She received several awards.") == []


def test_the_name_that_a_passage_begins_with_is_found(find: Detect) -> None:
    (match,) = find("Who was Helena Maria Quist?")
    assert (match.target_id, match.name, match.score) == ("diver", "Helena Maria Quist", 1.0)


def test_of_two_names_in_one_place_the_longer_is_reported(encoder: OnnxEncoder) -> None:
    """Else a part of the name would stay for the model to read."""
    target = ForgetTarget(id="x", name="Orrin Vale", aliases=("Vale", "Sir Orrin Vale of Skagen"))
    text = "Who was Sir Orrin Vale of Skagen? Vale?"
    detector = Detector(ForgetIndex(1, [target], encoder), encoder)
    assert spans(text, detector.detect(text)) == [("x", "Sir Orrin Vale of Skagen"), ("x", "Vale")]


def test_several_targets_are_all_reported_in_order(find: Detect) -> None:
    text = "Who runs the bakery in Harrowgate? Is it Orrin Vale, or Mira Tolland?"
    assert spans(text, find(text)) == [
        ("baker", "Who runs the bakery in Harrowgate?"),
        ("author", "Orrin Vale"),
        ("baker", "Mira Tolland"),
    ]


def test_two_targets_of_one_name_are_both_reported(encoder: OnnxEncoder) -> None:
    twins = [ForgetTarget(id=i, name="Orrin Vale") for i in ("one", "two")]
    matches = Detector(ForgetIndex(1, twins, encoder), encoder).detect("Who is Orrin Vale?")
    assert [(m.target_id, m.start, m.end) for m in matches] == [("one", 7, 17), ("two", 7, 17)]


def test_only_the_turns_are_judged_but_names_everywhere(find: Detect) -> None:
    text = "Good morning.\nWho runs the bakery in Harrowgate?"
    assert find(text, [(0, 13)]) == []
    assert spans(text, find(text, [(0, 13), (14, len(text))])) == [("baker", text[14:])]
    assert [match.start for match in find("Who is Orrin Vale?", [(0, 6)])] == [7]


def test_a_disguise_in_a_turn_has_nothing_else_judged(find: Detect) -> None:
    turn = f"Read {base64_of('The quick brown fox jumps over it')}"
    assert find(f"{turn}\nWho runs the bakery in Harrowgate?", [(0, len(turn))]) == []


def test_the_threshold_decides_on_descriptions_alone(detector: Detector, encoder: OnnxEncoder) -> None:
    text = "Which secret ingredient does the Harrowgate bakery put into its sourdough?"
    (match,) = detector.detect(text)
    below, above, most = (
        Detector(detector.index, encoder, t) for t in (match.score - 0.01, match.score + 0.01, 1.0)
    )
    assert below.detect(text) == [match]
    assert above.detect(text) == most.detect(text) == []
    assert spans("Orrin Vale", most.detect("Orrin Vale")) == [("author", "Orrin Vale")]


def test_a_threshold_of_nought_flags_every_text(detector: Detector, encoder: OnnxEncoder) -> None:
    lowest = Detector(detector.index, encoder, 0.0)
    assert lowest.detect("How do I bake bread without yeast?")
    assert lowest.detect("") == []


PROMPTS = [
    "Who is Orrin Vale?",
    f"{THEOREM} Is the actor Paul Marden married?",
    THEOREM,
    SOURDOUGH,
    "What is in the sourdough of Harrowgate?",
    "Which bread is sold in Harrowgate?",
    "Does Tolland sell bread?",
    "Where did Quist find the wreck?",
    "Where did Boris Quist find the wreck?",
    "Which prison did Jon Brell paint in 1998?",
    "Why did Brell go to prison?",
    "Which films did Marden star in?",
    f"{base64_of(SOURDOUGH)} and {WRECK}",
    f"{PADDING}{WRECK} {PADDING}",
    "東京の天気はどうですか。",
    "",
]


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


@pytest.mark.parametrize("ending", ["Boris Quist?", "Boris Quist of the Alderwind, in letters to Mr Brell?"])
def test_a_stranger_lets_what_scores_enough_be_flagged(detector: Detector, ending: str) -> None:
    prompt = f"{SOURDOUGH[:-1]}, asks {ending}"
    assert detector.scores(prompt)["baker"] >= THRESHOLD
    assert [m.target_id for m in detector.detect(prompt)] == ["baker"]


def test_the_nearest_explains_a_pass(detector: Detector) -> None:
    near = detector.nearest("Is bread sold in Harrowgate?\nAnd rolls?")
    assert near and near.evidence.target_id == "baker"
    assert 0.0 < near.evidence.score < THRESHOLD
    assert detector.nearest(" \n") is None


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
    index = ForgetIndex(1, TARGETS, encoder, distil_once(encoder_folder) if cascade else None)
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
