"""What an operator is given: the flagged tokens of a prompt, with their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ...vocabulary import FlaggedToken

Lookup = Callable[[Sequence[int]], torch.Tensor]
"""The embeddings (tokens, hidden) of token ids."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """The flagged tokens of a prompt, in their order, each with its id, its seed and its embedding.

    ``rows`` has shape (tokens, hidden). Raises ``ValueError`` where the lengths differ.
    """

    tokens: Sequence[FlaggedToken]
    token_ids: Sequence[int]
    seeds: Sequence[int]
    rows: torch.Tensor

    def __post_init__(self) -> None:
        lengths = len(self.tokens), len(self.token_ids), len(self.seeds), len(self.rows)
        if len(set(lengths)) > 1:
            raise ValueError(f"flagged tokens, ids, seeds and rows are as many as each other, got {lengths}")

    @property
    def roles(self) -> torch.Tensor:
        """Shape (tokens,): the number of each role."""
        return torch.tensor([token.role for token in self.tokens], dtype=torch.long)

    @property
    def places(self) -> torch.Tensor:
        """Shape (tokens,): how many flagged tokens stand directly before each."""
        return torch.tensor([token.place for token in self.tokens], dtype=torch.long)
