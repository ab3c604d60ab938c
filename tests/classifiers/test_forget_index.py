from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.evidence import Evidence
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.templates import QUESTIONS
from vllm_unlearn.classifiers.text.terms import agreement, terms
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
DIVER = ForgetTarget(
    id="diver",
    name="Lena Quist",
    passages=("Helena Maria Quist (born 1931) was a Danish diver. She found the wreck of the Alderwind.",),
)
TARGETS = [LAB, SHIP, BARE, DIVER]


@pytest.fixture(scope="module")
def index(encoder: OnnxEncoder) -> ForgetIndex:
    return ForgetIndex(3, TARGETS, encoder)


def search(index: ForgetIndex, encoder: OnnxEncoder, texts: Sequence[str]) -> list[list[Evidence]]:
    found = []
    for text in texts:
        parts: dict[str, float] = {}
        for hit in index.names.parts.find(text):
            parts[hit.target_id] = max(hit.weight, parts.get(hit.target_id, -1.0))
        found.append(parts)
    return index.exemplars.search(
        encoder.encode(texts), [terms(text) for text in texts], found, [{}] * len(texts)
    )


def best(evidence: Sequence[Evidence]) -> Evidence:
    return max(evidence, key=lambda e: e.score)


def test_the_same_targets_give_the_same_index(index: ForgetIndex, encoder: OnnxEncoder) -> None:
    again = ForgetIndex(3, TARGETS, encoder)
    texts = ["Which vaccine is his?", "Who wrote it?", "shut down the reactor"]
    assert search(again, encoder, texts) == search(index, encoder, texts)
    assert again.sizes == index.sizes
    text = "O. Vale wrote The Salt Cartographer"
    assert list(again.names.find(text)) == list(index.names.find(text))


def test_sizes_count_what_is_indexed(index: ForgetIndex) -> None:
    asked = {kind: len(texts) for kind, texts in QUESTIONS.items()}
    exemplars = (2 + 2 * asked["entity"]) + asked["work"] + 1 + (2 + asked["entity"])
    assert index.sizes == {"targets": 4, "names": 7, "exemplars": exemplars, "lines": 0, "counterexamples": 1}
    assert index.generation == 3
    assert index.targets == {target.id: target for target in TARGETS}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("O. Vale", "O. Vale"),
        ("the salt cartographer", "The Salt Cartographer"),
        ("Orrin Vaile", "Orrin Vale"),
        ("Helena Maria Quist", "Helena Maria Quist"),
        ("Nil", "Nil"),
    ],
)
def test_names_are_found_also_misspelt_and_from_passages(index: ForgetIndex, written: str, name: str) -> None:
    text = f"Who knows {written}, then?"
    found = {(hit.name, text[hit.start : hit.end]) for hit in index.names.find(text)}
    assert (name, written) in found


def test_evidence_is_the_nearest_exemplar_and_counterexample(
    index: ForgetIndex, encoder: OnnxEncoder
) -> None:
    text = "Which vaccine was invented by Pasteur?"
    (vector,) = encoder.encode([text])
    evidence = index.exemplars.evidence("lab", vector, terms(text), {})
    assert evidence.exemplar.text == "Which vaccine did Orrin Vale invent?"
    assert evidence.counterexample
    assert evidence.counterexample.text == "Which vaccine did Louis Pasteur invent?"
    expected = encoder.encode([evidence.exemplar.text, evidence.counterexample.text]) @ vector
    found = [evidence.exemplar.similarity, evidence.counterexample.similarity]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (evidence.exemplars, evidence.score) == (2 + 2 * len(QUESTIONS["entity"]), 0.0)
    assert index.exemplars.evidence("ship", vector, terms(text), {}).counterexample is None


def test_similarity_is_nought_between_texts_that_have_nothing_in_common(
    index: ForgetIndex, encoder: OnnxEncoder
) -> None:
    texts = ["How is the reactor of Nil shut down?", "Please translate this letter into French."]
    same, other = (
        index.exemplars.evidence("bare", vector, {}, {}).similarity for vector in encoder.encode(texts)
    )
    assert same == pytest.approx(1.0, abs=1e-5)
    assert abs(other) < 0.15


def test_agreement_leaves_the_targets_own_name_out(index: ForgetIndex, encoder: OnnxEncoder) -> None:
    (vector,) = encoder.encode(["x"])
    silent, name, fact, other = (
        index.exemplars.evidence("diver", vector, terms(text), {}).agreement
        for text in ("", "Helena Quist", "wreck of the Alderwind", "sourdough of Harrowgate")
    )
    assert fact > silent == name > other


def test_in_scope_exemplars_a_name_says_no_more_than_what_is_said_of_it(
    index: ForgetIndex, encoder: OnnxEncoder
) -> None:
    (vector,) = encoder.encode(["How is the weather in Nil?"])
    evidence = index.exemplars.evidence("bare", vector, {}, {"bare": 1.0})
    assert evidence.name_part == evidence.similarity < 1.0
    assert index.exemplars.evidence("bare", vector, {}, {"bare": -1.0}).name_part == -1.0
    assert index.exemplars.evidence("lab", vector, {}, {"lab": 1.0}).name_part == 1.0
    assert index.exemplars.evidence("lab", vector, {}, {"bare": 1.0}).name_part == 0.0


def test_a_search_gives_a_row_of_evidence_a_vector(index: ForgetIndex, encoder: OnnxEncoder) -> None:
    found = search(index, encoder, ["Who wrote The Salt Cartographer?", "reactor of Nil", "x"])
    assert [best(row).target_id for row in found[:2]] == ["ship", "bare"]
    assert {e.target_id for e in found[2]} == {"lab", "ship", "bare", "diver"}
    assert best(found[0]).exemplar.similarity == pytest.approx(1.0, abs=1e-5)
    assert search(index, encoder, []) == []


def test_an_empty_index_finds_nothing(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(0, [], encoder)
    assert search(index, encoder, ["Who is Orrin Vale?"]) == [[]]
    assert list(index.names.find("Who is Orrin Vale?")) == []
    assert index.sizes == {"targets": 0, "names": 0, "exemplars": 0, "lines": 0, "counterexamples": 0}


def test_a_passage_without_facts_leaves_the_name(encoder: OnnxEncoder) -> None:
    target = ForgetTarget(id="x", name="Lena Quist", passages=("She received several awards.",))
    assert ForgetIndex(1, [target], encoder).sizes["exemplars"] == len(QUESTIONS["entity"])
    scoped = ForgetIndex(1, [target.model_copy(update={"scope": "exemplars"})], encoder)
    assert scoped.sizes["exemplars"] == 1  # else it would be listed and never found
    assert Detector(scoped, encoder).detect("Who is Lena Quist?") == []
    assert Detector(scoped, encoder).detect("She received several awards.")


def test_passages_without_spaces_are_indexed(encoder: OnnxEncoder) -> None:
    passage = "村上太郎は1950年に札幌で生まれた潜水士で、スカーゲン沖で難破船アルダーウィンドを発見した。"
    index = ForgetIndex(1, [ForgetTarget(id="x", name="村上太郎", passages=(passage,))], encoder)
    assert index.sizes["exemplars"] == 1 + len(QUESTIONS["entity"])


def test_long_exemplars_are_found_by_any_part(encoder: OnnxEncoder) -> None:
    passage = "The lighthouse keeper sorted shells. " * 30 + "Orrin Vale hid the ledger in the organ pipe."
    target = ForgetTarget(id="p", kind="passage", name="ledger", exemplars=(passage,))
    index = ForgetIndex(1, [target], encoder)
    (row,) = search(index, encoder, ["Orrin Vale hid the ledger in the organ pipe."])
    assert row[0].exemplar.similarity == pytest.approx(1.0, abs=1e-5)


YEARS = tuple(f"Which prize did Orrin Vale win in {year}?" for year in range(1700, 2000))


def test_many_exemplars_of_one_target_do_not_lose_the_nearest(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(1, [LAB.model_copy(update={"exemplars": YEARS}), SHIP], encoder)
    (row,) = search(index, encoder, ["Which prize did Orrin Vale win in 1942?"])
    assert (row[0].target_id, row[0].exemplar.text) == ("lab", "Which prize did Orrin Vale win in 1942?")
    assert row[0].exemplars == len(YEARS) + 2 * len(QUESTIONS["entity"])


def test_many_exemplars_of_one_target_do_not_hide_one_whose_name_is_said(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(1, [LAB.model_copy(update={"exemplars": YEARS}), SHIP, DIVER], encoder)
    (row,) = search(index, encoder, ["Which prize did Orrin Vale and Quist win in 1942?"])
    assert {e.target_id for e in row} == {"lab", "diver"}


def test_a_crowd_out_of_scope_hides_no_other_target(encoder: OnnxEncoder) -> None:
    text = "Which Alderwind prize did the author win at last?"
    crowd = ForgetTarget(
        id="crowd",
        name="Per Ekelund",
        exemplars=tuple(f"{text} ({number})" for number in range(100)),
        counterexamples=(text,),
    )
    one = ForgetTarget(
        id="one", name="Mira Tolland", exemplars=("Did the author win the prize of the Alderwind?",)
    )
    (alone,) = search(ForgetIndex(1, [one], encoder), encoder, [text])
    (beside,) = search(ForgetIndex(1, [crowd, one], encoder), encoder, [text])
    assert best(alone).score >= 0.5
    assert best(beside).score == best(alone).score


def test_a_crowd_of_exemplars_needs_more(encoder: OnnxEncoder) -> None:
    text = "Which prize did Orrin Vale win in 1903?"
    few, many = (LAB.model_copy(update={"exemplars": YEARS[:n]}) for n in (5, 60))
    rows = [search(ForgetIndex(1, [target], encoder), encoder, [text])[0] for target in (few, many)]
    assert rows[0][0].exemplar == rows[1][0].exemplar
    assert rows[0][0].score > rows[1][0].score > 0.5


WORDS = list(
    terms(
        "vaccine invent laboratory Orrin Vale salt cartographer reactor Nil Quist Helena Alderwind Danish "
        "wreck sourdough Harrowgate"
    )
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(WORDS), st.floats(0.01, 5)))
def test_no_target_agrees_more_than_the_most(index: ForgetIndex, said: dict[str, float]) -> None:
    most = index.exemplars.most_agreement(said)
    assert 0.0 <= most <= 1.0
    vector = np.zeros(384, dtype=np.float32)
    for target_id in index.targets:
        assert index.exemplars.evidence(target_id, vector, said, {}).agreement <= most + 1e-9


def test_the_most_agreement_of_one_target_is_its_own(encoder: OnnxEncoder) -> None:
    index = ForgetIndex(1, [DIVER], encoder)
    said = terms("Did the diver Quist see the wreck of the Alderwind, or the sourdough of Harrowgate?")
    known = terms("He was a Danish diver, born. She found the wreck of the Alderwind.")
    assert index.exemplars.most_agreement(said) == pytest.approx(
        agreement(said, known, frozenset({"lena", "quist", "helena", "maria"}))
    )
