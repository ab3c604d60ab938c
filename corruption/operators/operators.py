"""ECO's corruption operators (Liu et al. 2024, arXiv 2406.07933, section 3.3).

Each maps token embeddings of shape (tokens, hidden) to corrupted ones of the same shape. The same
seed gives the same corruption, on every machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...vocabulary import Reach, Role

if TYPE_CHECKING:  # the settings are read without it: it takes a second to import
    import torch

    from .flagged import Flagged, Lookup


class Operator(BaseModel, ABC):
    """Parameters of a corruption, and the corruption itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def reach(self) -> Reach:
        """What has to be flagged around a match."""
        return "match"

    @abstractmethod
    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor], lookup: Lookup) -> torch.Tensor:
        """Return corrupted rows (tokens, hidden), of the dtype of ``flagged.rows``. Computed in float32.
        ``lookup`` finds the rows of other tokens, in the same dtype."""

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights that it needs, for embeddings ``hidden`` wide: ECO's have none."""
        return {}

    def idle_roles(self, weights: Mapping[str, torch.Tensor]) -> list[Role]:
        """The roles whose tokens ``weights`` leave as they are."""
        return []


class RowOperator(Operator):
    """Corrupts each row by itself."""

    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor], lookup: Lookup) -> torch.Tensor:
        """As ``Operator.corrupt``."""
        import torch

        rows = flagged.rows
        if not len(rows):
            return rows
        pairs = zip(rows, flagged.seeds, strict=True)
        return torch.stack([self._corrupt_row(row.float(), seed).to(rows.dtype) for row, seed in pairs])

    @abstractmethod
    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        """Return the corrupted form of one float32 row of shape (hidden,)."""


class Noise(RowOperator):
    """Gaussian noise on the first ``dimensions`` entries: e[:n] + sigma * N(0, 1)."""

    operator: Literal["noise"] = "noise"
    dimensions: int = Field(default=32, ge=1)
    sigma: float = Field(default=100.0, ge=0.0, allow_inf_nan=False)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        import torch

        generator = torch.Generator().manual_seed(seed)
        count = min(self.dimensions, len(row))
        row = row.clone()
        row[:count] += self.sigma * torch.randn(count, generator=generator)
        return row


class ZeroOut(RowOperator):
    """The ``top`` entries of largest magnitude become zero."""

    operator: Literal["zero_out"] = "zero_out"
    top: int = Field(default=288, ge=1)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        return row.scatter(0, row.abs().topk(min(self.top, len(row))).indices, 0.0)


class SignFlip(RowOperator):
    """The ``top`` entries of largest magnitude change their sign."""

    operator: Literal["sign_flip"] = "sign_flip"
    top: int = Field(default=288, ge=1)

    def _corrupt_row(self, row: torch.Tensor, seed: int) -> torch.Tensor:
        indices = row.abs().topk(min(self.top, len(row))).indices
        return row.scatter(0, indices, -row[indices])


AnyOperator = Annotated[Noise | ZeroOut | SignFlip, Field(discriminator="operator")]
