"""A corruption without learning: words give way to others of their kind that are near in meaning.

Noise leaves the model unsure of every token, and told by it. A stand-in is a word that the model knows, so it
goes on as sure as before, about something else: what it was asked is no longer what it learned. (Generic
counterparts, as "Who's Harry Potter" takes them for training data: Eldan and Russinovich 2023, arXiv
2310.02238; here from the embeddings alone, and when a prompt is served.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from ...vocabulary import FlaggedToken, LabelledRole, Reach, Role
from .flagged import Flagged, Lookup
from .operators import Operator

# A token gives way to one of so many.
NEAR = 4
# A token of a name gives way to one of so many that are not near: near to a work are others by its author,
# and who wrote it.
FAR = 8
# So many of the first tokens carry the grammar: tokenizers number merges by frequency.
FREQUENT = 1000
# A request that adds nothing to a name has fewer tokens that give way around it; of many tokenizers, not all.
AROUND = 3

STRENGTHS: dict[Role, float] = {
    Role.NAME: 0.4,
    Role.TEXT: 1.0,
    Role.NAME_GIVEN: 0.85,
    Role.TEXT_GIVEN: 0.85,
    Role.REPLY: 0.2,
}


class StandIn(Operator):
    """e -> e + strength * (e' - e), where e' is the row of the token's stand-in.

    The weights are ``stand_in``, of shape (vocabulary, near + far): those that each token may give way to,
    text to the first, names to the last. Target and token decide to which: the same for all targets would be
    a code that an observer learns.
    """

    operator: Literal["stand_in"] = "stand_in"
    vocabulary: int = Field(ge=1)
    near: int = Field(default=NEAR, ge=1)
    far: int = Field(default=0, ge=0)
    """Where there are none, names give way to the near ones, too."""
    strengths: Mapping[LabelledRole, float] = Field(default_factory=lambda: dict(STRENGTHS))
    """Of each role; of those that are left out, as by default."""
    kept: int = Field(default=FREQUENT, ge=0)
    """So many of the first tokens stay as they are around a name in a prompt that is to be answered. Where
    nothing else is flagged they do not: such a prompt would pass unguarded."""
    grammar: tuple[int, ...] = ()
    """More tokens that stay likewise: some tokenizers number punctuation and common words late."""
    around: int = Field(default=AROUND, ge=0)
    """Where fewer tokens around a name give way, in a prompt that is to be answered, it does so by ``alone``:
    "Who is X?" asks by nothing but the name, and would be told what is known of it."""
    alone: float = Field(default=0.85, gt=0.0, le=1.0)
    seed: int = 0
    """The seed of the draw: which of its candidates a token's stand-in is."""

    @field_validator("strengths")
    @classmethod
    def _of_every_role(cls, given: Mapping[Role, float]) -> Mapping[Role, float]:
        if wrong := {role.label: strength for role, strength in given.items() if not 0.0 < strength <= 1.0}:
            raise ValueError(f"strengths are above 0 and at most 1, got {wrong}")
        return {**STRENGTHS, **given}

    @model_serializer(mode="wrap")
    def _leave_out_what_older_recipes_lack(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for name in ("grammar", "far"):
            if not written[name]:  # or their digests would be others
                del written[name]
        return written

    @property
    def reach(self) -> Reach:
        """As ``Operator.reach``."""
        return "sentence"

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """As ``Operator.shapes``."""
        return {"stand_in": (self.vocabulary, self.near + self.far)}

    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor], lookup: Lookup) -> torch.Tensor:
        """As ``Operator.corrupt``."""
        others = lookup(self.draw(flagged, weights))
        rows, roles = flagged.rows.float(), flagged.roles
        strengths = torch.tensor([self.strengths[role] for role in Role])[roles]
        alone = (roles == Role.NAME) & self._bare(flagged, others)
        strengths = torch.where(alone, strengths.clamp_min(self.alone), strengths)
        moved = rows + strengths[:, None] * (others.float() - rows)
        return moved.to(flagged.rows.dtype)

    def draw(self, flagged: Flagged, weights: Mapping[str, torch.Tensor]) -> list[int]:
        """The token that each flagged one gives way to: itself, if it carries the grammar."""
        choices = [self._choose(*pair) for pair in zip(flagged.tokens, flagged.seeds, strict=True)]
        others: list[int] = weights["stand_in"][list(flagged.token_ids), choices].tolist()
        frequent: list[int] = []
        meaning: set[tuple[int, int]] = set()
        for number, token in enumerate(flagged.tokens):
            if token.role is Role.TEXT and self._carries_grammar(flagged.token_ids[number]):
                frequent.append(number)
            else:
                meaning.add(token.run)
        for number in frequent:
            if flagged.tokens[number].run in meaning:
                others[number] = flagged.token_ids[number]
        return others

    def _choose(self, token: FlaggedToken, seed: int) -> int:
        """The column of a token's stand-in."""
        if self.far and token.role in (Role.NAME, Role.NAME_GIVEN):
            return self.near + seed % self.far
        return seed % self.near

    def _carries_grammar(self, token: int) -> bool:
        return token < self.kept or token in self._grammar

    @cached_property
    def _grammar(self) -> frozenset[int]:
        return frozenset(self.grammar)

    def _bare(self, flagged: Flagged, others: torch.Tensor) -> torch.Tensor:
        """Whether each token (tokens,) is of a run in which few tokens of text give way."""
        runs = (flagged.places == 0).long().cumsum(0)
        giving = (flagged.roles == Role.TEXT) & (others != flagged.rows).any(1)
        counts = torch.zeros(len(runs) + 1, dtype=torch.long).scatter_add(0, runs, giving.long())
        return counts[runs] < self.around
