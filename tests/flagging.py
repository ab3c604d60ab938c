"""Flagged tokens for tests that need no prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from vllm_unlearn.corruption.operators.flagged import Flagged
from vllm_unlearn.vocabulary import FlaggedToken, Role


def tokens(
    owners: Mapping[int, str],
    roles: Mapping[int, Role] | Role = Role.NAME,
    sentences: Mapping[int, int] | None = None,
) -> list[FlaggedToken]:
    """Those at the positions of ``owners``, which maps each to its target's id."""
    found: list[FlaggedToken] = []
    for position in sorted(owners):
        follows = bool(found) and found[-1].position == position - 1
        place = found[-1].place + 1 if follows else 0
        role = roles if isinstance(roles, Role) else roles[position]
        sentence = sentences[position] if sentences else 1
        found.append(FlaggedToken(position, owners[position], role, sentence, place))
    return found


def flagged(
    rows: torch.Tensor,
    seeds: Sequence[int] | None = None,
    roles: Sequence[int] | None = None,
    places: Sequence[int] | None = None,
) -> Flagged:
    """Those with ``rows`` as embeddings: one run of a name, unless said otherwise."""
    every = range(len(rows))
    found = [
        FlaggedToken(n, "a", Role(roles[n] if roles else 0), place=places[n] if places else n) for n in every
    ]
    return Flagged(found, list(every), [0] * len(rows) if seeds is None else seeds, rows)


def lookup(token_ids: Sequence[int]) -> torch.Tensor:
    """For operators that look nothing up."""
    raise AssertionError
