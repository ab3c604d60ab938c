"""Other readings of one prompt: what a model can make of it and a search for words cannot.

Each reading is returned only where it differs from the prompt and plausibly is language, so that
an ordinary prompt has none and costs a few passes of regular expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from .ciphers import ciphers
from .edits import Edit, Place
from .encodings import base64_runs, character_codes, escapes
from .leetspeak import leetspeak_i, leetspeak_l
from .lookalikes import lookalikes
from .pieces import joined_pieces
from .spaced_letters import spaced_letters
from .word_order import reversed_order

Reading = Literal[
    "homoglyphs", "leetspeak", "spaced", "base64", "hex", "escaped", "rot13", "reversed", "joined"
]

MAX_VIEWS = 12

_READINGS: tuple[tuple[Reading, Callable[[str], Iterator[Edit]]], ...] = (
    ("homoglyphs", lookalikes),
    ("leetspeak", leetspeak_i),
    ("leetspeak", leetspeak_l),
    ("spaced", spaced_letters),
    ("base64", base64_runs),
    ("hex", character_codes),
    ("escaped", escapes),
    ("reversed", reversed_order),
)


@dataclass(frozen=True, slots=True)
class View:
    """``text`` is what the prompt says when read as ``reading``.

    ``origins[i]`` is the half-open range of the prompt that ``text[i]`` was read from. Of a decoded
    run it is approximate, but holds the code of that character.
    """

    reading: Reading
    text: str
    origins: list[Place]

    def span(self, start: int, end: int) -> Place:
        """The characters of the prompt that ``text[start:end]``, not empty, was read from."""
        covered = self.origins[start:end]
        return min(begin for begin, _ in covered), max(stop for _, stop in covered)


def views(prompt: str, turns: list[Place] | None = None) -> list[View]:
    """The other readings of ``prompt``, at most ``MAX_VIEWS``; none for most prompts.

    ``turns`` are the character ranges of the conversation's turns.
    """
    found = list(_readings(prompt))
    if joined := joined_pieces(prompt, turns):
        found.append(_view("joined", prompt, joined))
    found += [again for view in found[:MAX_VIEWS] for again in _read_again(view)]
    unlike: dict[str, View] = {}
    for view in found:
        if view.text.strip() and view.text != prompt:
            unlike.setdefault(view.text, view)
    return list(unlike.values())[:MAX_VIEWS]


def _readings(text: str) -> Iterator[View]:
    for reading, edits in _READINGS:
        if made := list(edits(text)):
            yield _view(reading, text, made)
    yield from (_view(reading, text, made) for reading, made in ciphers(text) if made)


def _read_again(outer: View) -> Iterator[View]:
    """Readings of a reading: base64 of base64, base64 of rot13."""
    for inner in _readings(outer.text):
        if inner.reading != outer.reading or inner.reading in ("base64", "hex"):
            yield View(inner.reading, inner.text, [outer.span(*place) for place in inner.origins])


def _view(reading: Reading, source: str, edits: Iterable[Edit]) -> View:
    """``source`` with the edits made, which are in order and apart."""
    parts: list[str] = []
    origins: list[Place] = []
    position = 0
    for edit in (*edits, Edit(len(source), len(source), "")):
        parts += (source[position : edit.start], edit.text)
        origins += ((i, i + 1) for i in range(position, edit.start))
        origins += edit.places()
        position = edit.end
    return View(reading, "".join(parts), origins)
