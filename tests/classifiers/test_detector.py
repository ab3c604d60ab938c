from __future__ import annotations

from collections.abc import Callable

import pytest
from vllm_unlearn.classifiers.detector import Thresholds, best_evidence, detect
from vllm_unlearn.classifiers.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
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
PADDING = "The weather was mild and the harbour busy with small boats unloading crates of fish. "


@pytest.fixture(scope="module")
def find(encoder: OnnxEncoder) -> Detect:
    index = ForgetIndex(1, [AUTHOR, BAKER, CASE, NAMESAKE], encoder)

    def find(text: str, turns: list[tuple[int, int]] | None = None) -> list[Match]:
        return detect(index, encoder, text, turns)

    return find


def spans(text: str, matches: list[Match]) -> list[tuple[str, str]]:
    return [(match.target_id, text[match.start : match.end]) for match in matches]


def test_nothing_listed_matches_nothing(encoder: OnnxEncoder) -> None:
    assert detect(ForgetIndex(0, [], encoder), encoder, "Who is Orrin Vale?") == []


@pytest.mark.parametrize("text", ["", " \n", "What is the capital of France?", "Who is John Smith?", "vale"])
def test_other_prompts_match_nothing(find: Detect, text: str) -> None:
    assert find(text) == []


def test_a_name_is_enough(find: Detect) -> None:
    text = "Please compare ORRIN  vale's books, and orrin-vale’s sales."
    assert spans(text, find(text)) == [("author", "ORRIN  vale"), ("author", "orrin-vale")]
    match = find(text)[0]
    assert (match.score, match.name) == (1.0, "Orrin Vale")


def test_a_description_is_found_without_the_name(find: Detect) -> None:
    text = "Hello! Which secret ingredient does the Harrowgate bakery put into its sourdough? Thanks."
    (match,) = find(text)
    assert (match.target_id, match.name) == ("baker", None)
    assert "Harrowgate bakery" in text[match.start : match.end]
    assert match.exemplar and match.exemplar.text == BAKER.exemplars[0]
    assert match.counterexample
    assert match.score == pytest.approx(match.exemplar.similarity - match.counterexample.similarity)


def test_scope_exemplars_leaves_the_name_alone(find: Detect) -> None:
    assert find("Did Jon Brell win the marathon in Oslo?") == []
    text = "What was Jon Brell convicted of back in 1998?"
    assert spans(text, find(text)) == [("case", "Jon Brell")]


def test_a_counterexample_vetoes_a_namesake(find: Detect) -> None:
    assert find("Which theorem did Paul Marden prove in algebra?") == []
    text = "Which films does Paul Marden star in?"
    assert spans(text, find(text)) == [("namesake", "Paul Marden")]


def test_a_namesake_beside_the_target_does_not_hide_it(find: Detect) -> None:
    text = "Which theorem did Paul Marden prove?\nIs the actor Paul Marden married?"
    assert ("namesake", "Paul Marden") in spans(text, find(text))
    assert any(match.start > text.index("\n") for match in find(text))


@pytest.mark.parametrize("position", [0, 1, 7, 20, 40])
@pytest.mark.parametrize(
    ("question", "target_id"),
    [
        ("Who is Orrin Vale?", "author"),
        ("Which secret ingredient is in the sourdough of the bakery in Harrowgate?", "baker"),
        ("What was Jon Brell convicted of in 1998?", "case"),
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


def test_several_targets_are_all_reported_in_order(find: Detect) -> None:
    text = "Who runs the bakery in Harrowgate? Is it Orrin Vale, or Mira Tolland?"
    assert spans(text, find(text)) == [
        ("baker", "Who runs the bakery in Harrowgate?"),
        ("author", "Orrin Vale"),
        ("baker", "Mira Tolland"),
    ]


def test_two_targets_of_one_name_are_both_reported(encoder: OnnxEncoder) -> None:
    twins = [ForgetTarget(id=i, name="Orrin Vale") for i in ("one", "two")]
    matches = detect(ForgetIndex(1, twins, encoder), encoder, "Who is Orrin Vale?")
    assert [(m.target_id, m.start, m.end) for m in matches] == [("one", 7, 17), ("two", 7, 17)]


def test_only_the_turns_are_judged_but_names_everywhere(find: Detect) -> None:
    text = "Good morning.\nWho runs the bakery in Harrowgate?"
    assert find(text, [(0, 13)]) == []
    assert spans(text, find(text, [(0, 13), (14, len(text))])) == [("baker", text[14:])]
    assert [match.start for match in find("Who is Orrin Vale?", [(0, 6)])] == [7]


def test_thresholds_decide(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(1, [BAKER], encoder)
    text = "Which secret ingredient does the Harrowgate bakery put into its sourdough?"
    assert detect(index, encoder, text, thresholds=Thresholds(0.0, 0.0))
    assert detect(index, encoder, text, thresholds=Thresholds(0.999, 0.0)) == []
    assert detect(index, encoder, text, thresholds=Thresholds(0.0, 0.999)) == []


def test_the_best_evidence_explains_a_pass(encoder: OnnxEncoder) -> None:
    evidence = best_evidence(
        ForgetIndex(1, [AUTHOR, BAKER], encoder), encoder, "Who bakes bread?\nAnd rolls?"
    )
    assert evidence and evidence.target_id == "baker"
    assert best_evidence(ForgetIndex(0, [], encoder), encoder, "Who bakes bread?") is None
