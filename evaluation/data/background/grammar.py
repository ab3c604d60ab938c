"""Templates with slots, filled by chance: "Where was {name} born?"."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_SLOT = re.compile(r"\{([A-Za-z_]+)\d?\}")
_RANGE = re.compile(r"\{(\d+)-(\d+)\}")
_ARTICLE = re.compile(r"\b([Aa])\([nN]\) (?=(.))")


class Grammar:
    """``{name}`` is one of the values of the slot ``name``, the same throughout a text. ``{name2}`` is
    another draw, ``{Name}`` the same as in a title, ``{1-100}`` a number, ``a(n)`` the article that fits. A
    value may have slots of its own."""

    def __init__(self, slots: Mapping[str, Sequence[str]], chance: random.Random) -> None:
        self._slots = slots
        self._chance = chance

    def fill(self, template: str, known: Mapping[str, str] | None = None) -> str:
        """``known`` are slots that are decided. Raises ``KeyError`` for a slot that has no values."""
        text = self._fill(template, dict(known or {}))
        return _ARTICLE.sub(lambda found: found[1] + ("n " if found[2] in "aeiouAEIOU" else " "), text)

    def _fill(self, template: str, known: dict[str, str]) -> str:
        text = _SLOT.sub(lambda found: self._value(found[0].strip("{}"), found[1], known), template)
        return _RANGE.sub(lambda found: str(self._chance.randint(int(found[1]), int(found[2]))), text)

    def _value(self, key: str, slot: str, known: dict[str, str]) -> str:
        if key.lower() not in known:
            known[key.lower()] = self._fill(self._chance.choice(self._slots[slot.lower()]), {})
        value = known[key.lower()]
        return value.title().replace("'S", "'s") if key[0].isupper() else value


def read_slots(text: str) -> dict[str, list[str]]:
    """Of lines "slot: value | value"; a slot may have several lines."""
    slots: dict[str, list[str]] = {}
    for line in text.splitlines():
        slot, _, values = line.partition(": ")
        slots.setdefault(slot, []).extend(value.strip() for value in values.split(" | "))
    return slots
