"""The search for stand-ins: what may take whose place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators import kin
from vllm_unlearn.corruption.operators.kin import Word, main_directions, stand_ins

# Cities point one way, jobs another, and forms of a word lie closest of all.
WORDS = [" Oslo", " Lima", " Rome", " oslo", " baker", " bakery", " tailor", " miner", "Oslo", "7", "8"]
TOKENS = ["<s>", *WORDS]
ROWS = torch.tensor(
    [
        [9.0, 9.0, 9.0],
        [1.0, 0.02, 0.0],
        [1.0, 0.1, 0.0],
        [0.9, 0.2, 0.0],
        [1.0, 0.03, 0.0],
        [0.0, 1.0, 0.02],
        [0.0, 1.0, 0.01],
        [0.1, 0.9, 0.0],
        [0.2, 0.8, 0.0],
        [1.0, 0.021, 0.0],
        [0.0, 0.1, 1.0],
        [0.0, 0.0, 1.0],
    ]
)
DIRECTIONS = torch.nn.functional.normalize(ROWS - ROWS.mean(0), dim=1)


def found(near: int = 2, words: Mapping[str, Word] = {}) -> dict[str, set[str]]:
    """What each token may give way to; ``words`` are others than plain ones."""
    every = [None, *(words.get(text, Word(text)) for text in WORDS)]
    chosen = stand_ins(DIRECTIONS, every, near, 0, lambda done: None)
    assert chosen.shape == (len(TOKENS), near)
    return {token: {TOKENS[int(one)] for one in near} for token, near in zip(TOKENS, chosen, strict=True)}


def test_a_word_gives_way_to_others_of_its_kind() -> None:
    chosen = found()
    assert chosen[" Oslo"] == {" Lima", " Rome"}
    assert chosen[" baker"] == {" tailor", " miner"}  # not to " bakery", which is the same word
    assert (chosen["7"], chosen["8"]) == ({"8"}, {"7"})


def test_the_nearest_come_first() -> None:
    assert found(near=1)[" baker"] == {" tailor"}
    assert found(near=3)[" baker"] == {" tailor", " miner", " oslo"}


@pytest.mark.parametrize("grammar", [True, False], ids=["grammar", "added"])
def test_what_carries_the_grammar_or_was_added_stands_in_for_nothing(grammar: bool) -> None:
    every = {text: Word(text, grammar=grammar, added=not grammar) for text in WORDS}
    chosen = found(words={" Lima": every[" Lima"]})
    assert chosen[" Oslo"] == {" Rome"} and chosen[" Lima"] == {" Oslo", " Rome"}
    assert found(words=every) == found()  # unless there are no others


def test_a_control_token_stays_and_one_that_is_alone_of_its_kind_does_not() -> None:
    chosen = found()
    assert chosen["<s>"] == {"<s>"} and not any("<s>" in chosen[token] for token in WORDS)
    assert "Oslo" not in chosen["Oslo"]  # alone without a space and with a capital


def test_a_word_whose_only_kin_are_its_own_forms_does_not_stay() -> None:
    chosen = stand_ins(DIRECTIONS[5:7], [Word(" baker"), Word(" bakery")], 1, 1, lambda done: None)
    assert chosen.tolist() == [[1, 1], [0, 0]]


def test_progress_tells_of_every_token_that_says_something() -> None:
    done: list[int] = []
    stand_ins(DIRECTIONS, [None, *map(Word, WORDS)], 2, 2, done.append)
    assert sum(done) == len(WORDS)


def test_the_far_ones_are_words_of_the_kind_that_are_not_near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Along an arc the neighbours are the nearest; "ab17" and "ab20" begin alike, and are one word."""
    monkeypatch.setattr(kin, "SEARCHED", 5)
    every = [Word(f" {chr(97 + n)}b{chr(97 + n)}s") for n in range(26)] + [Word(" Ab")]
    angles = torch.arange(27) / 20
    directions = torch.stack([angles.cos(), angles.sin()], 1)
    chosen = stand_ins(directions, every, 2, 3, lambda done: None)
    assert torch.equal(chosen, stand_ins(directions, every, 2, 3, lambda done: None))
    for token, (*near, far_1, far_2, far_3) in enumerate(chosen[:26].tolist()):
        assert all(abs(other - token) <= 4 for other in near)
        assert all(abs(other - token) > 2 and other < 26 for other in (far_1, far_2, far_3))


KIN = [(" ab", " cd"), (" Ab", " Cd"), (" AB", " CD"), ("ab", "cd"), (" аб", " вг"), ("?", "!"), ("7", "8")]


@pytest.mark.parametrize(("text", "other"), KIN, ids=str)
def test_script_case_and_beginning_are_kept(text: str, other: str) -> None:
    """All lie as near to each other: only the kind tells them apart."""
    every = [text for pair in KIN for text in pair]
    chosen = stand_ins(torch.ones(len(every), 2), list(map(Word, every)), 1, 1, lambda done: None)
    assert [every[int(one)] for one in chosen[every.index(text)]] == [other, other]


def test_words_give_way_to_words_in_use_of_their_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest are translations and parts of words, as in the tables of models of many languages."""
    monkeypatch.setattr(kin, "SEARCHED", 2)
    texts = {"wrote": "en", "schrieb": "de", "zzw": "", "told": "en", "sang": "en", "lief": "de", "kam": "de"}
    every = [Word(f" {text}", language, 1e-5) for text, language in texts.items()]
    angles = torch.tensor([0.0, 0.01, 0.02, 0.5, 0.6, 0.7, 0.8])
    chosen = stand_ins(torch.stack([angles.cos(), angles.sin()], 1), every, 1, 0, lambda done: None)
    stands = {text: list(texts)[int(other)] for text, (other,) in zip(texts, chosen, strict=True)}
    assert (stands["wrote"], stands["schrieb"]) == ("told", "lief")
    assert stands["zzw"] == "wrote"  # a part of a word has the language of most


def table(folder: Path, rows: torch.Tensor) -> EmbeddingTable:
    (folder / "config.json").write_text("{}")
    save_file({"embed_tokens.weight": rows}, folder / "model.safetensors")
    return EmbeddingTable(folder)


def test_main_directions_are_those_of_the_rows_in_any_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that differ along few of many axes are told apart in as few."""
    chance = torch.Generator().manual_seed(0)
    rows = torch.randn(90, 8, generator=chance) @ torch.randn(8, 40, generator=chance) + 3
    exact = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    made = table(tmp_path, rows)
    whole = main_directions(made)
    torch.testing.assert_close(whole, exact)
    monkeypatch.setattr(kin, "ROWS_READ", 32)
    monkeypatch.setattr(kin, "DIMENSIONS", 8)
    parts = main_directions(made)
    assert parts.shape == (90, 8)
    torch.testing.assert_close(parts @ parts.T, exact @ exact.T, atol=1e-3, rtol=0)
    assert torch.equal(parts, main_directions(made))


def test_rows_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        main_directions(table(tmp_path, torch.full((4, 3), torch.nan)))
