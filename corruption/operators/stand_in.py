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

from ...vocabulary import LabelledRole, Reach, Role
from .flagged import Flagged, Lookup
from .operators import Operator

# A token gives way to one of so many.
NEAR = 4
# A name with little around it gives way to words that are not near, each token to one of so many: near to a
# work are others by its author, and who wrote it.
FAR = 8
# So many of the first tokens carry the grammar: tokenizers number merges by frequency.
FREQUENT = 1000
# A request that adds nothing to a name has fewer tokens that give way around it; of many tokenizers, not all.
AROUND = 5

STRENGTHS: dict[Role, float] = {
    Role.NAME: 0.4,
    Role.TEXT: 1.0,
    Role.NAME_GIVEN: 0.85,
    Role.TEXT_GIVEN: 0.85,
    Role.REPLY: 0.2,
}


class StandIn(Operator):
    """e -> e + strength * (e' - e), where e' is the row of the token's stand-in.

    The weights are ``stand_in``, of shape (vocabulary, near + far): those that each token may give way to.
    A name with little text around it has one of the last, all else one of the first. Target and token decide
    which: the same for all targets would be a code that an observer learns.
    """

    operator: Literal["stand_in"] = "stand_in"
    vocabulary: int = Field(ge=1)
    near: int = Field(default=NEAR, ge=1)
    far: int = Field(default=0, ge=0)
    """Where there are none, all names give way to near ones."""
    strengths: Mapping[LabelledRole, float] = Field(default_factory=lambda: dict(STRENGTHS))
    """Of each role; of those that are left out, as by default."""
    kept: int = Field(default=FREQUENT, ge=0)
    """So many of the first tokens stay as they are around a name in a prompt that is to be answered. Where
    nothing else is flagged they do not: such a prompt would pass unguarded."""
    grammar: tuple[int, ...] = ()
    """More tokens that stay likewise: some tokenizers number punctuation and common words late."""
    around: int = Field(default=AROUND, ge=0)
    """Where fewer tokens around a name say something, it gives way to a far one, in a prompt that is to be
    answered by ``alone``: "Who is X?" asks by nothing but the name, and would be told what is known of it."""
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
        others = self.draw(flagged, weights)
        rows, roles = flagged.rows.float(), flagged.roles
        strengths = torch.tensor([self.strengths[role] for role in Role])[roles]
        alone = (roles == Role.NAME) & self._bare(flagged)
        strengths = torch.where(alone, strengths.clamp_min(self.alone), strengths)
        moved = rows + strengths[:, None] * (lookup(others).float() - rows)
        return moved.to(flagged.rows.dtype)

    def draw(self, flagged: Flagged, weights: Mapping[str, torch.Tensor]) -> list[int]:
        """The token that each flagged one gives way to: itself, if it carries the grammar."""
        others = self._draw_near(flagged, weights)
        if not self.far:
            return others
        for number in self._bare(flagged).nonzero().flatten().tolist():
            column = self.near + flagged.seeds[number] % self.far
            others[number] = int(weights["stand_in"][flagged.token_ids[number], column])
        return others

    def _draw_near(self, flagged: Flagged, weights: Mapping[str, torch.Tensor]) -> list[int]:
        choices = [seed % self.near for seed in flagged.seeds]
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

    def _carries_grammar(self, token: int) -> bool:
        return token < self.kept or token in self._grammar

    @cached_property
    def _grammar(self) -> frozenset[int]:
        return frozenset(self.grammar)

    def _bare(self, flagged: Flagged) -> torch.Tensor:
        """Whether each token (tokens,) is of a name in a run with little text but the grammar."""
        names = (flagged.roles == Role.NAME) | (flagged.roles == Role.NAME_GIVEN)
        carry = [self._carries_grammar(token) for token in flagged.token_ids]
        text = ~(names | torch.tensor(carry, dtype=torch.bool))
        runs = (flagged.places == 0).long().cumsum(0)
        counts = torch.zeros(len(runs) + 1, dtype=torch.long).scatter_add(0, runs, text.long())
        return names & (counts[runs] < self.around)
