"""Rows of log-probabilities from which something is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from vllm.v1.outputs import LogprobsLists

# Of no more than this the rest is all that there is.
_LEAST = 1e-3
# A spare token is by so much less likely.
_STEP = 0.125
# A word that hardly fits is by so much less likely than the one that came, and words differ by so much.
_RARE, _SPREAD = 12.0, 1.0


def without(
    row: LogprobsLists, hidden: npt.NDArray[np.bool_], width: int, spare: Sequence[int] = ()
) -> LogprobsLists:
    """One token's ``row``, itself first and ``width`` columns at most, as if what is ``hidden``, shape
    (columns,), could not have come: the others have its probability between them.

    A row must stay as wide as others: where too few columns are left, ``spare`` tokens stand there, a little
    less likely than the least; without any the first is repeated.
    """
    ids, values = row.logprob_token_ids[0], row.logprobs[0]
    if not hidden.any():
        return row if len(ids) <= width else _row(row, ids[:width], values[:width])
    rest = max(_LEAST, 1.0 - float(np.exp(values[hidden]).sum()))
    shown = np.flatnonzero(~hidden)
    kept = len(shown)
    shown = np.concatenate([shown, np.zeros(max(0, width - len(shown)), shown.dtype)])[:width]
    left = np.minimum(values[shown] - np.log(rest), 0.0).astype(values.dtype)
    above = np.count_nonzero(hidden & (values > values[0]))
    ids = ids[shown]
    for place, token in zip(range(kept, width), spare, strict=False):
        ids[place], left[place] = token, left[:place].min() - _STEP
    return _row(row, ids, left)._replace(sampled_token_ranks=np.maximum(row.sampled_token_ranks - above, 1))


def made_up(
    values: npt.NDArray[np.floating], tokens: Sequence[int], hidden: npt.NDArray[np.bool_], key: str
) -> npt.NDArray[np.floating]:
    """Log-``values`` of ``tokens`` that were asked for by id, those that are ``hidden`` made up: about what
    two others have, or what rare tokens have where there are none. The same each time for one ``key``, and
    no two alike: equal values would tell which tokens are listed.

    The first token is the one that came; all arrays have the shape (tokens,).
    """
    shown = np.flatnonzero(~hidden & np.isfinite(values))
    others = values[shown[shown > 0]]
    made = values.copy()
    for place in np.flatnonzero(hidden):
        drawn = _draw(f"{key}:{tokens[place]}", values)
        middle = drawn.choice(others, 2).mean() if len(others) else values[0] - _RARE
        made[place] = min(0.0, middle + drawn.normal(0.0, _SPREAD))
    return made


def _draw(seed: str, values: npt.NDArray[np.floating]) -> np.random.Generator:
    digest = hashlib.blake2b(values.tobytes(), key=hashlib.sha256(seed.encode()).digest(), digest_size=8)
    return np.random.default_rng(int.from_bytes(digest.digest(), "little"))


def with_made_up(row: LogprobsLists, hidden: npt.NDArray[np.bool_], key: str) -> LogprobsLists:
    """A ``row`` of tokens that were asked for by id, with ``made_up`` values for what is ``hidden``."""
    if not hidden.any():
        return row
    ids = row.logprob_token_ids[0]
    return _row(row, ids, made_up(row.logprobs[0], ids.tolist(), hidden, key))


def certain(token: int, width: int) -> LogprobsLists:
    """The row of a token that had to come."""
    return LogprobsLists(
        np.full((1, width), token, np.int32), np.zeros((1, width), np.float32), np.ones(1, np.int32)
    )


def _row(row: LogprobsLists, ids: npt.NDArray[np.integer], values: npt.NDArray[np.floating]) -> LogprobsLists:
    return row._replace(logprob_token_ids=ids[None], logprobs=values[None])
