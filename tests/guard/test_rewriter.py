"""Engine inputs in, engine inputs out: the real tokenizer, encoder and checkpoint, and no engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.learned import Learned
from vllm_unlearn.corruption.operators.operators import Noise
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.guard.configuration import CorruptionSettings, Settings
from vllm_unlearn.guard.guard import Guard, GuardError
from vllm_unlearn.guard.rewriter import CORRUPTED, NEUTRAL_WORD, Rewriter
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget, Role

QUESTION = "Who is Orrin Vale, the author?"
MAX_TOKENS = 64


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    store.forget([ForgetTarget(id="vale", name="Orrin Vale")])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


def made(folder: Path | None, tokenizer: Any, settings: CorruptionSettings) -> Rewriter:
    rewriter = Rewriter(settings, folder, torch.bfloat16, MAX_TOKENS)
    rewriter.attach(tokenizer)
    return rewriter


@pytest.fixture
def rewriter(model_folder: Path, tokenizer: Any) -> Rewriter:
    return made(model_folder, tokenizer, CorruptionSettings())


@pytest.fixture
def neutral(tokenizer: Any) -> Rewriter:
    return made(None, tokenizer, CorruptionSettings())


def tokens(rewriter: Any, text: str, **more: Any) -> Any:
    return {"type": "token", "prompt_token_ids": rewriter.encode(text), **more}


def parts(replacement: Any) -> tuple[list[int], list[bool], torch.Tensor]:
    """Token ids, which of them the model is shown, and the embeddings (tokens, hidden) of the others."""
    corrupted = replacement[CORRUPTED]
    return replacement["prompt_token_ids"], corrupted.is_token.tolist(), corrupted.embeddings


def hidden(rewriter: Any, ids: list[int], mask: list[bool]) -> str:
    """The text of the tokens that the model is not shown."""
    return str(rewriter._tokenizer.decode([i for i, shown in zip(ids, mask, strict=True) if not shown]))


def test_what_is_not_flagged_is_left_alone(rewriter: Any, guard: Guard) -> None:
    prompt = tokens(rewriter, "Who is Jane Austen?", cache_salt="mine")
    verdict, replacement = rewriter.rewrite(prompt, guard)
    assert (verdict.action, verdict.generation, replacement) == ("pass", 1, None)
    assert prompt == tokens(rewriter, "Who is Jane Austen?", cache_salt="mine")


def test_past_its_bytes_a_flagged_prompt_is_served_like_any_other(
    model_folder: Path, tokenizer: Any, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    rewriter: Any = made(model_folder, tokenizer, CorruptionSettings(max_bytes=1))
    verdict, replacement = rewriter.rewrite(tokens(rewriter, QUESTION), guard)
    assert verdict.action == "corrupt" and replacement and CORRUPTED not in replacement
    assert NEUTRAL_WORD in tokenizer.decode(replacement["prompt_token_ids"])
    assert "Vale" not in tokenizer.decode(replacement["prompt_token_ids"])
    assert "1 bytes of embeddings are in flight (corruption.max_bytes)" in caplog.text


def test_a_flagged_prompt_becomes_a_mixed_one(rewriter: Any, guard: Guard, model_folder: Path) -> None:
    prompt = tokens(rewriter, QUESTION, prompt=QUESTION, arrival_time=3.5, cache_salt="mine")
    verdict, replacement = rewriter.rewrite(prompt, guard)
    assert verdict.action == "corrupt" and replacement
    ids, mask, rows = parts(replacement)
    assert {name: replacement[name] for name in prompt} == prompt, "to vLLM's frontend it is the same"
    assert hidden(rewriter, ids, mask).strip() == "Orrin Vale"
    assert (rows.shape, rows.dtype) == ((len(ids), 576), torch.bfloat16)
    assert not rows[torch.tensor(mask)].any()
    real = EmbeddingTable(model_folder).rows(ids, torch.bfloat16)
    assert not torch.equal(rows[~torch.tensor(mask)], real[~torch.tensor(mask)])
    assert prompt == tokens(rewriter, QUESTION, prompt=QUESTION, arrival_time=3.5, cache_salt="mine"), (
        "in place"
    )


def test_a_learned_recipe_reaches_the_sentence_and_no_further(
    model_folder: Path, tokenizer: Any, guard: Guard, tmp_path: Path
) -> None:
    table = EmbeddingTable(model_folder)
    operator = Learned(rank=1, places=1, strength=2.0)
    weights = operator.initial(table.hidden, torch.Generator().manual_seed(0))
    weights["bias"] += torch.arange(1.0, 1.0 + len(Role))[:, None]
    Recipe(operator, table.fingerprint, table.hidden, weights).save(tmp_path / "learned")
    rewriter = made(model_folder, tokenizer, CorruptionSettings(recipe=tmp_path / "learned"))
    _, replacement = rewriter.rewrite(tokens(rewriter, f"Good morning. {QUESTION} Thank you."), guard)
    assert replacement
    ids, mask, embeddings = parts(replacement)
    assert hidden(rewriter, ids, mask).strip() == QUESTION
    moved = (embeddings - table.rows(ids, torch.bfloat16)).float().mean(dim=1)
    named = [
        m for m, i, shown in zip(moved, ids, mask, strict=True) if not shown and i in name_tokens(rewriter)
    ]
    assert named and all(m == pytest.approx(1.0, abs=0.02) for m in named)
    other = [
        m
        for m, i, shown in zip(moved, ids, mask, strict=True)
        if not shown and i not in name_tokens(rewriter)
    ]
    assert other and all(m == pytest.approx(2.0, abs=0.02) for m in other)
    given = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\nOrrin Vale was born in Tartu."
    _, replacement = rewriter.rewrite(tokens(rewriter, given), guard)
    assert replacement
    ids, mask, embeddings = parts(replacement)
    moved = (embeddings - table.rows(ids, torch.bfloat16)).float().mean(dim=1)
    assert {round(float(m)) for m, shown in zip(moved, mask, strict=True) if not shown} == {6, 8, 10}


def test_a_recipe_that_leaves_a_role_as_it_is_is_not_served(
    model_folder: Path, tokenizer: Any, tmp_path: Path
) -> None:
    table, operator = EmbeddingTable(model_folder), Learned(rank=1, places=1)
    weights = operator.initial(table.hidden, torch.Generator().manual_seed(0))
    weights["bias"][: Role.REPLY] += 1.0
    Recipe(operator, table.fingerprint, table.hidden, weights).save(tmp_path / "partial")
    with pytest.raises(RecipeError, match="of the roles reply: such prompts would pass unguarded"):
        made(model_folder, tokenizer, CorruptionSettings(recipe=tmp_path / "partial"))


def name_tokens(rewriter: Any) -> set[int]:
    return set(rewriter.encode(" Orrin Vale"))


def test_a_configured_recipe_is_used_and_a_foreign_one_refused(
    model_folder: Path, tokenizer: Any, guard: Guard, tmp_path: Path
) -> None:
    table = EmbeddingTable(model_folder)
    Recipe(Noise(sigma=0.0), table.fingerprint, table.hidden).save(tmp_path / "zero")
    Recipe(Noise(), "0" * 64, table.hidden).save(tmp_path / "foreign")
    rewriter = made(model_folder, tokenizer, CorruptionSettings(recipe=tmp_path / "zero"))
    _, replacement = rewriter.rewrite(tokens(rewriter, QUESTION), guard)
    assert replacement
    ids, mask, embeddings = parts(replacement)
    covered = ~torch.tensor(mask)
    assert torch.equal(embeddings[covered], table.rows(ids, torch.bfloat16)[covered])
    with pytest.raises(RecipeError, match="another model"):
        made(model_folder, tokenizer, CorruptionSettings(recipe=tmp_path / "foreign"))


def test_too_long_prompts_are_left_to_vllm(rewriter: Any, guard: Guard) -> None:
    """vLLM refuses a prompt of ``max_model_len`` tokens or more; one token fewer is generated from."""
    padding = rewriter.encode(" a") * MAX_TOKENS
    ids = rewriter.encode(QUESTION) + padding
    for length, action in ((MAX_TOKENS - 1, "corrupt"), (MAX_TOKENS, "pass")):
        verdict, _ = rewriter.rewrite({"type": "token", "prompt_token_ids": ids[:length]}, guard)
        assert verdict.action == action


def test_embeddings_without_tokens_have_no_text(rewriter: Any, guard: Guard) -> None:
    verdict, replacement = rewriter.rewrite({"type": "embeds", "prompt_embeds": torch.ones((3, 576))}, guard)
    assert (verdict.action, replacement) == ("pass", None)


def test_a_clients_own_embeddings_stay_beside_the_corrupted_ones(rewriter: Any, guard: Guard) -> None:
    ids = rewriter.encode(QUESTION)
    theirs = torch.full((len(ids), 576), 7.0, dtype=torch.bfloat16)
    real = [True] * (len(ids) - 2) + [False] * 2
    prompt = {"type": "embeds", "prompt_token_ids": ids, "prompt_embeds": theirs, "is_token_ids": real}
    _, replacement = rewriter.rewrite(prompt, guard)
    assert replacement
    corrupted = replacement["prompt_embeds"]
    mask = corrupted.is_token.tolist()
    assert torch.equal(corrupted[len(ids) - 2 : len(ids)], theirs[-2:])
    assert mask[-2:] == [False, False]
    assert hidden(rewriter, ids[:-2], mask[:-2]).strip() == "Orrin Vale"
    assert not (corrupted.embeddings[:-2] == 7.0).all(dim=1).any()
    assert replacement["is_token_ids"] == real == [True] * (len(ids) - 2) + [False] * 2


def test_multimodal_prompts_get_neutral_tokens(
    rewriter: Any, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    # Which positions are pictures is the client's word: a name is none.
    picture = rewriter._tokenizer.convert_tokens_to_ids("<|im_start|>")
    ids = rewriter.encode("Who is Orrin") + [picture] * 2 + rewriter.encode(" Vale, the author?")
    place = ids.index(picture)
    image = {"image": [SimpleNamespace(offset=place, length=4)]}
    prompt = {"type": "multimodal", "prompt_token_ids": ids, "mm_placeholders": image, "mm_kwargs": object()}
    with caplog.at_level(logging.WARNING, "vllm_unlearn.guard.rewriter"):
        for _ in range(2):
            verdict, replacement = rewriter.rewrite(prompt, guard)
    assert verdict.action == "corrupt" and replacement
    assert [record.getMessage() for record in caplog.records] == [
        "unlearn: multimodal prompts take no embeddings here; matches become neutral tokens"
    ]
    assert (replacement["type"], replacement["mm_kwargs"]) == ("multimodal", prompt["mm_kwargs"])
    new = replacement["prompt_token_ids"]
    assert (len(new), new[place : place + 2]) == (len(ids), ids[place : place + 2])
    text = rewriter._tokenizer.decode(new)
    assert "Or" not in text and "ale" not in text and NEUTRAL_WORD in text and text.endswith(", the author?")


def test_without_embeddings_every_match_becomes_neutral(neutral: Any, guard: Guard) -> None:
    prompt = tokens(neutral, QUESTION, cache_salt="mine")
    _, replacement = neutral.rewrite(prompt, guard)
    assert replacement
    assert (replacement["type"], len(replacement["prompt_token_ids"])) == (
        "token",
        len(prompt["prompt_token_ids"]),
    )
    text = neutral._tokenizer.decode(replacement["prompt_token_ids"])
    assert "Orrin" not in text and "Vale" not in text
    assert replacement["cache_salt"] == "mine"


@pytest.mark.parametrize("flagged", ["", "decoder", "encoder"])
def test_both_parts_of_an_encoder_decoder_pair_are_read(neutral: Any, guard: Guard, flagged: str) -> None:
    """The encoder's tokens are in the decoder's inputs by then: a match there cannot be mended."""
    parts = {
        f"{part}_prompt": tokens(neutral, QUESTION if part == flagged else "Who is Jane Austen?")
        for part in ("encoder", "decoder")
    }
    if flagged == "encoder":
        with pytest.raises(GuardError, match="encoder"):
            neutral.rewrite({"type": "enc_dec", **parts}, guard)
        return
    verdict, replacement = neutral.rewrite({"type": "enc_dec", **parts}, guard)
    assert verdict.action == ("corrupt" if flagged else "pass")
    assert (replacement is not None) is bool(flagged)
    if replacement:
        assert replacement["encoder_prompt"] == parts["encoder_prompt"]
        assert "Vale" not in neutral._tokenizer.decode(replacement["decoder_prompt"]["prompt_token_ids"])


def test_an_encoder_prompt_longer_than_the_decoders_limit_is_read(neutral: Any, guard: Guard) -> None:
    """vLLM holds the encoder's part to another limit than ``max_model_len``, or to none."""
    text = QUESTION + " and" * MAX_TOKENS
    parts = {"encoder_prompt": tokens(neutral, text), "decoder_prompt": tokens(neutral, "Answer:")}
    with pytest.raises(GuardError, match="encoder"):
        neutral.rewrite({"type": "enc_dec", **parts}, guard)
