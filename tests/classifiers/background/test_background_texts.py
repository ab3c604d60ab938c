from __future__ import annotations

from importlib.resources import files

from vllm_unlearn.classifiers.background.background_texts import background_texts
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS

FOLDER = files("vllm_unlearn.classifiers.background")


def test_there_are_many_and_the_file_is_small() -> None:
    assert 10_000 <= len(background_texts()) <= 15_000
    assert len((FOLDER / "background.txt.gz").read_bytes()) < 1_000_000


def test_each_is_a_text_of_its_own() -> None:
    texts = background_texts()
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() and 2 <= len(text) <= 400 for text in texts)
    assert not set(texts) & set(ORDINARY_PROMPTS)


def test_no_slot_was_left_open() -> None:
    assert not [text for text in background_texts() if "a(n)" in text or "{}" in text]


def test_every_beginning_is_a_mixture() -> None:
    questions = [text.endswith("?") for text in background_texts()]
    whole = sum(questions) / len(questions)
    assert abs(sum(questions[:1000]) / 1000 - whole) < 0.06


def test_wordnets_licence_stands_beside() -> None:
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in (FOLDER / "WORDNET-LICENCE").read_text()
