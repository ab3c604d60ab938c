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
        positions = np.empty(len(flagged), np.int64)
        numbers: list[int] = []
        tokens: list[FlaggedToken] = []
        for number, token in enumerate(flagged):
            positions[number] = token.position
            # The canary's rows stay zero under every recipe: any two canary names become one prompt,
            # which is how `doctor` sees from outside that the guard acts.
            if token.target_id != CANARY_ID:
                numbers.append(number)
                tokens.append(token)
        if tokens:
            rows[numbers] = self.recipe.corrupt(self._look_up(token_ids, tokens), self._rows)
        return CorruptedPrompt(rows, positions, len(token_ids))

    def clean(self, token_ids: Sequence[int]) -> CorruptedPrompt:
        """Every token as its uncorrupted embedding: what the start-up handshake compares."""
        return CorruptedPrompt(self._rows(token_ids), np.arange(len(token_ids)), len(token_ids))

    def _look_up(self, token_ids: Sequence[int], tokens: Sequence[FlaggedToken]) -> Flagged:
        ids = [token_ids[token.position] for token in tokens]
        return Flagged(tokens, ids, self.recipe.seeds(tokens, ids), self._rows(ids))

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
