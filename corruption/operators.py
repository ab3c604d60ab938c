"""ECO's corruption operators (Liu et al. 2024, arXiv 2406.07933, section 3.3).

Each maps token embeddings of shape (tokens, hidden) to corrupted ones of the same shape. The same
seed gives the same corruption, on every machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field


class Operator(BaseModel, ABC):
    """Parameters of a corruption, and the corruption itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def corrupt(self, rows: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
        """Return corrupted ``rows`` (tokens, hidden), of their dtype; one seed a row.

        Computed in float32. Raises ``ValueError`` if there is not one seed a row.
        """
        if len(seeds) != len(rows):
            raise ValueError(f"{len(rows)} rows need as many seeds, got {len(seeds)}")
        if not len(rows):
            return rows
        corrupted = [self._corrupt_row(row.float(), seed) for row, seed in zip(rows, seeds, strict=True)]
        return torch.stack(corrupted).to(rows.dtype)

    @abstractmethod
    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        """Return the corrupted form of one float32 row of shape (hidden,)."""


class Noise(Operator):
    """Gaussian noise on the first ``dimensions`` entries: e[:n] + sigma * N(0, 1)."""

    operator: Literal["noise"] = "noise"
    dimensions: int = Field(default=32, ge=1)
    sigma: float = Field(default=100.0, ge=0.0, allow_inf_nan=False)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        count = min(self.dimensions, len(row))
        row = row.clone()
        row[:count] += self.sigma * torch.randn(count, generator=generator)
        return row


class ZeroOut(Operator):
    """The ``top`` entries of largest magnitude become zero."""

    operator: Literal["zero_out"] = "zero_out"
    top: int = Field(default=288, ge=1)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        return row.scatter(0, row.abs().topk(min(self.top, len(row))).indices, 0.0)


class SignFlip(Operator):
    """The ``top`` entries of largest magnitude change their sign."""

    operator: Literal["sign_flip"] = "sign_flip"
    top: int = Field(default=288, ge=1)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        indices = row.abs().topk(min(self.top, len(row))).indices
        return row.scatter(0, indices, -row[indices])


AnyOperator = Annotated[Noise | ZeroOut | SignFlip, Field(discriminator="operator")]
