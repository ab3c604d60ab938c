"""What a model says of a given answer, token by token, and the scores of one answer made from it."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Every array has shape (tokens,); the answer's tokens end with the end of the turn.

    ``logprob`` is each token's natural log-probability; ``mean`` and ``deviation`` are those of the
    log-probability of a token drawn from the model's own distribution there, not a number where only some
    tokens' are told; ``argmax`` is the token that the model finds likeliest.
    """

    token_ids: Ids
    logprob: Floats
    mean: Floats
    deviation: Floats
    argmax: Ids

    @property
    def loss(self) -> float:
        """The mean negative log-probability of a token, in nats."""
        return -float(self.logprob.mean())

    @property
    def probability(self) -> float:
        """P(answer | prompt) ** (1 / tokens), 0 to 1 (TOFU, arXiv 2401.06121, section 2.2)."""
        return math.exp(-self.loss)

    def lists(self) -> list[list[float]]:
        """What ``from_lists`` takes, and JSON can hold."""
        arrays = (self.token_ids, self.logprob, self.mean, self.deviation, self.argmax)
        return [values.tolist() for values in arrays]

    @classmethod
    def from_lists(cls, values: list[list[float]]) -> Likelihood:
        """The likelihood that ``lists`` was made of."""
        token_ids, logprob, mean, deviation, argmax = map(np.array, values)
        return cls(token_ids, logprob, mean, deviation, argmax)


def exact_memorisation(answer: Likelihood) -> float:
    """The share of tokens that the model finds likeliest, after the true tokens before them, 0 to 1
    (Tirumala et al. 2022; OpenUnlearning, arXiv 2506.12618).

    The end token counts; whether it does in OpenUnlearning depends on its chat template.
    """
    return float((answer.argmax == answer.token_ids).mean())


def extraction_strength(answer: Likelihood) -> float:
    """1 - k / tokens, for the shortest prefix of k tokens after which greedy decoding gives the rest
    (Carlini et al. 2021; OpenUnlearning, arXiv 2506.12618); 0 where no prefix does.

    Greedy decoding gives the rest exactly if, given the true tokens, each next one is the likeliest.
    """
    wrong = np.flatnonzero(answer.argmax != answer.token_ids)
    prefix = int(wrong[-1]) + 1 if len(wrong) else 0
    return 1 - prefix / len(answer.token_ids)


def min_k(answer: Likelihood, share: float) -> float:
    """The mean log-probability of the least likely ``share`` of tokens, rounded up (Min-K % Prob,
    Shi et al., arXiv 2310.16789). Higher for texts that were learned."""
    return _mean_of_least(answer.logprob, share)


def min_k_plus(answer: Likelihood, share: float) -> float:
    """As ``min_k``, of log-probabilities standardised by what the model expects there (Min-K%++,
    Zhang et al., arXiv 2404.02936, equation 3)."""
    return _mean_of_least((answer.logprob - answer.mean) / np.maximum(answer.deviation, 1e-6), share)


def zlib_loss(answer: Likelihood, text: str) -> float:
    """The loss over the text's compressed length in bytes (Carlini et al. 2021, section 5.2).

    Lower for texts that were learned.
    """
    return answer.loss / len(zlib.compress(text.encode()))


def _mean_of_least(values: Floats, share: float) -> float:
    if not 0 < share <= 1:
        raise ValueError(f"the share of tokens lies between 0 and 1, not at {share}")
    count = math.ceil(share * len(values))
    return float(np.sort(values)[:count].mean())
