from __future__ import annotations

import codecs

import pytest
from listed import CASE, NAMESAKE, PADDING, SOURDOUGH, THEOREM, WRECK, Detect, base64_of, spans
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget


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
