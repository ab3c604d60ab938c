"""A corruption without learning: words give way to others of their kind that are near in meaning.

Noise leaves the model unsure of every token, and told by it. A stand-in is a word that the model knows, so it
goes on as sure as before, about something else: what it was asked is no longer what it learned. (Generic
counterparts, as "Who's Harry Potter" takes them for training data: Eldan and Russinovich 2023, arXiv
2310.02238; here from the embeddings alone, and when a prompt is served.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Literal

import torch
from pydantic import Field, field_validator

from ...vocabulary import LabelledRole, Reach, Role
from .flagged import Flagged, Lookup
from .operators import Operator

# Of so many nearest tokens of its kind, those that are not the same word count.
SEARCHED = 64
# A token gives way to one of so many.
NEAR = 4
# So many of the first tokens carry the grammar: tokenizers number merges by frequency.
FREQUENT = 1000
# A request that adds nothing to a name has fewer tokens that give way around it; of many tokenizers, not all.
AROUND = 3
ROWS_AT_ONCE = 512
# Words are the same from so many first letters on: "author" and "authors".
SAME_LETTERS = 4

STRENGTHS: dict[Role, float] = {
    Role.NAME: 0.4,
    Role.TEXT: 1.0,
    Role.NAME_GIVEN: 0.85,
    Role.TEXT_GIVEN: 0.85,
    Role.REPLY: 0.2,
}


class StandIn(Operator):
    """e -> e + strength * (e' - e), where e' is the row of the token's stand-in.

    The weights are ``stand_in``, of shape (vocabulary, near): those that each token may give way to. Target
    and token decide to which: the same for all targets would be a code that an observer learns.
    """

    operator: Literal["stand_in"] = "stand_in"
    vocabulary: int = Field(ge=1)
    near: int = Field(default=NEAR, ge=1)
    strengths: Mapping[LabelledRole, float] = Field(default_factory=lambda: dict(STRENGTHS))
    """Of each role; of those that are left out, as by default."""
    kept: int = Field(default=FREQUENT, ge=0)
    """So many of the first tokens stay as they are around a name in a prompt that is to be answered. Where
    nothing else is flagged they do not: such a prompt would pass unguarded."""
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

    @property
    def reach(self) -> Reach:
        """As ``Operator.reach``."""
        return "sentence"

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """As ``Operator.shapes``."""
        return {"stand_in": (self.vocabulary, self.near)}

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
        choices = [seed % self.near for seed in flagged.seeds]
        others: list[int] = weights["stand_in"][list(flagged.token_ids), choices].tolist()
        frequent: list[int] = []
        meaning: set[tuple[int, int]] = set()
        for number, token in enumerate(flagged.tokens):
            if token.role is Role.TEXT and flagged.token_ids[number] < self.kept:
                frequent.append(number)
            else:
                meaning.add(token.run)
        for number in frequent:
            if flagged.tokens[number].run in meaning:
                others[number] = flagged.token_ids[number]
        return others

    def _bare(self, flagged: Flagged, others: torch.Tensor) -> torch.Tensor:
        """Whether each token (tokens,) is of a run in which few tokens of text give way."""
        runs = (flagged.places == 0).long().cumsum(0)
        giving = (flagged.roles == Role.TEXT) & (others != flagged.rows).any(1)
        counts = torch.zeros(len(runs) + 1, dtype=torch.long).scatter_add(0, runs, giving.long())
        return counts[runs] < self.around


def stand_ins(
    rows: torch.Tensor,
    tokens: Sequence[str | None],
    frequent: int,
    near: int,
    track: Callable[[int], None],
) -> torch.Tensor:
    """What each token of a vocabulary may give way to, shape (tokens, near): the nearest of its kind that are
    not the same word, nor among the ``frequent`` first, which carry the grammar; fewer are repeated.

    ``rows`` are all embeddings (tokens, hidden), ``tokens`` their texts, None for one that says nothing
    (a control token), which is its own and nobody's stand-in. ``track`` hears of each token that is done.
    """
    every = [token for token, text in enumerate(tokens) if text is not None]
    table = torch.arange(len(tokens), dtype=torch.int32)[:, None].repeat(1, near)
    # Nearness is that of directions from the mean row, which all rows share and which says nothing.
    directions = torch.nn.functional.normalize(rows.float() - rows.float().mean(0), dim=1)
    for members in _group_by_kind(tokens):
        for token, nearest in _find_nearest(directions, members, tokens, frequent, near):
            # One that has no kin gives way to any other: it must not stay.
            candidates = nearest or _exclude(token, members) or _exclude(token, every) or [token]
            table[token] = torch.tensor(list(islice(cycle(candidates), near)), dtype=torch.int32)
            track(1)
    return table


def _exclude(token: int, tokens: Sequence[int]) -> list[int]:
    return [other for other in tokens if other != token]


def _group_by_kind(tokens: Sequence[str | None]) -> list[list[int]]:
    """The tokens by whether a word begins with them, with a capital, and of what."""
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for token, text in enumerate(tokens):
        if text is not None:
            word = text.strip()
            kind = text[:1].isspace(), word[:1].isupper(), word.isalpha(), word.isdigit(), "\ufffd" in word
            kinds.setdefault(kind, []).append(token)
    return list(kinds.values())


def _find_nearest(
    directions: torch.Tensor,
    members: Sequence[int],
    tokens: Sequence[str | None],
    frequent: int,
    near: int,
) -> Iterator[tuple[int, list[int]]]:
    """Each of ``members``, with the ``near`` nearest among them that may stand in for it, nearest first."""
    meaning = [member for member in members if member >= frequent] or members
    rows, others = directions[torch.tensor(members)], directions[torch.tensor(meaning)]
    words = {member: (tokens[member] or "").strip().casefold() for member in members}
    for start in range(0, len(members), ROWS_AT_ONCE):
        cosines = rows[start : start + ROWS_AT_ONCE] @ others.T
        nearest = cosines.topk(min(SEARCHED, len(meaning)), dim=1).indices.tolist()
        for token, order in zip(members[start : start + ROWS_AT_ONCE], nearest, strict=True):
            allowed = (other for place in order if _differ(words[token], words[other := meaning[place]]))
            yield token, list(islice(allowed, near))


def _differ(word: str, other: str) -> bool:
    """Whether two words are not forms of one."""
    if word == other or (word and other and (word in other or other in word)):
        return False
    return (
        len(word) < SAME_LETTERS or len(other) < SAME_LETTERS or word[:SAME_LETTERS] != other[:SAME_LETTERS]
    )
