"""Two corruptions in one recipe: of prompts that the model answers, and of those that give a reply.

What each needs is far apart. A given reply's likelihoods are to be a stranger's, which a map learns; an
answer is to stay on its question and tell nothing that is known, which stand-ins bring without learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from ...vocabulary import ANSWERED, Reach, Role
from .flagged import Flagged, Lookup
from .learned import Learned
from .operators import Operator
from .stand_in import StandIn


class Parted(Operator):
    """``answered`` corrupts the roles of ``vocabulary.ANSWERED``, ``given`` the rest; the weights are those
    of both, which share no name."""

    operator: Literal["parted"] = "parted"
    answered: StandIn
    given: Learned

    @property
    def reach(self) -> Reach:
        """As ``Operator.reach``."""
        return self.answered.reach

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """As ``Operator.shapes``."""
        return self.answered.shapes(hidden) | self.given.shapes(hidden)

    def idle_roles(self, weights: Mapping[str, torch.Tensor]) -> list[Role]:
        """As ``Operator.idle_roles``."""
        return [role for role in self.given.idle_roles(weights) if role not in ANSWERED]

    def corrupt(self, flagged: Flagged, weights: Mapping[str, torch.Tensor], lookup: Lookup) -> torch.Tensor:
        """As ``Operator.corrupt``; a prompt is of one kind or has both."""
        answers = torch.tensor([role in ANSWERED for role in Role])[flagged.roles]
        if not answers.any():
            return self.given.corrupt(flagged, weights, lookup)
        answered = self.answered.corrupt(flagged, weights, lookup)
        if answers.all():  # as in every prompt that the model answers
            return answered
        return torch.where(answers[:, None], answered, self.given.corrupt(flagged, weights, lookup))
