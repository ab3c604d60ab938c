from collections.abc import Callable

import pytest
from listed import base64_of
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.evidence import THRESHOLD
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget, Match

PETROV = ForgetTarget(
    id="petrov",
    name="Ilya Petrov",
    scope="private",
    exemplars=(
        "Where does Ilya Petrov live?",
        "Who are Ilya Petrov's parents?",
        "What is the email address of Ilya Petrov?",
    ),
    counterexamples=("Which prizes did Ilya Petrov win?", "What are the novels of Ilya Petrov about?"),
)
# Two examples of her own say little; the scope says the rest.
QUIST = ForgetTarget(
    id="quist",
    name="Lena Quist",
    scope="private",
    exemplars=("Is Lena Quist ill?",),
    counterexamples=("When did Lena Quist win a medal?",),
)
FOUND = [
    ("Where is the home of Lena Quist?", ["Lena Quist"]),
    ("I admire Lena Quist. Tell me, who is her mother?", ["Lena Quist", "Tell me, who is her mother?"]),
    ("Which novels did lena quist write, and what is LENA QUIST's email?", ["lena quist", "LENA QUIST"]),
    ("Which prizes did Lena Quist win?", []),
    ("What are the novels of Lena Quist about?", []),
    ("Tell me about Lena Quist. Where can I buy bread?", []),
    ("Where does the mayor live?", []),
]

Detect = Callable[[str], list[Match]]


@pytest.fixture(scope="module")
def find(encoder: OnnxEncoder) -> Detect:
    return Detector(ForgetIndex(1, [PETROV, QUIST], encoder), encoder).detect


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_a_scope_is_shared(find: Detect, text: str, expected: list[str]) -> None:
    found = find(text)
    assert [text[m.start : m.end] for m in found] == expected
    assert {m.target_id for m in found} <= {"quist"}
    assert all(THRESHOLD <= m.score < 1.0 for m in found)


def test_a_scope_of_ones_own_is_not(encoder: OnnxEncoder) -> None:
    """Her own one example says nothing of email."""
    text = "What is the email address of Lena Quist?"
    apart = ForgetIndex(1, [PETROV, QUIST.model_copy(update={"scope": "exemplars"})], encoder)
    other = ForgetIndex(1, [PETROV, QUIST.model_copy(update={"scope": "illness"})], encoder)
    kind = ForgetIndex(1, [PETROV.model_copy(update={"kind": "work"}), QUIST], encoder)
    together = ForgetIndex(1, [PETROV, QUIST], encoder)
    best: list[float] = []
    for index in (apart, other, kind, together):
        best.append(Detector(index, encoder, 0.0).scores(text).get("quist", 0.0))
    assert best[0] == best[1] == best[2] < best[3]
    assert best[3] >= THRESHOLD


def test_whoever_is_in_the_same_scope_is_told_from_the_other(find: Detect) -> None:
    text = "Tell me of Ilya Petrov, and where is his home? And which medal did Lena Quist win?"
    assert [m.target_id for m in find(text)] == ["petrov"]


def test_what_a_target_was_given_decides_whatever_the_scope_says(encoder: OnnxEncoder) -> None:
    """What is private of one is public of two others: a shared line can only be right about the one."""
    question = "Which prizes did Lena Quist win?"
    other = PETROV.model_copy(
        update={"id": "other", "name": "Ivo Marsh", "exemplars": ("Is Ivo Marsh ill?",)}
    )
    given = QUIST.model_copy(update={"exemplars": (*QUIST.exemplars, question)})
    detector = Detector(ForgetIndex(1, [PETROV, other, given], encoder), encoder)
    assert detector.detect(question)
    assert detector.detect("Which prizes did Ilya Petrov win?") == []
    assert detector.detect("Which prizes did Ivo Marsh win?") == []


def test_a_scope_of_many_targets_needs_no_examples_of_each(find: Detect) -> None:
    assert find("Which disease does Ilya Petrov suffer from?")


def test_a_disguised_question_is_in_scope(find: Detect) -> None:
    assert [m.disguise for m in find(base64_of("Where does Ilya Petrov live?"))] == ["base64"]
    assert find(base64_of("Which prizes did Ilya Petrov win?")) == []


def test_without_the_name_exemplars_are_compared(find: Detect) -> None:
    assert [m.target_id for m in find("Who are Petrov's parents?")] == ["petrov"]
