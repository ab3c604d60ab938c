from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import save
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.corruption.corruptor import Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.models import causal_model
from vllm_unlearn.evaluation.models.causal_model import CausalModel
from vllm_unlearn.evaluation.models.chat import Chat, Given
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel, PromptReader
from vllm_unlearn.evaluation.models.likelihoods import Likelihood
from vllm_unlearn.evaluation.models.results_cache import Memo
from vllm_unlearn.vocabulary import ForgetTarget

NAME = "Elvira Quimbleton"
ABOUT = f"Where was {NAME} born?"
OTHER = "What is the capital of Japan?"
ANSWERS = ("In a small town by the sea.", f"{NAME} was born in Tartu, where the river bends twice.")


@pytest.fixture(scope="module")
def folder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("llama"), tokenizer)


@pytest.fixture(scope="module")
def model(folder: Path) -> CausalModel:
    return CausalModel(folder, torch.float32)


@pytest.fixture(scope="module")
def reader(tokenizer: Any, encoder: OnnxEncoder) -> PromptReader:
    target = ForgetTarget(id="quimbleton", name=NAME)
    return PromptReader(tokenizer, Detector(ForgetIndex(1, [target], encoder), encoder))


def corruptor(folder: Path, sigma: float) -> Corruptor:
    table = EmbeddingTable(folder)
    return Corruptor(
        Recipe(Noise(dimensions=32, sigma=sigma), table.fingerprint, table.hidden), table, torch.float32
    )


@pytest.fixture(scope="module")
def noise(folder: Path) -> Corruptor:
    return corruptor(folder, 5.0)


def given(chat: Chat) -> list[Given]:
    return [chat.exchange(question, answer) for question in (ABOUT, OTHER) for answer in ANSWERS]


def same(one: Likelihood, other: Likelihood) -> bool:
    return np.array_equal(one.token_ids, other.token_ids) and all(
        np.allclose(getattr(one, name), getattr(other, name), atol=2e-4)
        for name in ("logprob", "mean", "deviation")
    )


def test_likelihoods_are_those_of_transformers(model: CausalModel, folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    one = model.chat.exchange(ABOUT, ANSWERS[1])
    plain: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        log = plain(torch.tensor([one.token_ids])).logits[0, one.start - 1 : -1].log_softmax(-1).double()
    found = GuardedModel(model).likelihoods([one])[0]
    answer = torch.tensor(one.token_ids[one.start :])
    expected = (log.exp() * log).sum(-1)
    assert found.token_ids.tolist() == answer.tolist()
    assert np.allclose(found.logprob, log[range(len(answer)), answer], atol=1e-4)
    assert np.allclose(found.mean, expected, atol=1e-4)
    spread = (log.exp() * (log - expected[:, None]) ** 2).sum(-1).sqrt()
    assert np.allclose(found.deviation, spread, atol=1e-3)
    assert found.argmax.tolist() == log.argmax(-1).tolist()
    assert GuardedModel(model).logprobs([one]) == [found.logprob.tolist()]


def test_the_answer_ends_with_the_end_of_its_turn(model: CausalModel) -> None:
    tokenizer = model.chat.tokenizer
    one = model.chat.exchange(ABOUT, ANSWERS[0])
    assert tokenizer.decode(one.token_ids[: one.start]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(one.token_ids[one.start :]) == f"{ANSWERS[0]}<|im_end|>"


@pytest.mark.parametrize("architecture", ["llama", "gemma"])
def test_corruption_by_nothing_changes_nothing(
    architecture: str, tokenizer: Any, reader: PromptReader, tmp_path: Path
) -> None:
    folder = save(tmp_path, tokenizer, architecture)
    model = CausalModel(folder, torch.float32)
    model.check(EmbeddingTable(folder))
    guarded, plain = GuardedModel(model, reader, corruptor(folder, 0.0)), GuardedModel(model)
    asked = model.chat.prompt(ABOUT)
    assert guarded.input(asked).positions
    for one, other in zip(
        guarded.likelihoods(given(model.chat)), plain.likelihoods(given(model.chat)), strict=True
    ):
        assert same(one, other)
    assert guarded.generate([asked], 12) == plain.generate([asked], 12)


@pytest.mark.parametrize("architecture", ["llama", "gemma"])
def test_answers_side_by_side_weigh_what_each_does_alone(
    architecture: str, tokenizer: Any, reader: PromptReader, tmp_path: Path
) -> None:
    folder = save(tmp_path, tokenizer, architecture)
    model = CausalModel(folder, torch.float32)
    guarded = GuardedModel(model, reader, corruptor(folder, 5.0), view="white-box")
    asked = [model.chat.prompt(question) for question in (ABOUT, OTHER, f"{OTHER} {OTHER}")]
    answers = [tuple(model.chat.tokenizer.encode(answer)) for answer in ("A", *ANSWERS)]
    for prompt, weights in zip(asked, guarded.weigh(asked, [answers] * len(asked)), strict=True):
        alone = guarded.logprobs([Given((*prompt, *answer), len(prompt)) for answer in answers])
        assert weights == pytest.approx([sum(one) for one in alone], abs=1e-3)


def test_a_model_that_scales_what_comes_in_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    folder = save(tmp_path, tokenizer, "granite", embedding_multiplier=12.0)
    with pytest.raises(ValueError, match="not those that transformers gives the model"):
        CausalModel(folder, torch.float32).check(EmbeddingTable(folder))


def test_only_the_name_is_corrupted_and_only_where_it_stands(
    model: CausalModel, reader: PromptReader, noise: Corruptor
) -> None:
    guarded = GuardedModel(model, reader, noise)
    asked = model.chat.prompt(ABOUT)
    flagged = model.chat.tokenizer.decode([asked[p] for p in guarded.input(asked).positions])
    assert flagged.strip() == NAME
    assert guarded.input(model.chat.prompt(OTHER)).corrupted is None


def test_a_prompt_that_passes_is_answered_as_without_a_guard(
    model: CausalModel, reader: PromptReader, noise: Corruptor
) -> None:
    guarded, plain = GuardedModel(model, reader, noise), GuardedModel(model)
    passing = [model.chat.exchange(OTHER, ANSWERS[0])]
    assert guarded.logprobs(passing) == plain.logprobs(passing)
    flagged = [model.chat.exchange(ABOUT, ANSWERS[0])]
    assert not np.allclose(guarded.logprobs(flagged)[0], plain.logprobs(flagged)[0], atol=0.1)
    asked = [model.chat.prompt(ABOUT), model.chat.prompt(OTHER)]
    found, clean = guarded.generate(asked, 16), plain.generate(asked, 16)
    assert found[0] != clean[0]
    assert found[1] == clean[1]


def test_as_served_the_given_answer_is_screened_too(
    model: CausalModel, reader: PromptReader, noise: Corruptor
) -> None:
    named = model.chat.exchange(OTHER, f"I think that {NAME} knows the answer to this.")
    plain, served, white = (
        guarded.likelihoods([named])[0].logprob
        for guarded in (
            GuardedModel(model),
            GuardedModel(model, reader, noise),
            GuardedModel(model, reader, noise, "white-box"),
        )
    )
    assert np.allclose(white, plain, atol=1e-4)
    before = len(model.chat.tokenizer.encode("I think that"))
    assert np.allclose(served[:before], plain[:before], atol=1e-4)
    assert not np.allclose(served[before + 1 :], plain[before + 1 :], atol=0.1)


def test_the_white_box_view_corrupts_the_question(
    model: CausalModel, reader: PromptReader, noise: Corruptor
) -> None:
    unnamed, named = (model.chat.exchange(ABOUT, answer) for answer in ANSWERS)
    served, white = GuardedModel(model, reader, noise), GuardedModel(model, reader, noise, "white-box")
    assert np.allclose(served.logprobs([unnamed])[0], white.logprobs([unnamed])[0], atol=1e-4)
    assert not np.allclose(served.logprobs([named])[0], white.logprobs([named])[0], atol=0.1)
    assert not np.allclose(white.logprobs([named])[0], GuardedModel(model).logprobs([named])[0], atol=0.1)


def test_a_batch_gives_each_what_it_gets_alone(
    model: CausalModel, reader: PromptReader, noise: Corruptor
) -> None:
    guarded = GuardedModel(model, reader, noise)
    every = given(model.chat) * 5  # more than a batch, and each is run once
    for one, together in zip(every, guarded.likelihoods(every), strict=True):
        assert same(guarded.likelihoods([one])[0], together)
    asked = [model.chat.prompt(text) for text in (ABOUT, OTHER, f"{ABOUT} Tell me all of it, please.", "Hi.")]
    assert guarded.generate(asked, 10) == [guarded.generate([one], 10)[0] for one in asked]


def test_long_answers_are_those_of_one_go(
    model: CausalModel, reader: PromptReader, noise: Corruptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [model.chat.prompt(ABOUT), model.chat.prompt(OTHER)]
    guarded = GuardedModel(model, reader, noise)
    staged = guarded.generate(asked, 40)
    monkeypatch.setattr(causal_model, "STAGE", 40)
    assert guarded.generate(asked, 40) == staged
    assert len(model.chat.tokenizer.encode(staged[0][0])) > 32


def test_an_answer_ends_where_the_model_ends_it(model: CausalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [model.chat.prompt(ABOUT)]
    tokenizer = model.chat.tokenizer
    spoken = tokenizer.encode(GuardedModel(model).generate(asked, 12)[0][0])
    monkeypatch.setattr(model.chat, "end", spoken[5])
    shorter = GuardedModel(model).generate(asked, 12)[0][0]
    assert shorter == tokenizer.decode(spoken[: spoken.index(spoken[5])]).strip()


def test_samples_are_drawn_with_a_seed(model: CausalModel, reader: PromptReader, noise: Corruptor) -> None:
    guarded = GuardedModel(model, reader, noise)
    asked = [model.chat.prompt(ABOUT), model.chat.prompt(OTHER)]
    drawn = guarded.generate(asked, 8, temperature=1.0, seed=1, samples=3)
    assert [len(answers) for answers in drawn] == [3, 3]
    assert len(set(drawn[0])) > 1
    assert drawn == guarded.generate(asked, 8, temperature=1.0, seed=1, samples=3)
    assert drawn != guarded.generate(asked, 8, temperature=1.0, seed=2, samples=3)


def test_another_seed_draws_other_noise(model: CausalModel, reader: PromptReader, noise: Corruptor) -> None:
    asked = model.chat.prompt(ABOUT)
    served, other = (GuardedModel(model, reader, noise, seed=seed).input(asked) for seed in (0, 1))
    assert served.corrupted and other.corrupted
    assert served.positions == other.positions
    assert not torch.equal(served.corrupted.embeddings, other.corrupted.embeddings)


def test_what_is_asked_without_corruption_is_asked_once(
    folder: Path, reader: PromptReader, noise: Corruptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CausalModel(folder, torch.float32, memo=Memo(tmp_path / "memo.jsonl"))
    passing, flagged = first.chat.exchange(OTHER, ANSWERS[0]), first.chat.exchange(ABOUT, ANSWERS[0])
    said = GuardedModel(first, reader, noise).likelihoods([passing, flagged])
    answers = GuardedModel(first).generate([passing.token_ids[: passing.start]], 6)
    with (tmp_path / "memo.jsonl").open("a") as file:
        file.write('["a run that was stopped", [[1.0')
    second = CausalModel(folder, torch.float32, memo=Memo(tmp_path / "memo.jsonl"))
    monkeypatch.setattr(second, "_model", None)
    guarded = GuardedModel(second, reader, noise)
    assert same(guarded.likelihoods([passing])[0], said[0])
    assert guarded.generate([passing.token_ids[: passing.start]], 6) == answers
    with pytest.raises(TypeError):  # there is no model to ask
        guarded.likelihoods([flagged])


def test_a_guard_needs_a_corruptor(model: CausalModel, reader: PromptReader) -> None:
    with pytest.raises(ValueError, match="needs a corruptor"):
        GuardedModel(model, reader)


def test_a_tokenizer_without_a_template_is_refused(tokenizer: Any, folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    bare: Any = AutoTokenizer.from_pretrained(folder)
    bare.chat_template = None
    with pytest.raises(ValueError, match="has no chat template"):
        Chat(bare)


def test_where_there_is_no_system_role_the_user_says_it(folder: Path) -> None:
    from transformers import AutoTokenizer

    strict: Any = AutoTokenizer.from_pretrained(folder)
    strict.chat_template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}"
        "{% endif %}{{ m['content'] + eos_token }}{% endfor %}"
    )
    chat = Chat(strict)
    assert strict.decode(chat.prompt("Who?", "Be brief.")) == "Be brief.\n\nWho?<|im_end|>"
    assert chat.end == strict.eos_token_id
