"""A corruption without learning: words give way to others of their kind that are near in meaning.

Noise leaves the model unsure of every token, and told by it. A stand-in is a word that the model knows, so it
goes on as sure as before, about something else: what it was asked is no longer what it learned. (Generic
counterparts, as "Who's Harry Potter" takes them for training data: Eldan and Russinovich 2023, arXiv
2310.02238; here from the embeddings alone, and when a prompt is served.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field, field_validator

from ..vocabulary import ROLES, Reach, Role
from .operators import Flagged, Operator

# Of so many nearest tokens of its kind, those that are not the same word count.
SEARCHED = 64
# Each token's stand-in is drawn among so many.
NEAR = 8
ROWS_AT_ONCE = 512
# Words are the same from so many first letters on: "author" and "authors".
SAME_LETTERS = 4

STRENGTHS: dict[Role, float] = {
    "name": 0.4,
    "text": 0.8,
    "name-given": 0.85,
    "text-given": 0.85,
    "reply": 0.2,
}


class StandIn(Operator):
    """e -> e + strength * (e' - e), where e' is the row of the token's stand-in.

    The weights are ``stand_in``, of shape (vocabulary,): each token's own. Deterministic: a word has the same
    stand-in wherever it stands, whatever the target.
    """

    operator: Literal["stand_in"] = "stand_in"
    vocabulary: int = Field(ge=1)
    strengths: Mapping[Role, float] = Field(default_factory=lambda: dict(STRENGTHS))
    """Of each role; of those that are left out, as by default."""
    kept: int = Field(default=1000, ge=0)
    """So many of the first tokens stay as they are around a name in a prompt that is to be answered:
    tokenizers number merges by frequency, and what is frequent carries the grammar. Where nothing else is
    flagged they do not: such a prompt would pass unguarded."""

    @field_validator("strengths")
    @classmethod
    def _of_every_role(cls, given: Mapping[Role, float]) -> Mapping[Role, float]:
        if wrong := {role: strength for role, strength in given.items() if not 0.0 < strength <= 1.0}:
            raise ValueError(f"strengths are above 0 and at most 1, got {wrong}")
        return {**STRENGTHS, **given}

    @property
    def reach(self) -> Reach:
        """As ``Operator.reach``."""
        return "sentence"

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """As ``Operator.shapes``."""
        return {"stand_in": (self.vocabulary,)}

    def others(
        self, token_ids: Sequence[int], roles: Sequence[Role], weights: Mapping[str, torch.Tensor]
    ) -> list[int]:
        """As ``Operator.others``."""
        found = weights["stand_in"][torch.tensor(token_ids, dtype=torch.long)].tolist()
        staying = [role == "text" and token < self.kept for token, role in zip(token_ids, roles, strict=True)]
        if all(staying):
            return found
        return [
            token if stays else other for token, stays, other in zip(token_ids, staying, found, strict=True)
        ]

    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """As ``Operator.corrupt``. Raises ``ValueError`` without the rows of the stand-ins."""
        if flagged.others is None:
            raise ValueError("stand-ins need their own rows beside those of the flagged tokens")
        rows = flagged.rows.float()
        strengths = torch.tensor([self.strengths[role] for role in ROLES])[flagged.roles]
        moved = rows + strengths[:, None] * (flagged.others.float() - rows)
        return moved.to(flagged.rows.dtype)


def stand_ins(
    rows: torch.Tensor, tokens: Sequence[str | None], seed: int, track: Callable[[int], None]
) -> torch.Tensor:
    """A stand-in for each token of a vocabulary, shape (tokens,): drawn with ``seed`` among the ``NEAR``
    nearest of its kind that are not the same word.

    ``rows`` are all embeddings (tokens, hidden), ``tokens`` their texts, None for one that says nothing
    (a control token), which is its own and nobody's stand-in. ``track`` hears of each token that is done.
    """
    generator = torch.Generator().manual_seed(seed)
    every = [token for token, text in enumerate(tokens) if text is not None]
    found = torch.arange(len(tokens), dtype=torch.int32)
    # Nearness is that of directions from the mean row, which all rows share and which says nothing.
    directions = torch.nn.functional.normalize(rows.float() - rows.float().mean(0), dim=1)
    for members in _kinds(tokens):
        for token, near in _nearest(directions, members, tokens):
            drawn = int(torch.randint(2**31, (1,), generator=generator))
            # One that has no kin gives way to any other: it must not stay.
            candidates = near or _without(token, members) or _without(token, every)
            found[token] = candidates[drawn % len(candidates)] if candidates else token
            track(1)
    return found


def _without(token: int, tokens: Sequence[int]) -> list[int]:
    return [other for other in tokens if other != token]


def _kinds(tokens: Sequence[str | None]) -> list[list[int]]:
    """The tokens by whether a word begins with them, with a capital, and of what."""
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for token, text in enumerate(tokens):
        if text is not None:
            word = text.strip()
            kind = text[:1].isspace(), word[:1].isupper(), word.isalpha(), word.isdigit(), "\ufffd" in word
            kinds.setdefault(kind, []).append(token)
    return list(kinds.values())


def _nearest(
    directions: torch.Tensor, members: Sequence[int], tokens: Sequence[str | None]
) -> Iterator[tuple[int, list[int]]]:
    """Each of ``members``, with its nearest among them that are other words, nearest first."""
    own = directions[torch.tensor(members)]
    words = [(tokens[member] or "").strip().casefold() for member in members]
    for start in range(0, len(members), ROWS_AT_ONCE):
        cosines = own[start : start + ROWS_AT_ONCE] @ own.T
        nearest = cosines.topk(min(SEARCHED, len(members)), dim=1).indices.tolist()
        for place, order in enumerate(nearest, start):
            near = [
                members[other] for other in order if other != place and _other(words[place], words[other])
            ]
            yield members[place], near[:NEAR]


def _other(word: str, other: str) -> bool:
    """Whether two words are not forms of one."""
    if word == other or (word and other and (word in other or other in word)):
        return False
    return (
        len(word) < SAME_LETTERS or len(other) < SAME_LETTERS or word[:SAME_LETTERS] != other[:SAME_LETTERS]
    )
