"""What is wrong with a value, in the words of a file: pydantic's are Python's."""

from __future__ import annotations

from pydantic_core import ErrorDetails

_WORDS = {
    "tuple_type": "must be a list",
    "string_type": "must be text (a string)",
}


def plain(problem: ErrorDetails) -> str:
    """The reason in ``problem``, one of ``ValidationError.errors()``; nothing of the value is repeated."""
    limits = problem.get("ctx", {})
    if problem["type"] == "too_short":
        return f"must have at least {_counted(limits['min_length'], problem['input'])}"
    if problem["type"] == "too_long":
        return f"must have at most {_counted(limits['max_length'], problem['input'])}"
    return _WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))


def _counted(number: int, value: object) -> str:
    return f"{number:,} {'character' if isinstance(value, str) else 'item'}{'s' * (number != 1)}"
