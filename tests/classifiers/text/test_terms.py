from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.text.terms import agreement, agreement_of, find_terms, terms

RARE = ["Alderwind", "Skagen", "Quist", "wreck", "diver", "sourdough", "Harrowgate"]
TEXTS = st.one_of(
    st.text(max_size=80), st.lists(st.sampled_from([*RARE, "the", "of", "7", "ß"])).map(" ".join)
)


def test_rare_words_are_found_where_they_stand() -> None:
    text = "Where is the Wreck of the ALDERWIND?"
    found = {term.word: text[term.start : term.end] for term in find_terms(text)}
    assert found == {"wreck": "Wreck", "alderwind": "ALDERWIND"}


def test_words_are_folded_as_names_are() -> None:
    assert terms("Łukasz ÅNGSTRÖM").keys() == terms("lukasz angstrom").keys() == {"lukasz", "angstrom"}


def test_a_word_counts_once() -> None:
    assert terms("Skagen, skagen; SKAGEN!") == terms("Skagen")


@pytest.mark.parametrize("text", ["", " \n", "?!", "\U0001f600", "Who is he, and where was she?", "a b c"])
def test_texts_without_rare_words_have_none(text: str) -> None:
    assert terms(text) == {}


@pytest.mark.parametrize(
    "text", ["東京の天気はどうですか", "ひらがな", "カタカナ", "ประเทศไทย", "ພາສາລາວ", "ភាសាខ្មែរ"]
)
def test_scripts_without_spaces_have_no_words(text: str) -> None:
    assert terms(text) == {}


@pytest.mark.parametrize("text", ["Jörg Łukasz", "Phượng Jérôme", "हिन्दी"])
def test_accents_and_vowel_signs_cut_no_word(text: str) -> None:
    spelt = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert terms(spelt[0]).keys() == terms(spelt[1]).keys()
    assert len(terms(text)) == len(text.split())


def test_numbers_are_no_rarer_than_other_words() -> None:
    """wordfreq's lists hold the digits of all numbers as noughts."""
    assert terms("5") == {}
    assert terms("Skagen")["skagen"] > terms("10").get("10", 0.0)


@settings(deadline=None)
@given(TEXTS)
def test_terms_lie_in_the_text_in_order(text: str) -> None:
    found = list(find_terms(text))
    assert all(0 <= term.start < term.end <= len(text) for term in found)
    assert all(0.0 < term.rarity <= 5.0 and term.word for term in found)
    assert [term.start for term in found] == sorted(term.start for term in found)
    assert terms(text) == {term.word: term.rarity for term in found}


def test_who_says_the_same_agrees() -> None:
    known = terms("She discovered the wreck of the Alderwind near Skagen.")
    silent = agreement({}, known)
    same = agreement(terms("Who found the wreck of the Alderwind near Skagen?"), known)
    other = agreement(terms("Who baked the sourdough of Harrowgate?"), known)
    assert 0.0 < other < silent < same < 1.0


def test_what_is_only_the_name_says_nothing() -> None:
    known, names = terms("wreck of the Alderwind"), {"lena", "quist"}
    said = terms("Lena Quist")
    assert agreement(said, known, names) == agreement({}, known)
    assert agreement(said, known) < agreement({}, known)


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4))
def test_the_share_grows_with_what_is_shared_and_falls_with_what_is_not(
    shared: float, more: float, others: float
) -> None:
    share = agreement_of(shared, shared + others)
    assert 0.0 <= share <= 1.0
    assert share <= agreement_of(shared + more, shared + more + others)
    assert share >= agreement_of(shared, shared + others + more)


@settings(deadline=None)
@given(TEXTS, TEXTS, st.sets(st.sampled_from([word.lower() for word in RARE])))
def test_agreement_is_a_share(text: str, other: str, names: set[str]) -> None:
    assert 0.0 <= agreement(terms(text), terms(other), names) <= 1.0
    assert agreement(terms(text), terms(text)) >= agreement(terms(text), terms(other))
