"""A learned corruption: an affine map of the embeddings of the tokens that are flagged.

Once per model, and then for any target: nothing in it knows a name. What it is learned from stands in
``corruption.learning.learning``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field

from ...vocabulary import GIVEN, Reach, Role
from .flagged import Flagged, Lookup
from .operators import Operator

STRENGTH = 1.2


class Learned(Operator):
    """e -> e + strength * (e' - e), with e' = e * scale + (e @ down) @ up + bias + place[i] for the i-th
    token of a run of flagged ones; ``strength`` is 1 in prompts that are to be answered.

    Each of the roles has its own weights: ``scale`` and ``bias`` of shape (roles, hidden), ``down``
    (roles, hidden, rank), ``up`` (roles, rank, hidden), ``place`` (roles, places, hidden); tokens past
    ``places`` share the last.
    """

    operator: Literal["learned"] = "learned"
    rank: int = Field(default=64, ge=1)
    places: int = Field(default=32, ge=1)
    sentence: bool = True
    """Whether the rest of the sentence around a match is corrupted as well."""

    strength: float = Field(default=STRENGTH, gt=0.0, allow_inf_nan=False)
    """Of what was learned of given replies, at a strength of 1: a map does less to people that were no part
    of its lessons, which more makes up for (docs/results/forgetting.md)."""

    @property
    def reach(self) -> Reach:
        """As ``Operator.reach``."""
        return "sentence" if self.sentence else "match"

    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor], lookup: Lookup) -> torch.Tensor:
        """As ``Operator.corrupt``; of no use to it are the seeds and other tokens' rows."""
        rows, roles = flagged.rows.float(), flagged.roles
        strengths = torch.tensor([self.strength if role in GIVEN else 1.0 for role in Role])[roles]
        mapped = apply(weights, rows, roles, flagged.places)
        return rows.lerp(mapped, strengths[:, None]).to(flagged.rows.dtype)

    def idle_roles(self, weights: Mapping[str, torch.Tensor]) -> list[Role]:
        """As ``Operator.idle_roles``."""
        return find_idle_roles(weights)

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """As ``Operator.shapes``."""
        each = {
            "scale": (hidden,),
            "bias": (hidden,),
            "down": (hidden, self.rank),
            "up": (self.rank, hidden),
            "place": (self.places, hidden),
        }
        return {name: (len(Role), *shape) for name, shape in each.items()}

    def initial(self, hidden: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Weights that change nothing yet, from which learning starts."""
        weights = {name: torch.zeros(shape) for name, shape in self.shapes(hidden).items()}
        weights["scale"] += 1.0
        # Were both factors zero, neither would have a gradient.
        weights["down"] = torch.randn(weights["down"].shape, generator=generator) / hidden**0.5
        return weights


def find_idle_roles(weights: Mapping[str, torch.Tensor]) -> list[Role]:
    """The roles whose embeddings these weights leave as they are."""
    changes = (weights["up"], weights["bias"], weights["place"], weights["scale"] - 1.0)
    moves = torch.stack([change.flatten(1).any(1) for change in changes]).any(0)
    return [role for role in Role if not moves[role]]


_STAND_INS = {Role.NAME_GIVEN: Role.NAME, Role.TEXT_GIVEN: Role.TEXT, Role.REPLY: Role.TEXT}


def cover_replies(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``weights`` where given replies that nothing was learned of are corrupted as a prompt to be answered:
    else a flagged word in the reply, which a client can write, would be a way around the guard."""
    covered = {name: tensor.clone() for name, tensor in weights.items()}
    for role in find_idle_roles(weights):
        for tensor in covered.values():
            tensor[role] = tensor[_STAND_INS.get(role, role)]
    return covered


def apply(
    weights: Mapping[str, torch.Tensor], rows: torch.Tensor, roles: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """Map float32 ``rows`` (..., hidden) whose ``roles`` (...) are numbers of roles, any other leaving
    a row as it is, and whose ``places`` count from 0 in each run; differentiable in the weights."""
    mapped = rows
    for role in Role:
        if not (roles == role).any():
            continue
        where = places.clamp(max=weights["place"].shape[1] - 1)
        moved = rows * weights["scale"][role] + (rows @ weights["down"][role]) @ weights["up"][role]
        moved = moved + weights["bias"][role] + weights["place"][role][where]
        mapped = torch.where((roles == role)[..., None], moved, mapped)
    return mapped
