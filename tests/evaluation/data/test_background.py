from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from vllm_unlearn.evaluation.data.background.background import FIELDS, PARTS, background, main
from vllm_unlearn.evaluation.data.background.grammar import Grammar, read_slots
from vllm_unlearn.evaluation.data.background.wordnet import read_synsets
from vllm_unlearn.vocabulary import UserError

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by\n"
NOUNS = ("dog", "house", "hand", "idea", "party", "love", "bread", "doctor", "rose", "growth", "peace",
         "water", "music", "night", "school", "family")  # fmt: skip


def line(word: str, field: int, kind: str, gloss: str, pointer: str = "@") -> str:
    return f"00001740 {field:02} {kind} 01 {word} 0 001 {pointer} 00001930 n 0000 | {gloss}  \n"


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word for each slot that WordNet fills, and what must not come through."""
    folder = tmp_path_factory.mktemp("wordnet")
    gloss = '{0} as it is defined here; "nobody has ever seen a {0} like that"'
    nouns = [line(word, field, "n", gloss.format(word)) for word in NOUNS for field in FIELDS]
    nouns.append(line("Paris", 15, "n", "the capital of France", "@i"))
    nouns.append(line("Washington", 18, "n", "a tall statesman", "@i"))
    nouns.append(line("boy", 18, "n", "(ethnic slur) offensive term for a man"))
    nouns.append(line("tariff", 9, "n", "a tax on imports", ";c"))
    nouns.append(line("zzxqy", 5, "n", "an animal of which nobody speaks"))
    (folder / "data.noun").write_text(LICENCE + "".join(nouns))
    (folder / "data.verb").write_text(line("run", 38, "v", "move fast"))
    (folder / "data.adj").write_text(line("awake(p)", 0, "a", "not asleep"))
    return folder


@pytest.fixture(scope="module")
def pairs(wordnet: Path) -> list[tuple[str, str]]:
    return background(wordnet)


def test_the_same_texts_come_out_every_time(
    wordnet: Path, pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    main([str(wordnet), str(tmp_path / "background")])
    texts = gzip.decompress((tmp_path / "background").read_bytes()).decode().splitlines()
    assert texts == [text for _, text in pairs]
    assert len(set(texts)) == len(texts)


def test_every_part_is_in_it_and_every_slot_is_filled(pairs: list[tuple[str, str]]) -> None:
    counts = Counter(part for part, _ in pairs)
    assert set(counts) == set(PARTS)
    assert all(counts[part] <= PARTS[part] for part in PARTS)
    assert not [text for _, text in pairs if re.search(r"\{\w|a\(n\)", text)]


def test_rude_and_unheard_of_words_and_real_people_stay_out(pairs: list[tuple[str, str]]) -> None:
    # Exam questions are written whole, without WordNet's words.
    text = "\n".join(text for part, text in pairs if part != "exams")
    assert not re.search(r"\bboy\b|ethnic slur|zzxqy|tall statesman|\(p\)", text)
    assert "Paris" in text


def test_technical_words_are_asked_about_and_fill_no_slot(pairs: list[tuple[str, str]]) -> None:
    parts = {part for part, text in pairs if "tariff" in text}
    assert parts >= {"wordnet", "glosses", "statements"}
    # These ask about ideas, too.
    assert parts.isdisjoint({"people", "trivia"})


def test_a_sense_is_read_with_its_meaning_and_its_sentences(wordnet: Path) -> None:
    sense = read_synsets(wordnet, "noun")[0]
    assert (sense.word, sense.field, sense.instance) == ("dog", min(FIELDS), False)
    assert sense.gloss == "dog as it is defined here"
    assert sense.examples == ("nobody has ever seen a dog like that",)


def test_a_folder_without_wordnet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(str(tmp_path))):
        background(tmp_path)
    with pytest.raises(UserError, match="two arguments"):
        main([])


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{name} and {name}", "ann's cat and ann's cat"),
        ("A {Name}", "A Ann's Cat"),
        ("a(n) {thing}", "an owl"),
        ("A(n) {name2}", "An ann's cat"),
        ("{7-7} {thing}s", "7 owls"),
        ("if (x) { return {2-2}; }", "if (x) { return 2; }"),
        ("{word} {thing}", "given owl"),
    ],
)
def test_a_template_is_filled(template: str, filled: str) -> None:
    grammar = Grammar(read_slots("name: ann's {pet}\npet: cat\nthing: owl"), random.Random(0))
    assert grammar.fill(template, {"word": "given"}) == filled


def test_a_slot_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        Grammar({}, random.Random(0)).fill("{nothing}")


def test_numbered_slots_are_drawn_apart() -> None:
    grammar = Grammar(read_slots("n: a | b\nn: c"), random.Random(0))
    assert {grammar.fill("{n}{n2}") for _ in range(200)} == {a + b for a in "abc" for b in "abc"}
