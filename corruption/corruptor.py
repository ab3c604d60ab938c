"""Matches in, prompt embeddings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch

from ..vocabulary import ROLES, Reach, Role
from .corrupted_prompt import CorruptedPrompt
from .embedding_table import EmbeddingTable
from .operators import Flagged
from .recipe import Recipe

CANARY_ID = "_canary"
"""The target that proves the guard is there; no user's target can have this id."""


class Corruptor:
    """Applies one recipe to prompts of one model."""

    def __init__(self, recipe: Recipe, table: EmbeddingTable, dtype: torch.dtype) -> None:
        """Raises ``RecipeError`` where the recipe is for another model than the table's."""
        recipe.check_model(table.fingerprint, table.hidden)
        self.recipe = recipe
        self._table = table
        self._dtype = dtype

    @property
    def reach(self) -> Reach:
        """What has to be flagged around a match."""
        return self.recipe.operator.reach

    def corrupt(
        self,
        token_ids: Sequence[int],
        owners: Mapping[int, str],
        roles: Mapping[int, Role] | None = None,
        sentences: Mapping[int, int] | None = None,
    ) -> CorruptedPrompt:
        """Corrupt the tokens at the positions of ``owners``, which maps each to its target's id.

        ``roles`` says what each is of, ``sentences`` which sentence it stands in; without them, all are of
        names, and of one.
        """
        roles = roles or dict.fromkeys(owners, "name")
        sentences = sentences or dict.fromkeys(owners, 1)
        places = _places(owners)
        everywhere = sorted(owners)
        rows = torch.zeros((len(everywhere), self._table.hidden), dtype=self._dtype)
        # The canary's rows stay zero under every recipe: any two canary names become one prompt,
        # which is how `doctor` sees from outside that the guard acts.
        if positions := [p for p in everywhere if owners[p] != CANARY_ID]:
            tokens = [token_ids[p] for p in positions]
            own, before = [roles[p] for p in positions], [places[p] for p in positions]
            seeds = [self.recipe.seed(owners[p], token_ids[p]) for p in positions]
            parts = [(sentences[p], p - places[p]) for p in positions]
            others = self.recipe.others(tokens, own, parts, seeds)
            flagged = Flagged(
                self._table.rows(tokens, self._dtype),
                seeds,
                torch.tensor([ROLES.index(role) for role in own]),
                torch.tensor(before),
                None if others is None else self._table.rows(others, self._dtype),
            )
            rows[[owners[p] != CANARY_ID for p in everywhere]] = self.recipe.corrupt(flagged)
        return CorruptedPrompt(rows, np.array(everywhere, np.int64), len(token_ids))

    def clean(self, token_ids: Sequence[int]) -> CorruptedPrompt:
        """Every token as its uncorrupted embedding: what the start-up handshake compares."""
        rows = self._table.rows(token_ids, self._dtype)
        return CorruptedPrompt(rows, np.arange(len(token_ids)), len(token_ids))


def _places(positions: Collection[int]) -> dict[int, int]:
    """How many of ``positions`` stand directly before each."""
    places: dict[int, int] = {}
    for position in sorted(positions):
        places[position] = places.get(position - 1, -1) + 1
    return places


class NeutralTokens:
    """The stand-in for prompts that cannot carry embeddings: says nothing, in as many tokens."""

    def __init__(self, token_ids: Sequence[int]) -> None:
        """``token_ids`` are those of a neutral word, at least one."""
        self._token_ids = list(token_ids)

    def replace(self, token_ids: Sequence[int], positions: Sequence[int]) -> list[int]:
        """Return ``token_ids`` with those at ``positions`` replaced, run by run, from the word's start."""
        replaced = list(token_ids)
        run = 0
        chosen = set(positions)
        for position in sorted(chosen):
            run = run + 1 if position - 1 in chosen else 0
            replaced[position] = self._token_ids[run % len(self._token_ids)]
        return replaced
