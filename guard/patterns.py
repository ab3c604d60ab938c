"""Regular expressions and grammars in, the text that they ask for out, with the place of each character.

Dialects differ (Python's, Rust's, ECMA's, EBNF, Lark); what is asked here is not what a pattern means but
which letters it forces, so one lenient reading does for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_ESCAPED = re.compile(
    r"\\(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f]+)\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))"
)
_GROUP_HEAD = re.compile(r"\(\?(?:P?<\w+>|P=\w+|<?[=!]|[a-zA-Z-]*:?)")
_QUANTIFIER = re.compile(r"[*+?]|\{\d*,?\d*\}")
_RULE = re.compile(r"^[ \t]*[?!]*([\w-]+)(?:\.\d+)?[ \t]*(?:::=|:)", re.MULTILINE)
_TOKEN = re.compile(
    r"""\#[^\n]*|//[^\n]*            # a comment
    |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'  # a text
    |/(?:[^/\\\n]|\\.)+/[imslux]*    # a regular expression
    |\[(?:[^\]\\\n]|\\.)*\]          # a class
    |\{\d*,?\d*\}|[\w-]+|\S""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Read:
    """One character that is read in ``source[start:end]``; ``optional`` where nothing may stand there,
    ``later`` where it is of an alternative that is not the first."""

    char: str
    start: int
    end: int
    optional: bool = False
    later: bool = False


def escape(source: str, place: int) -> tuple[str, int]:
    """The character that an escape at ``place`` stands for (if many, a space or nothing), and its end."""
    if found := _ESCAPED.match(source, place):
        code = int(next(filter(None, found.groups())), 16)
        return (chr(code) if code < 0x110000 else ""), found.end()
    char = source[place + 1 : place + 2]
    if char in "sWnrtfvhN":
        return " ", place + 2
    return ("" if char.isalnum() else char), place + 2


def pattern(source: str, start: int = 0, end: int | None = None) -> list[Read]:
    """What a regular expression, ``source[start:end]``, asks for."""
    return _Pattern(source, start, len(source) if end is None else end).read()


class _Pattern:
    def __init__(self, source: str, start: int, end: int) -> None:
        self._source, self._place, self._end = source, start, end
        self._read: list[Read] = []
        # For each open group: where what it read begins, and whether its first alternative is over.
        self._groups: list[list[int]] = [[0, 0]]
        self._atom = 0

    def read(self) -> list[Read]:
        """All of it."""
        while self._place < self._end:
            self._step(self._source[self._place])
        return self._read

    def _step(self, char: str) -> None:
        if char == "\\":
            read, end = escape(self._source, self._place)
            self._put(read, end)
        elif char == "[":
            self._put(*char_class(self._source, self._place, self._end))
        elif char == "(":
            head = _GROUP_HEAD.match(self._source, self._place)
            self._groups.append([len(self._read), 0])
            self._place = head.end() if head else self._place + 1
            if head and head.group().endswith(")"):
                self._groups.pop()
        elif char == ")":
            self._close()
        elif char == "|":
            self._groups[-1][1] = 1
            self._put("\n", self._place + 1)
        elif quantifier := _QUANTIFIER.match(self._source, self._place):
            self._quantify(quantifier.group())
            self._place = quantifier.end()
        elif char in "^$":
            self._place += 1
        else:
            self._put(" " if char == "." else char, self._place + 1)

    def _put(self, char: str, end: int) -> None:
        later = any(over for _, over in self._groups[1:])
        self._atom = len(self._read)
        if char:
            self._read.append(Read(char, self._place, end, later=later))
        self._place = end

    def _close(self) -> None:
        self._place += 1
        if len(self._groups) > 1:
            self._atom = self._groups.pop()[0]

    def _quantify(self, quantifier: str) -> None:
        if quantifier not in ("*", "?") and not re.match(r"\{0?,", quantifier):
            return
        for n in range(self._atom, len(self._read)):
            r = self._read[n]
            self._read[n] = Read(r.char, r.start, r.end, True, r.later)
        self._atom = len(self._read)


def char_class(source: str, start: int, end: int) -> tuple[str, int]:
    """The first letter of a class such as ``[Gg]``, and where it ends; a space if it holds none or is
    negated, nothing if it is a whole range."""
    close = start + 1
    members: list[str] = []
    while close < end and (source[close] != "]" or close == start + 1):
        if source[close] == "\\":
            char, close = escape(source, close)
        else:
            char, close = source[close], close + 1
        members.append(char)
    close = min(close + 1, end)
    if members[:1] == ["^"]:
        return " ", close
    if "-" in members[1:-1]:
        return "", close
    return next((char for char in members if char.isalnum()), " "), close


def grammar(source: str) -> list[Read]:
    """What an EBNF or Lark grammar asks for, rules in the order in which they are first asked for."""
    rules: dict[str, list[tuple[int, int]]] = {}
    heads = list(_RULE.finditer(source))
    for n, head in enumerate(heads):
        end = heads[n + 1].start() if n + 1 < len(heads) else len(source)
        rules.setdefault(head.group(1), []).append((head.end(), end))
    names = list(rules)
    read: list[Read] = []
    for name in [*(n for n in ("root", "start") if n in rules), *names]:
        if name in rules:
            read += [*_rule(source, rules, name), Read("\n", 0, 0)]
    return read if heads else list(_texts(source, 0, len(source), lambda _: []))


def _rule(source: str, rules: dict[str, list[tuple[int, int]]], name: str) -> list[Read]:
    """A rule and, in their places, those that it asks for; each is told once, and leaves ``rules``."""
    read: list[Read] = []
    waiting = [_bodies(source, rules.pop(name))]
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
        elif isinstance(item, Read):
            read.append(item)
        elif item in rules:
            waiting.append(_bodies(source, rules.pop(item)))
    return read


def _bodies(source: str, places: list[tuple[int, int]]) -> Iterator[Read | str]:
    for start, end in places:
        yield from _texts(source, start, end, lambda name: [name])


def _texts(source: str, start: int, end: int, refer: Callable[[str], list[str]]) -> Iterator[Read | str]:
    for token in _TOKEN.finditer(source, start, end):
        text, place = token.group(), token.start()
        if text[0] in "\"'" and len(text) > 1:
            yield from _literal(source, place + 1, token.end() - 1)
        elif text[0] == "/" and text[1:2] not in ("/", ""):
            yield from pattern(source, place + 1, source.rindex("/", place, token.end()))
        elif text[0] == "[" and len(text) > 1:
            char, _ = char_class(source, place, token.end())
            yield from [Read(char, place, token.end())] if char else []
        elif text == "|":
            yield Read("\n", place, place + 1, later=True)
        elif text[0].isalnum() or text[0] == "_":
            yield from refer(text)


def _literal(source: str, start: int, end: int) -> Iterator[Read]:
    while start < end:
        char, stop = escape(source, start) if source[start] == "\\" else (source[start], start + 1)
        if char:
            yield Read(char, start, stop)
        start = stop


def replaced(source: str, places: set[tuple[int, int]], letters: Callable[[str], str]) -> str:
    """``source`` with other ``letters`` at ``places`` of what was read in it."""
    written: list[str] = []
    done = 0
    for start, end in sorted(places):
        written += [source[done:start], _rewritten(source[start:end], letters)]
        done = end
    return "".join([*written, source[done:]])


def _rewritten(piece: str, letters: Callable[[str], str]) -> str:
    if piece[0] == "[" and len(piece) > 1:
        return _ESCAPED_OR_CHAR.sub(lambda m: _rewritten(m.group(), letters), piece)
    if piece[0] == "\\" and len(piece) > 1:
        char, _ = escape(piece, 0)
        return letters(char) if char.isalnum() else piece
    return letters(piece)


_ESCAPED_OR_CHAR = re.compile(rf"{_ESCAPED.pattern}|\\.|[^\\]", re.DOTALL)
