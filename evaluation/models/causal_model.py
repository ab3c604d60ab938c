"""A Hugging Face causal LM: likelihoods of given answers, and answers, of prompts that may be corrupted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, chain, pairwise, takewhile
from pathlib import Path
from typing import Any

import torch

from ...corruption.corrupted_prompt import CorruptedPrompt
from ...corruption.embedding_table import EmbeddingTable
from .chat import Chat
from .likelihoods import Floats, Likelihood
from .results_cache import Memo

Advance = Callable[[int], None]
Ids = tuple[int, ...]

BATCH = 16
# Answers generated together, and after how many tokens those that go on are put together anew.
ANSWERS = 64
STAGE = 32
# Lengths of batches are multiples of this: fewer shapes, which memory and kernels are kept for.
MULTIPLE = 16
_CHECKED_TOKENS = 64


def unheard(count: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Input:
    """What reaches the model: tokens, with embeddings in the place of some (``corrupted``, which may be
    shorter than the prompt: the rest are tokens). The answer begins at ``start``; where there are ``ends``,
    there are several, each of which ends at one of them."""

    token_ids: tuple[int, ...]
    start: int
    corrupted: CorruptedPrompt | None = None
    ends: tuple[int, ...] = ()

    @property
    def positions(self) -> list[int]:
        """The positions at which an embedding stands in a token's place."""
        return self.corrupted.positions.tolist() if self.corrupted else []

    def append(self, token_ids: Sequence[int]) -> Input:
        """This input with more tokens at the end."""
        return Input((*self.token_ids, *token_ids), self.start, self.corrupted)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn: greedily at temperature 0; ``samples`` of each prompt."""

    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0
    samples: int = 1


@dataclass(frozen=True, slots=True)
class _Task:
    """What is asked of inputs, ``batch`` at a time: ``name`` tells it from other tasks, and JSON can
    hold what ``pack`` makes of a result."""

    name: str
    batch: int
    run: Callable[[list[Input]], list[Any]]
    pack: Callable[[Any], Any] = list
    unpack: Callable[[Any], Any] = list


class CausalModel:
    """A Hugging Face causal LM that reads and answers prompts in batches of about equal length."""

    def __init__(
        self,
        folder: Path,
        dtype: torch.dtype = torch.bfloat16,
        device: str = "cpu",
        memo: Memo | None = None,
    ) -> None:
        """``memo`` keeps what is asked without corruption. Raises ``OSError`` where ``folder`` holds no
        model, ``ValueError`` where its tokenizer has no chat template."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.folder = folder
        self.dtype = dtype
        self.chat = Chat(AutoTokenizer.from_pretrained(folder))
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        self._model = model.eval().to(device)
        self._embed: Any = self._model.get_input_embeddings()
        self._device = device
        self._memo = memo

    def likelihoods(self, inputs: Sequence[Input], track: Advance = unheard) -> list[Likelihood]:
        """The likelihood of each input's answer, in their order; ``track`` is told how many more are
        done."""
        task = _Task("likelihood", BATCH, self._likelihoods, Likelihood.lists, Likelihood.from_lists)
        return self._results(task, inputs, track)

    def weigh(
        self, inputs: Sequence[Input], answers: Sequence[Sequence[Ids]], track: Advance = unheard
    ) -> list[list[float]]:
        """After each input the natural log-probability of each of its ``answers``, from one run of the model.

        Its tokens from ``start`` on are left out.
        """
        asked = []
        for one, several in zip(inputs, answers, strict=True):
            tokens = [*one.token_ids[: one.start], *chain.from_iterable(several)]
            ends = accumulate(map(len, several), initial=one.start)
            asked.append(Input(tuple(tokens), one.start, one.corrupted, tuple(ends)[1:]))
        # Prompts of a batch end far apart, and the logits between cost a processor more than the model.
        batch = 1 if self._device == "cpu" else BATCH
        return self._results(_Task("weights", batch, self._weigh), asked, track)

    def generate(
        self, inputs: Sequence[Input], sampling: Sampling, track: Advance = unheard
    ) -> list[list[str]]:
        """``sampling.samples`` answers to each input, whose tokens from ``start`` on are left out."""
        asked = [Input(i.token_ids[: i.start], i.start, i.corrupted) for i in inputs]
        batch = max(1, ANSWERS // sampling.samples)
        task = _Task(json.dumps(asdict(sampling)), batch, lambda group: self._answers(group, sampling))
        return self._results(task, asked, track)

    def check(self, table: EmbeddingTable) -> None:
        """Raise ``ValueError`` unless the model reads its embeddings as ``table`` gives them.

        Models that scale ``inputs_embeds`` themselves do not (Granite); Gemma scales in its embedding
        module, before them.
        """
        tokens = list(range(0, table.vocabulary, max(1, table.vocabulary // _CHECKED_TOKENS)))
        with torch.inference_mode():
            rows = self._embed(torch.tensor(tokens, device=self._device)).cpu()
        if not torch.allclose(rows.float(), table.rows(tokens, self.dtype).float(), rtol=1e-2, atol=1e-6):
            raise ValueError(
                f"the embeddings of {table.folder} are not those that transformers gives the model: it "
                "scales them after the place where corrupted ones come in, so it cannot be measured here"
            )

    def _results(self, task: _Task, inputs: Sequence[Input], track: Advance) -> list[Any]:
        """The result of each input; of one without corruption, asked once and for all."""
        keys = [_key(task.name, one) for one in inputs]
        results: dict[str, Any] = {}
        if self._memo:
            for key, one in zip(keys, inputs, strict=True):
                if not one.corrupted and (packed := self._memo.get(key)) is not None:
                    results[key] = task.unpack(packed)
        left = {key: one for key, one in zip(keys, inputs, strict=True) if key not in results}
        times = Counter(keys)
        track(sum(times[key] for key in results))
        for batch in _batches(left, task.batch):
            group = [left[key] for key in batch]
            new = dict(zip(batch, task.run(group), strict=True))
            results |= new
            if self._memo and not group[0].corrupted:
                self._memo.put({key: task.pack(result) for key, result in new.items()})
            track(sum(times[key] for key in batch))
        return [results[key] for key in keys]

    @torch.inference_mode()
    def _likelihoods(self, group: list[Input]) -> list[Likelihood]:
        # Padded on the right: no real token attends to what stands after it.
        length = _pad(max(len(one.token_ids) for one in group))
        first = min(one.start for one in group)
        fed, _ = self._feed(group, length, left=False)
        logits = self._model(**fed, use_cache=False, logits_to_keep=length - first + 1).logits
        answers = []
        for row, one in enumerate(group):
            of_answer = logits[row, one.start - first : len(one.token_ids) - first]
            answers.append(_likelihood(of_answer.float(), one))
        return answers

    @torch.inference_mode()
    def _weigh(self, group: list[Input]) -> list[list[float]]:
        length = _pad(max(len(one.token_ids) for one in group))
        first = min(one.start for one in group)
        fed, _ = self._feed(group, length, left=False)
        places, mask = _set_side_by_side(group, length)
        fed |= {"position_ids": places.to(self._device), "attention_mask": mask.to(self._device, self.dtype)}
        logits = self._model(**fed, use_cache=False, logits_to_keep=length - first + 1).logits
        return [list(_weights(logits[row], one, first - 1)) for row, one in enumerate(group)]

    @torch.inference_mode()
    def _answers(self, group: list[Input], sampling: Sampling) -> list[list[str]]:
        rows = list(chain.from_iterable([one] * sampling.samples for one in group))
        texts: list[str] = []
        with torch.random.fork_rng():
            torch.manual_seed(int(_key(str(sampling.seed), group[0])[:15], 16))
            for first in range(0, len(rows), ANSWERS):
                texts += self._generate(rows[first : first + ANSWERS], sampling)
        return [texts[n * sampling.samples : (n + 1) * sampling.samples] for n in range(len(group))]

    def _generate(self, rows: list[Input], sampling: Sampling) -> list[str]:
        """One answer a row; rows that have ended no longer hold up the others."""
        answers: list[list[int]] = [[] for _ in rows]
        left = list(range(len(rows)))
        for done in range(0, sampling.max_new_tokens, STAGE):
            limit = min(STAGE, sampling.max_new_tokens - done)
            fed = [rows[row].append(answers[row]) for row in left]
            said = self._continue(fed, limit, sampling.temperature) if left else []
            for row, tokens in zip(left, said, strict=True):
                answers[row] += tokens
            left = [row for row, tokens in zip(left, said, strict=True) if len(tokens) == limit]
        return [text.strip() for text in self.chat.tokenizer.batch_decode(answers, skip_special_tokens=True)]

    def _continue(self, rows: list[Input], limit: int, temperature: float) -> list[list[int]]:
        """At most ``limit`` tokens after each row, without the end token."""
        fed, mask = self._feed(rows, _pad(max(len(one.token_ids) for one in rows)), left=True)
        before = fed["input_ids"].shape[1] if "input_ids" in fed else 0
        ends = {self.chat.end, self.chat.tokenizer.eos_token_id}
        drawn = {"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {}
        out = self._model.generate(
            **fed,
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=temperature > 0,
            eos_token_id=list(ends),
            pad_token_id=self.chat.end,
            **drawn,
        )
        return [list(takewhile(lambda token: token not in ends, row)) for row in out[:, before:].tolist()]

    def _feed(self, group: Sequence[Input], length: int, left: bool) -> tuple[dict[str, Any], torch.Tensor]:
        """The model's inputs, padded to ``length``, and the mask of shape (inputs, length) of real ones."""
        ids = torch.full((len(group), length), self.chat.end)
        mask = torch.zeros((len(group), length), dtype=torch.long)
        before = [length - len(one.token_ids) if left else 0 for one in group]
        for row, (one, offset) in enumerate(zip(group, before, strict=True)):
            place = slice(offset, offset + len(one.token_ids))
            ids[row, place] = torch.tensor(one.token_ids)
            mask[row, place] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        if not any(one.corrupted for one in group):
            return {"input_ids": ids}, mask
        embeddings = self._embed(ids).clone()
        for row, (one, offset) in enumerate(zip(group, before, strict=True)):
            if one.corrupted and (positions := one.positions):
                places = torch.tensor(positions, device=self._device) + offset
                embeddings[row, places] = one.corrupted.rows.to(embeddings)
        return {"inputs_embeds": embeddings}, mask


def _likelihood(logits: torch.Tensor, one: Input) -> Likelihood:
    """From logits of shape (answer tokens, vocabulary)."""
    answer = torch.tensor(one.token_ids[one.start :], device=logits.device)
    log = logits.log_softmax(-1)
    share = log.exp()
    mean = (share * log).sum(-1)
    deviation = ((share * log.square()).sum(-1) - mean.square()).clamp_min(0).sqrt()
    chosen = log.gather(1, answer[:, None])[:, 0]
    return Likelihood(
        answer.cpu().numpy(), _floats(chosen), _floats(mean), _floats(deviation), log.argmax(-1).cpu().numpy()
    )


def _set_side_by_side(group: Sequence[Input], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What makes each of an input's answers follow its prompt, and none read another: the positions (inputs,
    length) and the mask (inputs, 1, length, length), 0 where a token is read."""
    places, sees = [], []
    for one in group:
        answer, place = torch.full((length,), -1), torch.arange(length)
        for number, (begin, end) in enumerate(pairwise((one.start, *one.ends))):
            answer[begin:end] = number
            place[begin:end] = torch.arange(one.start, one.start + end - begin)
        places.append(place)
        sees.append(((answer[None] == answer[:, None]) | (torch.arange(length) < one.start)).tril())
    mask = torch.zeros((len(group), 1, length, length))
    return torch.stack(places), mask.masked_fill(~torch.stack(sees)[:, None], torch.finfo(torch.bfloat16).min)


def _weights(logits: torch.Tensor, one: Input, offset: int) -> Iterator[float]:
    """The log-probability of each of an input's answers, from logits of shape (tokens, vocabulary), whose
    first is that of the token at ``offset``."""
    for begin, end in pairwise((one.start, *one.ends)):
        read = [one.start - 1, *range(begin, end - 1)]
        log = logits[[place - offset for place in read]].float().log_softmax(-1)
        yield float(log.gather(1, torch.tensor(one.token_ids[begin:end], device=log.device)[:, None]).sum())


def _floats(values: torch.Tensor) -> Floats:
    floats: Floats = values.double().cpu().numpy()
    return floats


def _key(kind: str, one: Input) -> str:
    corrupted = one.corrupted.digest(0, len(one.corrupted)) if one.corrupted else None
    asked = f"{kind} {one.start} {one.ends} {one.token_ids} {corrupted!r}"
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def _batches(inputs: dict[str, Input], size: int) -> Iterator[list[str]]:
    """Keys of inputs of like length, those without corruption apart: they run on plain token ids."""
    for kind in (False, True):
        keys = [key for key, one in inputs.items() if bool(one.corrupted) is kind]
        keys.sort(key=lambda key: len(inputs[key].token_ids), reverse=True)
        yield from (keys[first : first + size] for first in range(0, len(keys), size))


def _pad(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
