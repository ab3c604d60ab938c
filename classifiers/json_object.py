"""A JSON object as people send it: with each field once."""

from __future__ import annotations

import json
from typing import Any


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """The fields of a JSON object in UTF-8, with or without a byte order mark.

    ``what`` it is meant to be. Raises ``ValueError`` with a sentence that repeats nothing long; a field that
    is given twice is refused, since JSON says nothing of which is meant.
    """
    try:
        fields = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once, parse_int=_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{what} is an object, got {type(fields).__name__}")
    return fields


def _number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # Python reads no number of more digits than ``sys.get_int_max_str_digits``
        raise ValueError(f"a number of {len(digits):,} digits is too long to be read") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the field {name[:40]!r} is given twice")
        fields[name] = value
    return fields
