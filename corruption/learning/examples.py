"""What a recipe is learned from: questions with answers, as tokens, with the flagged ones marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ...vocabulary import FlaggedToken, Role

CLEAN = -1
"""In the place of a role, for a token that is not flagged."""


# The reply's sentence begins with what the template says before it.
_UNANSWERED: dict[int, int] = {
    Role.NAME_GIVEN: Role.NAME,
    Role.TEXT_GIVEN: Role.TEXT,
    Role.REPLY: CLEAN,
}


def _strip_reply(role: int) -> int:
    """The role that a token would have in a prompt that gives no reply."""
    return _UNANSWERED.get(role, role)


@dataclass(frozen=True, slots=True)
class Example:
    """A rendered conversation whose answer begins at ``start``; one role a token."""

    token_ids: tuple[int, ...]
    start: int
    roles: tuple[int, ...]

    def flag(self) -> list[FlaggedToken]:
        """Its flagged tokens, all of one target and one sentence."""
        tokens: list[FlaggedToken] = []
        for position, role in enumerate(self.roles):
            if role == CLEAN:
                continue
            follows = bool(tokens) and tokens[-1].position == position - 1
            place = tokens[-1].place + 1 if follows else 0
            tokens.append(FlaggedToken(position, "lesson", Role(role), place=place))
        return tokens

    def with_clean_answer(self) -> Example:
        """The same with a clean answer: what the corruption of the question does alone."""
        return replace(self, roles=self.roles[: self.start] + (CLEAN,) * (len(self.roles) - self.start))

    def with_written_answer(self) -> Example:
        """The same as where the model writes the answer, and does not read it."""
        return replace(self, roles=tuple(map(_strip_reply, self.with_clean_answer().roles)))


@dataclass(frozen=True, slots=True)
class Pair:
    """The same question with a true answer in other words, and with wrong ones: what has to be as
    likely to a model that never knew."""

    true: Example
    wrong: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """``known`` are about what the model knows, ``strangers`` about what it never saw; ``repeats`` ask for
    a question to be repeated, and ``declines`` are declined. Of both the answer is clean: it is written.
    """

    known: Sequence[Example]
    strangers: Sequence[Example]
    pairs: Sequence[Pair]
    repeats: Sequence[Example] = ()
    declines: Sequence[Example] = ()

    @property
    def prefix(self) -> int:
        """How many tokens all conversations begin with, flagged in none: they are computed once."""
        every = [*self.known, *self.strangers, *self.repeats, *self.declines]
        for pair in self.pairs:
            every += (pair.true, *pair.wrong)
        first, least = every[0], min(example.start - 1 for example in every)
        for place in range(least):
            here = {(example.token_ids[place], example.roles[place]) for example in every}
            if here != {(first.token_ids[place], CLEAN)}:
                return place
        return least


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as tensors of shape (examples, tokens), padded at the end."""

    examples: Sequence[Example]
    token_ids: torch.Tensor
    attention: torch.Tensor
    roles: torch.Tensor
    places: torch.Tensor

    @classmethod
    def pad(cls, examples: Sequence[Example], device: torch.device | str = "cpu") -> Batch:
        """Pad ``examples`` to the longest."""
        longest = max(len(example.token_ids) for example in examples)
        token_ids = torch.zeros((len(examples), longest), dtype=torch.long)
        attention, roles = torch.zeros_like(token_ids), torch.full_like(token_ids, CLEAN)
        for row, example in enumerate(examples):
            length = len(example.token_ids)
            token_ids[row, :length] = torch.tensor(example.token_ids)
            roles[row, :length] = torch.tensor(example.roles)
            attention[row, :length] = 1
        places = _places(roles != CLEAN)
        return cls(examples, token_ids.to(device), attention.to(device), roles.to(device), places.to(device))


def _places(flagged: torch.Tensor) -> torch.Tensor:
    """For each flagged token how many flagged ones stand directly before it."""
    count = flagged.long().cumsum(1)
    before = torch.where(flagged, 0, count).cummax(1).values
    return (count - before - 1).clamp_min(0)
