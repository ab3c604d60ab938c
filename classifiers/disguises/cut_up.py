"""A text cut up: list items, turns and quoted strings that are pieces of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from ..names.surnames import is_first_name
from .edits import Edit, Piece, Place, drop_overlaps, join
from .plain_words import WORD, plain_words

_ROLE = re.compile(
    r"(?:<\|?[\w ]{1,20}\|?>)*\s*(user|assistant|system|model|human|ai)\b\s*:?\s*", re.IGNORECASE
)
_MARKER = re.compile(
    r"[ \t]*(?:[-*•+>–]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.):]"
    r"|(?:part|piece|line|step) ?\d*[:.)])[ \t]+",
    re.IGNORECASE,
)
_LINE = re.compile(r"[^\n]+")
_QUOTE = r"""["'“‘]([^"'“”‘’\n]{1,20})["'”’]"""
_QUOTED = re.compile(_QUOTE)
_CONCATENATED = re.compile(rf"{_QUOTE}(?:\s*\+\s*{_QUOTE})+")
# First and last name in two fields of a form, a record or a query, in either order.
_VALUE = r"""["'\s]{0,3}[:=]\s{0,3}["']?(?P<%s>[^\W\d_][\w'’. -]{0,40}[\w.])["']?"""
_FIRST = r"\b(?:first|given|fore)[ _-]?(?:names?)?" + _VALUE % "first"
_LAST = r"(?:last|family|sur)[ _-]?(?:names?)?" + _VALUE % "last"
_KEYED = re.compile(r"[fFgG](?:irst|IRST|iven|IVEN|ore|ORE)[ _-]?(?:[nN][aA][mM][eE]s?)?[\"'\s]{0,3}[:=]")
_BETWEEN = r"[,;&|\s}{]{1,12}(?:[\w \"':.=-]{1,60}[,;&|\n]\s{0,8})?[\"']?"
_FIELDS = (
    re.compile(_FIRST + _BETWEEN + _LAST, re.IGNORECASE),
    re.compile(rf"\b{_LAST}" + _BETWEEN + _FIRST.removeprefix(r"\b"), re.IGNORECASE),
)
_MEAN_WORDS = 3
_MEAN_LETTERS = 16
_CHOICES = re.compile(
    r"(?:options|choices|answers?|optionen|opciones)\W*\n.{0,8}\Z|\?\s*\n\s*\(?[Aa][.):]\s*\Z", re.IGNORECASE
)
_MAX_PIECES = 16
_TEXT = itemgetter(1)


def join_pieces(prompt: str, turns: list[Place] | None) -> list[Edit]:
    """List items, turns and quoted pieces that are short enough to be one text cut up."""
    edits = list(map(_join_strings, _CONCATENATED.finditer(prompt)))
    if _KEYED.search(prompt):
        for fields in _FIELDS:
            edits += map(_join_fields, fields.finditer(prompt))
    edits += map(_join_pieces, filter(_is_cut_up, _lists(prompt, turns)))
    return list(drop_overlaps(edits))


def _join_strings(match: re.Match[str]) -> Edit:
    pieces = [(match.start() + m.start(1), m[1]) for m in _QUOTED.finditer(match[0])]
    return join(*match.span(), pieces, "")


def _join_fields(match: re.Match[str]) -> Edit:
    names = [(match.start("first"), match["first"]), (match.start("last"), match["last"])]
    end = max(match.end("first"), match.end("last"))
    return join(min(names)[0], end, names, " ")


def _is_cut_up(pieces: list[Piece]) -> bool:
    texts = _texts(pieces)
    words = sum(map(len, map(str.split, texts)))
    letters = sum(map(len, texts))
    return (
        1 < len(pieces) <= _MAX_PIECES
        and not (len(pieces) > 2 and all(map(_is_one_first_name, texts)))
        and words <= _MEAN_WORDS * len(pieces)
        and letters <= _MEAN_LETTERS * len(pieces)
    )


def _texts(pieces: list[Piece]) -> list[str]:
    return [text for _, text in pieces]


def _is_one_first_name(piece: str) -> bool:
    """Whether a piece is one first name: of three or more none has the next for a surname."""
    return piece[:1].isupper() and is_first_name(piece.strip(" .,;").lower())


def _join_pieces(pieces: list[Piece]) -> Edit:
    start, last = pieces[-1]
    return join(pieces[0][0], start + len(last), pieces, "" if _are_fragments(pieces) else " ")


def _are_fragments(pieces: list[Piece]) -> bool:
    """Whether most pieces are no words: then nothing stood between them."""
    texts = _texts(pieces)
    words = WORD.findall("\n".join(texts).lower())
    known = sum(word in plain_words() for word in words)
    return max(map(len, texts)) > 1 and 2 * known < len(words)


def turn_bodies(prompt: str, turns: list[Place] | None) -> Iterator[tuple[str, Piece]]:
    """Who speaks in each turn, "" where it is not known, and what is said."""
    for start, end in turns or [(0, len(prompt))]:
        role = _ROLE.match(prompt, start, end) if turns else None
        yield role[1].lower() if role else "", _strip(prompt, role.end() if role else start, end)


def _lists(prompt: str, turns: list[Place] | None) -> Iterator[list[Piece]]:
    """Runs of marked lines, and runs of short turns of the same speaker."""
    bodies: dict[str, list[Piece]] = {}
    for speaker, body in turn_bodies(prompt, turns):
        bodies.setdefault(speaker, []).append(body)
    for start, end in turns or [(0, len(prompt))]:
        yield from _items(prompt, start, end)
    for pieces in bodies.values():
        yield from _short_runs(pieces)


def _short_runs(pieces: list[Piece]) -> Iterator[list[Piece]]:
    for short, run in groupby(pieces, lambda piece: 0 < len(piece[1].split()) <= _MEAN_WORDS):
        if short:
            yield list(run)


def _items(prompt: str, start: int, end: int) -> Iterator[list[Piece]]:
    """The items of each list, without the empty ones; none of a list of answers to choose from."""
    items: list[Piece] = []
    offered = False
    for line in _LINE.finditer(prompt, start, end):
        if marker := _MARKER.match(prompt, line.start(), line.end()):
            if not items:
                offered = bool(_CHOICES.search(prompt[max(start, line.start() - 40) : marker.end()]))
            items.append(_strip(prompt, marker.end(), line.end()))
        elif items:
            yield [] if offered else list(filter(_TEXT, items))
            items = []
    yield [] if offered else list(filter(_TEXT, items))


def _strip(prompt: str, start: int, end: int) -> Piece:
    text = prompt[start:end]
    return start + len(text) - len(text.lstrip()), text.strip()
