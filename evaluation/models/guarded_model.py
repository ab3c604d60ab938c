"""A causal LM behind the guard, offline: what a client of the served model could obtain."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal, Protocol

from ...classifiers.detector import Detector
from ...corruption.corrupted_prompt import CorruptedPrompt
from ...corruption.corruptor import Corruptor
from ...guard.prompts import DecodedPrompt, PromptDecoder
from ...vocabulary import Match
from .causal_model import Advance, CausalModel, Ids, Input, Sampling, unheard
from .chat import Given
from .likelihoods import Likelihood

View = Literal["as-served", "white-box"]

THREADS = 4


class Reader(Protocol):
    """Says what of a prompt is flagged."""

    def read(self, token_ids: tuple[int, ...]) -> tuple[DecodedPrompt, list[Match]]:
        """The prompt's text, and the matches in it."""
        ...

    def read_all(self, prompts: Sequence[tuple[int, ...]]) -> list[list[Match]]:
        """The matches in each prompt."""
        ...


class PromptReader:
    """Finds the forget targets in prompts, as the guard does; each prompt is read once."""

    def __init__(self, tokenizer: Any, detector: Detector) -> None:
        """``detector`` is asked from several threads. Raises ``TokenizerError`` without a fast one."""
        self.detector = detector
        self._decoder = PromptDecoder(tokenizer)
        self._read: dict[tuple[int, ...], tuple[DecodedPrompt, list[Match]]] = {}

    def read(self, token_ids: tuple[int, ...]) -> tuple[DecodedPrompt, list[Match]]:
        """The prompt's text, and the matches in it."""
        if token_ids not in self._read:
            decoded = self._decoder.decode(token_ids)
            matches = self.detector.detect(decoded.text, decoded.turns)
            self._read[token_ids] = decoded, matches
        return self._read[token_ids]

    def read_all(self, prompts: Sequence[tuple[int, ...]]) -> list[list[Match]]:
        """The matches in each prompt, read by several threads."""
        with ThreadPoolExecutor(THREADS) as pool:
            return [matches for _, matches in pool.map(self.read, prompts)]


class GuardedModel:
    """A model whose flagged prompts are corrupted; without a ``reader``, a model without a guard.

    As served, a given answer is part of the prompt, and what is flagged in it is corrupted too: echo,
    assistant prefill and prompt log-probabilities pass the guard. In the white-box view only what
    stands before the answer is, as while it is generated.
    """

    def __init__(
        self,
        model: CausalModel,
        reader: Reader | None = None,
        corruptor: Corruptor | None = None,
        view: View = "as-served",
        seed: int = 0,
    ) -> None:
        """``seed`` other than 0 draws other noise than the one that is served. Raises ``ValueError`` for
        a reader without a corruptor."""
        if reader and not corruptor:
            raise ValueError("a guarded model needs a corruptor beside its reader")
        self.model = model
        self._reader = reader
        self._corruptor = corruptor
        self._view = view
        self._seed = seed

    def input(self, prompt: tuple[int, ...]) -> Input:
        """What the model is given in the place of a prompt."""
        return self._inputs([(prompt, Given(prompt, len(prompt)))])[0]

    def likelihoods(self, prompts: Sequence[Given], track: Advance = unheard) -> list[Likelihood]:
        """What the model says of each given answer."""
        served = self._view == "as-served"
        inputs = self._inputs([(p.token_ids if served else p.token_ids[: p.start], p) for p in prompts])
        return self.model.likelihoods(inputs, track)

    def weigh(
        self, prompts: Sequence[Ids], answers: Sequence[Sequence[Ids]], track: Advance = unheard
    ) -> list[list[float]]:
        """For each prompt the natural log-probability with which the model writes each of its ``answers``."""
        inputs = self._inputs([(ids, Given(ids, len(ids))) for ids in prompts])
        return self.model.weigh(inputs, answers, track)

    def logprobs(self, prompts: Sequence[Given]) -> list[list[float]]:
        """The natural log-probability of every token of each given answer."""
        return [answer.logprob.tolist() for answer in self.likelihoods(prompts)]

    def generate(
        self,
        prompts: Sequence[tuple[int, ...]],
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        samples: int = 1,
        track: Advance = unheard,
    ) -> list[list[str]]:
        """``samples`` answers to each prompt, greedy at temperature 0."""
        inputs = self._inputs([(ids, Given(ids, len(ids))) for ids in prompts])
        return self.model.generate(inputs, Sampling(max_new_tokens, temperature, seed, samples), track)

    def _inputs(self, prompts: Sequence[tuple[tuple[int, ...], Given]]) -> list[Input]:
        if self._reader:
            self._reader.read_all([screened for screened, _ in prompts])
        return [Input(answer.token_ids, answer.start, self._corrupt(ids)) for ids, answer in prompts]

    def _corrupt(self, token_ids: tuple[int, ...]) -> CorruptedPrompt | None:
        """The prompt as the guard hands it on; None where it passes as it is."""
        if not (self._reader and self._corruptor):
            return None
        decoded, matches = self._reader.read(token_ids)
        if not matches:
            return None
        flagged = decoded.flag(matches, self._corruptor.reach)
        if self._seed:
            flagged = [replace(token, target_id=f"{self._seed}-{token.target_id}") for token in flagged]
        return self._corruptor.corrupt(token_ids, flagged)
