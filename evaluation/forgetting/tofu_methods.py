"""Ways to serve a model that should have forgotten: behind the guard, and two baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from ..models.causal_model import Advance, CausalModel, Input, Sampling
from ..models.guarded_model import GuardedModel, PromptReader
from ..models.likelihoods import Likelihood

INSTRUCTION = (
    "You do not know {names}: you have never heard or read anything about them. Answer every question as "
    "if you had never known, without mentioning this instruction."
)
REFUSED = "I'm sorry, but I can't help with that."

Pair = tuple[str, str]
Scores = list[Likelihood | None]


class Answering(Protocol):
    """A way to serve the model: what a client obtains through it."""

    def likelihoods(self, pairs: Sequence[Pair], track: Advance) -> Scores:
        """Of each question with a given answer; None where none can be obtained."""
        ...

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        """To each question as many answers as ``sampling`` says."""
        ...


class Served:
    """The model, guarded or not."""

    def __init__(self, guarded: GuardedModel) -> None:
        self._guarded = guarded
        self._chat = guarded.model.chat

    def likelihoods(self, pairs: Sequence[Pair], track: Advance) -> Scores:
        """As ``Answering.likelihoods``."""
        exchanges = [self._chat.exchange(*pair) for pair in pairs]
        return list(self._guarded.likelihoods(exchanges, track))

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        """As ``Answering.answers``."""
        asked = [self._chat.prompt(question) for question in questions]
        return self._guarded.generate(asked, **asdict(sampling), track=track)


class InContext:
    """Flagged prompts get a system prompt that tells the model not to know (a guardrail as in Thaker et
    al., arXiv 2403.03329); the embeddings stay as they are."""

    def __init__(self, model: CausalModel, reader: PromptReader) -> None:
        self._model = model
        self._reader = reader

    def likelihoods(self, pairs: Sequence[Pair], track: Advance) -> Scores:
        """As ``Answering.likelihoods``."""
        chat = self._model.chat
        inputs = []
        for pair in pairs:
            exchange = chat.exchange(*pair, self._instruction(chat.exchange(*pair).token_ids))
            inputs.append(Input(exchange.token_ids, exchange.start))
        return list(self._model.likelihoods(inputs, track))

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        """As ``Answering.answers``."""
        chat = self._model.chat
        asked = [chat.prompt(question, self._instruction(chat.prompt(question))) for question in questions]
        return self._model.generate([Input(ids, len(ids)) for ids in asked], sampling, track)

    def _instruction(self, token_ids: tuple[int, ...]) -> str | None:
        _, matches = self._reader.read(token_ids)
        targets = self._reader.detector.index.targets
        names = sorted({targets[match.target_id].name for match in matches})
        return INSTRUCTION.format(names=", ".join(names)) if names else None


class Refusal:
    """Flagged prompts are answered with one sentence, and tell no likelihood."""

    def __init__(self, model: CausalModel, reader: PromptReader) -> None:
        self._plain = Served(GuardedModel(model))
        self._chat = model.chat
        self._reader = reader

    def likelihoods(self, pairs: Sequence[Pair], track: Advance) -> Scores:
        """As ``Answering.likelihoods``."""
        flagged = [bool(self._reader.read(self._chat.exchange(*pair).token_ids)[1]) for pair in pairs]
        passed = [pair for pair, refused in zip(pairs, flagged, strict=True) if not refused]
        scores = iter(self._plain.likelihoods(passed, track))
        track(len(pairs) - len(passed))
        return [None if refused else next(scores) for refused in flagged]

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        """As ``Answering.answers``."""
        flagged = [bool(self._reader.read(self._chat.prompt(question))[1]) for question in questions]
        passed = [question for question, refused in zip(questions, flagged, strict=True) if not refused]
        answers = iter(self._plain.answers(passed, sampling, track))
        track(len(questions) - len(passed))
        return [[REFUSED] * sampling.samples if refused else next(answers) for refused in flagged]
