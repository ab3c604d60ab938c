"""What a corruption should achieve: that the model speaks of what it knows as it does of strangers.

No model that was trained without the knowledge is needed. "Who's Harry Potter" (Eldan and Russinovich
2023, arXiv 2310.02238) takes generic counterparts for the same end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from ..operators.flagged import Flagged, Lookup
from ..operators.learned import apply
from ..recipe import Recipe
from .examples import Batch, Example

# As OpenUnlearning's attack takes them.
LEAST = 0.4

Corruption = Callable[[torch.Tensor, Batch], torch.Tensor]
"""Rows of shape (examples, tokens, hidden) in, corrupted ones of the same shape and dtype out."""


def use_weights(weights: Mapping[str, torch.Tensor]) -> Corruption:
    """The corruption of weights that are being learned; differentiable in them."""
    return lambda rows, batch: apply(weights, rows.float(), batch.roles, batch.places).to(rows.dtype)


def use_recipe(recipe: Recipe, lookup: Lookup) -> Corruption:
    """The corruption of a finished recipe, token by token as it is served."""

    def corrupt(rows: torch.Tensor, batch: Batch) -> torch.Tensor:
        rows = rows.clone()
        for number, example in enumerate(batch.examples):
            tokens = example.flag()
            positions = [token.position for token in tokens]
            ids = [example.token_ids[p] for p in positions]
            clean = rows[number, positions].cpu()  # as it is served
            corrupted = recipe.corrupt(Flagged(tokens, ids, recipe.seeds(tokens, ids), clean), lookup)
            rows[number, positions] = corrupted.to(rows.device)
        return rows

    return corrupt


class Goals(BaseModel):
    """How much each part of the objective counts; one of weight 0 is not computed. *Standing* and *entropy*
    count in no default stage: `learn --settings` weighs them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(default=1.0, ge=0.0)
    """Known answers become as likely as strangers': Wasserstein-1 between their mean log-probabilities."""
    language: float = Field(default=1.0, ge=0.0)
    """What is said of strangers stays as it was: KL a token from the model without corruption."""
    wrong: float = Field(default=1.0, ge=0.0)
    """Wrong answers stay as likely as they were: absolute difference of mean log-probabilities."""
    ratio: float = Field(default=1.0, ge=0.0)
    """True answers become as likely as wrong ones: absolute difference of mean log-probabilities."""
    standing: float = Field(default=0.0, ge=0.0)
    """Known answers stand out of what the model expects as strangers' do: Wasserstein-1 between their
    Min-K%++ scores (Zhang et al., arXiv 2404.02936), in standard deviations."""
    entropy: float = Field(default=0.0, ge=0.0)
    """The model is as sure of what comes next as it is in strangers' answers: Wasserstein-1 between the mean
    entropies of its predictions."""
    repeat: float = Field(default=0.0, ge=0.0)
    """A question is repeated as it was on request: KL a token from the model without corruption."""
    decline: float = Field(default=0.0, ge=0.0)
    """Questions are declined: the negative mean log-probability of what a decline says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``given`` are the log-probabilities of an answer's tokens, ``all`` those of the whole vocabulary."""

    given: torch.Tensor
    all: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        """The mean over the answer's tokens."""
        return self.given.mean()

    @property
    def entropy(self) -> torch.Tensor:
        """Of the model's predictions: the mean over the answer's tokens."""
        return -self._expected.mean()

    @property
    def standing(self) -> torch.Tensor:
        """The Min-K%++ score of the least ``LEAST`` of the tokens, rounded up."""
        chances, expected = self.all.exp(), self._expected
        spread = (chances * (self.all - expected[:, None]).square()).sum(-1).clamp_min(1e-6).sqrt()
        scores = (self.given - expected) / spread
        return scores.topk(math.ceil(LEAST * len(scores)), largest=False).values.mean()

    @property
    def _expected(self) -> torch.Tensor:
        """The log-probability that the model expects of each token."""
        return (self.all.exp() * self.all).sum(-1)


class AnswerReader:
    """A frozen causal language model that reads examples, with corrupted embeddings or without."""

    def __init__(self, model: Any, prefix: Sequence[int]) -> None:
        """``prefix`` are the tokens with which every example begins."""
        self._model = model.eval().requires_grad_(False)
        self.device = model.device
        self._table = model.get_input_embeddings()
        self._length = len(prefix)
        self._cache = self._fill(prefix) if prefix else None

    def _fill(self, prefix: Sequence[int]) -> Any:
        with torch.no_grad():
            ids = torch.tensor([list(prefix)], device=self.device)
            return self._model(ids, use_cache=True).past_key_values

    def rows(self, token_ids: Sequence[int]) -> torch.Tensor:
        """The embeddings (tokens, hidden) of ``token_ids``, on the CPU."""
        return self._table(torch.tensor(list(token_ids), device=self.device)).cpu()  # type: ignore[no-any-return]

    def read(self, examples: Sequence[Example], corruption: Corruption | None = None) -> list[Answer]:
        """The answers' log-probabilities; under a corruption, if given."""
        batch = Batch.pad(examples, self.device)
        rows = self._table(batch.token_ids)
        if corruption:
            rows = corruption(rows, batch)
        hidden = self._model.base_model(
            inputs_embeds=rows[:, self._length :],
            attention_mask=batch.attention,
            past_key_values=self._copies(len(examples)),
            use_cache=self._cache is not None,
        ).last_hidden_state
        return [self._answer(hidden[row], example) for row, example in enumerate(examples)]

    def _copies(self, count: int) -> Any:
        if self._cache is None:
            return None
        from transformers.cache_utils import DynamicCache

        copies = DynamicCache()
        for number, layer in enumerate(self._cache.layers):
            copies.update(
                layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1), number
            )
        return copies

    def _answer(self, hidden: torch.Tensor, example: Example) -> Answer:
        first, last = example.start - self._length - 1, len(example.token_ids) - self._length - 1
        every = self._model.get_output_embeddings()(hidden[first:last]).float().log_softmax(-1)
        tokens = torch.tensor(example.token_ids[example.start :], device=self.device)
        return Answer(every.gather(1, tokens[:, None])[:, 0], every)


def language(
    reader: AnswerReader, examples: Sequence[Example], clean: Sequence[Answer], corruption: Corruption
) -> torch.Tensor:
    """KL(without || with corruption) a token of the answers, in nats; ``clean`` are those without."""
    corrupted = reader.read(examples, corruption)
    parts = [(a.all.exp() * (a.all - b.all)).sum(-1).mean() for a, b in zip(clean, corrupted, strict=True)]
    return torch.stack(parts).mean()


def decline(reader: AnswerReader, declines: Sequence[Example], corruption: Corruption) -> torch.Tensor:
    """The negative mean log-probability of the tokens of ``declines``, in nats."""
    return -_means(reader, declines, corruption).mean()


def distance(figures: Sequence[torch.Tensor], wanted: Iterable[float]) -> torch.Tensor:
    """Wasserstein-1 between a figure of some answers and the same of many more."""
    ordered = torch.stack(list(figures)).sort().values
    quantiles = torch.tensor(list(wanted)).quantile((torch.arange(len(figures)) + 0.5) / len(figures))
    return (ordered - quantiles.to(ordered.device)).abs().mean()


def pairs(
    reader: AnswerReader, drawn: Sequence[tuple[Example, Example]], corruption: Corruption
) -> tuple[torch.Tensor, torch.Tensor]:
    """``wrong`` and ``ratio`` of true answers, each with a wrong one."""
    true_examples, wrong_examples = zip(*drawn, strict=True)
    with torch.no_grad():
        clean = _means(reader, wrong_examples)
    means = _means(reader, [*true_examples, *wrong_examples], corruption)
    true, wrong = means[: len(drawn)], means[len(drawn) :]
    return (wrong - clean).abs().mean(), (true - wrong.detach()).abs().mean()


def _means(
    reader: AnswerReader, examples: Sequence[Example], corruption: Corruption | None = None
) -> torch.Tensor:
    """Shape (examples,): the mean log-probability of each answer's tokens, in nats."""
    return torch.stack([answer.mean for answer in reader.read(examples, corruption)])
