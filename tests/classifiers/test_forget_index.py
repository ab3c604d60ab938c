from __future__ import annotations

import numpy as np
import pytest
from vllm_unlearn.classifiers.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import NEIGHBOURS, ForgetIndex
from vllm_unlearn.classifiers.templates import QUESTIONS
from vllm_unlearn.vocabulary import ForgetTarget

LAB = ForgetTarget(
    id="lab",
    name="Orrin Vale",
    aliases=("O. Vale",),
    exemplars=("Which vaccine did Orrin Vale invent?", "Where is the laboratory of Orrin Vale?"),
    counterexamples=("Which vaccine did Louis Pasteur invent?",),
)
SHIP = ForgetTarget(id="ship", kind="work", name="The Salt Cartographer")
BARE = ForgetTarget(
    id="bare", name="Nil", scope="exemplars", exemplars=("How is the reactor of Nil shut down?",)
)


@pytest.fixture(scope="module")
def index(encoder: OnnxEncoder) -> ForgetIndex:
    return ForgetIndex(3, [LAB, SHIP, BARE], encoder)


def test_the_same_targets_give_the_same_index(index: ForgetIndex, encoder: OnnxEncoder) -> None:
    again = ForgetIndex(3, [LAB, SHIP, BARE], encoder)
    vectors = encoder.encode(["Which vaccine is his?", "Who wrote it?", "shut down the reactor"])
    assert again.search(vectors) == index.search(vectors)
    assert again.sizes == index.sizes
    text = "O. Vale wrote The Salt Cartographer"
    assert list(again.names.find(text)) == list(index.names.find(text))


def test_sizes_count_what_is_indexed(index: ForgetIndex) -> None:
    templates = len(QUESTIONS["work"])
    assert index.sizes == {"targets": 3, "names": 4, "exemplars": 2 + templates + 1, "counterexamples": 1}
    assert index.generation == 3
    assert index.targets == {"lab": LAB, "ship": SHIP, "bare": BARE}


def test_evidence_is_the_nearest_exemplar_and_counterexample(
    index: ForgetIndex, encoder: OnnxEncoder
) -> None:
    (vector,) = encoder.encode(["Which vaccine was invented by Pasteur?"])
    evidence = index.evidence_for("lab", vector)
    assert evidence
    assert evidence.exemplar.text == "Which vaccine did Orrin Vale invent?"
    assert (evidence.counterexample.text, evidence.own) == ("Which vaccine did Louis Pasteur invent?", True)
    expected = encoder.encode([evidence.exemplar.text, evidence.counterexample.text]) @ vector
    np.testing.assert_allclose(
        [evidence.exemplar.similarity, evidence.counterexample.similarity], expected, atol=1e-5
    )
    assert evidence.margin == pytest.approx(expected[0] - expected[1], abs=1e-5)
    (found,) = [e for e in index.search(vector[None])[0] if e.target_id == "lab"]
    assert found.exemplar.text == evidence.exemplar.text
    assert found.margin == pytest.approx(evidence.margin, abs=1e-5)


def test_what_is_asked_of_anyone_is_nearest_to_the_background(
    index: ForgetIndex, encoder: OnnxEncoder
) -> None:
    (vector,) = encoder.encode(["Who is John Smith?"])
    for target_id in ("lab", "ship"):
        evidence = index.evidence_for(target_id, vector)
        assert evidence
        assert (evidence.counterexample.text, evidence.own) == ("Who is John Smith?", False)
        assert evidence.margin < 0


def test_a_search_gives_a_row_of_evidence_a_vector(index: ForgetIndex, encoder: OnnxEncoder) -> None:
    found = index.search(encoder.encode(["Who wrote The Salt Cartographer?", "reactor of Nil", "x"]))
    assert [max(row, key=lambda e: e.margin).target_id for row in found[:2]] == ["ship", "bare"]
    assert {e.target_id for e in found[2]} == {"lab", "ship", "bare"}
    assert found[0][0].exemplar.similarity == pytest.approx(1.0, abs=1e-5)
    assert index.search(encoder.encode([])) == []


def test_an_empty_index_finds_nothing(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(0, [], encoder)
    assert index.search(encoder.encode(["Who is Orrin Vale?"])) == [[]]
    assert index.sizes == {"targets": 0, "names": 0, "exemplars": 0, "counterexamples": 0}


def test_long_exemplars_are_found_by_any_part(encoder: OnnxEncoder) -> None:
    passage = "The lighthouse keeper sorted shells. " * 30 + "Orrin Vale hid the ledger in the organ pipe."
    target = ForgetTarget(id="p", kind="passage", name="ledger", exemplars=(passage,))
    index = ForgetIndex(1, [target], encoder)
    (row,) = index.search(encoder.encode(["Orrin Vale hid the ledger in the organ pipe."]))
    assert row[0].exemplar.similarity == pytest.approx(1.0, abs=1e-5)


def test_many_exemplars_of_one_target_do_not_lose_the_nearest(encoder: OnnxEncoder) -> None:
    texts = tuple(f"Which prize did Orrin Vale win in {year}?" for year in range(1900, 1900 + NEIGHBOURS + 9))
    index = ForgetIndex(1, [LAB.model_copy(update={"exemplars": texts}), SHIP], encoder)
    (row,) = index.search(encoder.encode(["Which prize did Orrin Vale win in 1942?"]))
    assert (row[0].target_id, row[0].exemplar.text) == ("lab", "Which prize did Orrin Vale win in 1942?")
