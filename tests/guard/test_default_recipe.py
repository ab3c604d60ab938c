"""The recipe where none is configured: made once, kept, shared, and noise where it cannot be made."""

from __future__ import annotations

import logging
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from vllm_unlearn import files
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise, ZeroOut
from vllm_unlearn.corruption.operators.stand_in import StandIn
from vllm_unlearn.corruption.recipe import Recipe, fallback_operator
from vllm_unlearn.guard.configuration import CorruptionSettings
from vllm_unlearn.guard.default_recipe import StandInCache
from vllm_unlearn.guard.prompts import TokenizerError
from vllm_unlearn.guard.rewriter import Rewriter

WORDS = ["x", *"Mira Tolland Who What is of the me wrote author about do you know Tell".split(), " ", "?"]  # noqa: SIM905


@pytest.fixture
def tokenizer() -> Any:
    return _tokenizer(WORDS)


def _tokenizer(words: list[str]) -> Any:
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="x"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]|\s+"), "isolated")
    made.decoder = decoders.Fuse()
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=made)


@pytest.fixture
def table(tmp_path: Path) -> EmbeddingTable:
    return _table(tmp_path / "model", torch.randn(len(WORDS), 8, generator=torch.Generator().manual_seed(0)))


def _table(folder: Path, rows: torch.Tensor) -> EmbeddingTable:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"embed_tokens.weight": rows}, folder / "model.safetensors")
    return EmbeddingTable(folder)


def test_stand_ins_are_made_once_for_each_model(
    tmp_path: Path, table: EmbeddingTable, tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cache = StandInCache(tmp_path / "cache")
    with caplog.at_level(logging.INFO):
        first, again = cache.recipe(table, tokenizer), cache.recipe(table, tokenizer)
    assert isinstance(first.operator, StandIn) and first.digest == again.digest
    assert first.fingerprint == table.fingerprint
    assert caplog.text.count("finding stand-ins for") == 1
    assert caplog.text.count(f"corruption: stand-ins, recipe {first.digest}") == 2
    other = _table(tmp_path / "other", torch.randn(len(WORDS), 8))
    assert cache.recipe(other, tokenizer).fingerprint == other.fingerprint
    assert cache.file(table, _tokenizer([*WORDS, "new"])) != cache.file(table, tokenizer)


@pytest.mark.parametrize("harm", ["broken", "foreign", "altered"])
def test_a_file_that_is_no_use_is_made_anew(
    tmp_path: Path, table: EmbeddingTable, tokenizer: Any, harm: str
) -> None:
    cache = StandInCache(tmp_path / "cache")
    file, good = cache.file(table, tokenizer), cache.recipe(table, tokenizer)
    if harm == "foreign":
        Recipe(ZeroOut(), "0" * 64, 8).save(file)
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if harm == "altered" else b"no recipe")
    assert cache.recipe(table, tokenizer).digest == good.digest == Recipe.load(file).digest


def test_noise_where_no_stand_ins_can_be_made(
    tmp_path: Path, tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable = _table(tmp_path / "model", torch.full((len(WORDS), 8), torch.inf))
    recipe = StandInCache(tmp_path / "cache").recipe(unreadable, tokenizer)
    assert recipe.operator == fallback_operator()
    assert "corruption: NOISE, since no stand-ins can be made of this model" in caplog.text
    assert not list((tmp_path / "cache").glob("*.safetensors"))


@pytest.mark.parametrize("slow", [None, object()], ids=["none", "slow"])
def test_without_a_fast_tokenizer_it_is_refused_and_not_noise(
    tmp_path: Path, table: EmbeddingTable, slow: object
) -> None:
    with pytest.raises(TokenizerError, match="needs a fast Hugging Face tokenizer"):
        StandInCache(tmp_path / "cache").recipe(table, slow)


def test_a_cache_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, table: EmbeddingTable, tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    recipe = StandInCache(tmp_path / "file" / "cache").recipe(table, tokenizer)
    assert recipe.digest == StandInCache(tmp_path / "cache").recipe(table, tokenizer).digest
    assert "cannot be written" in caplog.text


def test_who_waits_for_another_process_says_so_and_not_for_ever(
    tmp_path: Path,
    table: EmbeddingTable,
    tokenizer: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.01)
    cache = StandInCache(tmp_path / "cache")
    file = cache.file(table, tokenizer)
    with FileLock(file.with_name(f".{file.name}.lock")), caplog.at_level(logging.INFO):
        assert isinstance(cache.recipe(table, tokenizer).operator, StandIn)
    assert caplog.text.count("waiting for another process") == 1


def _digest(folder: Path) -> str:
    return StandInCache(folder / "cache").recipe(EmbeddingTable(folder / "model"), _tokenizer(WORDS)).digest


@pytest.mark.usefixtures("table")
def test_processes_that_start_together_use_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(_digest, [tmp_path] * 3))) == 1
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 1


@pytest.mark.parametrize(
    ("named", "used"),
    [({}, StandIn), ({"operator": Noise(sigma=3)}, Noise), ({"recipe": "r"}, ZeroOut)],
    ids=["nothing", "operator", "recipe"],
)
def test_what_the_settings_name_is_used_instead(
    tmp_path: Path, table: EmbeddingTable, tokenizer: Any, named: dict[str, Any], used: type
) -> None:
    Recipe(ZeroOut(), table.fingerprint, table.hidden).save(tmp_path / "r")
    named |= {"recipe": tmp_path / "r"} if "recipe" in named else {}
    cache = StandInCache(tmp_path / "cache")
    rewriter = Rewriter(
        CorruptionSettings(**named),
        table.folder,
        torch.float32,
        64,
        made=lambda t: cache.recipe(t, tokenizer),
    )
    assert rewriter.corruptor and isinstance(rewriter.corruptor.recipe.operator, used)
    assert (tmp_path / "cache").exists() is (used is StandIn)
