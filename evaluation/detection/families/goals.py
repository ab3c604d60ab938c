"""The goals that many rows share."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.cases import Case, Goal, Row


def recall_goal(limit: float | None = None, by: str | None = None) -> Goal:
    """The share flagged as their own subject; with ``by``, for each value of that label."""
    return Goal(f"recall by {by}" if by else "recall", "own", limit, by=by)


def flag_goal(limit: float | None = None, by: str | None = None) -> Goal:
    """The share flagged as anything, which should be no more than ``limit``."""
    return Goal(f"flagged by {by}" if by else "flagged", "any", limit, at_least=False, by=by)


def loss_goal(against: str) -> Goal:
    """What the recall loses against the row of that name: at most a point."""
    return Goal("points of recall lost", "own", 0.01, at_least=False, against=against)


def rwku_row(name: str, family: str, cases: Sequence[Case], limit: float | None = None, *more: Goal) -> Row:
    """A row about RWKU's people, whose recall should be ``limit`` or more."""
    return Row(name, family, "rwku", cases, (recall_goal(limit), *more), "benign")
