"""Matches in, prompt embeddings out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..vocabulary import FlaggedToken, Reach
from .corrupted_prompt import CorruptedPrompt
from .embedding_table import EmbeddingTable
from .operators.flagged import Flagged
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

    def corrupt(self, token_ids: Sequence[int], flagged: Sequence[FlaggedToken]) -> CorruptedPrompt:
        """Corrupt the ``flagged`` ones of a prompt's tokens, which stand in its order."""
        rows = torch.zeros((len(flagged), self._table.hidden), dtype=self._dtype)
        # The canary's rows stay zero under every recipe: any two canary names become one prompt,
        # which is how `doctor` sees from outside that the guard acts.
        if tokens := [token for token in flagged if token.target_id != CANARY_ID]:
            ids = [token_ids[token.position] for token in tokens]
            owned = zip(tokens, ids, strict=True)
            seeds = [self.recipe.seed(token.target_id, token_id) for token, token_id in owned]
            corrupted = self.recipe.corrupt(Flagged(tokens, ids, seeds, self._rows(ids)), self._rows)
            rows[[token.target_id != CANARY_ID for token in flagged]] = corrupted
        positions = np.array([token.position for token in flagged], np.int64)
        return CorruptedPrompt(rows, positions, len(token_ids))

    def clean(self, token_ids: Sequence[int]) -> CorruptedPrompt:
        """Every token as its uncorrupted embedding: what the start-up handshake compares."""
        return CorruptedPrompt(self._rows(token_ids), np.arange(len(token_ids)), len(token_ids))

    def _rows(self, token_ids: Sequence[int]) -> torch.Tensor:
        return self._table.rows(token_ids, self._dtype)


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
