"""Regular expressions and grammars in, the text that they ask for out, with the place of each character.

Dialects differ (Python's, Rust's, ECMA's, EBNF, Lark); what is asked here is not what a pattern means but
which letters it forces, so one lenient reading does for all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_ESCAPED = re.compile(
    r"\\(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f]+)\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))"
)
# A class of more letters leaves its place open; of a longer range not all are told.
NARROW = 16
_RANGE = 128
_GROUP_HEAD = re.compile(r"\(\?(?:P?<\w+>|P=\w+|<?[=!]|[a-zA-Z-]*:?)")
QUANTIFIER = re.compile(r"[*+?]|\{\d*,?\d*\}")
_HEAD = re.compile(r"(?:\.\d+)?\s*(?:::=|:)")
_TOKENS = r"""\#[^\n]*|//[^\n]*            # a comment
    |"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?  # a text; one without an end is not looked for again
    |/(?:[^/\\\n]|\\.)+/?[imslux]*   # a regular expression
    #CLASS
    |\{\d*,?\d*\}|[\w-]+|\S"""
_CLASS = r"""
    |\[(?:[^\]\\]|\\.)*\]?           # a class"""
_EBNF = re.compile(_TOKENS.replace("#CLASS", _CLASS), re.VERBOSE | re.DOTALL)
# In Lark brackets hold what may be left out, and classes are in regular expressions alone.
_LARK = re.compile(_TOKENS, re.VERBOSE | re.DOTALL)


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


def group_head(source: str, place: int) -> int:
    """Where the content of a group begins that opens at ``place``."""
    head = _GROUP_HEAD.match(source, place)
    return head.end() if head else place + 1


def pattern(source: str, start: int = 0, end: int | None = None) -> list[Read]:
    """What a regular expression, ``source[start:end]``, asks for."""
    return _Pattern(source, start, len(source) if end is None else end).read()


class _Pattern:
    def __init__(self, source: str, start: int, end: int) -> None:
        self._source, self._place, self._end = source, start, end
        self._read: list[Read] = []
        # For each open group: where what it read begins, and whether its first alternative is over.
        self._groups: list[tuple[int, bool]] = [(0, False)]
        self._over = 0
        self._atom = 0
        # How many optional parts begin, less those that end, at each place of what was read.
        self._optional: Counter[int] = Counter()

    def read(self) -> list[Read]:
        """Read the whole source."""
        while self._place < self._end:
            self._step(self._source[self._place])
        depth = 0
        for n, r in enumerate(self._read if self._optional else ()):
            depth += self._optional[n]
            if depth:
                self._read[n] = Read(r.char, r.start, r.end, True, r.later)
        return self._read

    def _step(self, char: str) -> None:
        if char == "\\":
            read, end = escape(self._source, self._place)
            self._put(read, end)
        elif char == "[":
            self._put(*char_class(self._source, self._place, self._end))
        elif char == "(":
            self._groups.append((len(self._read), False))
            self._place = group_head(self._source, self._place)
        elif char == ")":
            self._close()
        elif char == "|":
            self._alternate()
        elif quantifier := QUANTIFIER.match(self._source, self._place):
            self._quantify(quantifier.group())
            self._place = quantifier.end()
        elif char in "^$":
            self._place += 1
        else:
            self._put(" " if char == "." else char, self._place + 1)

    def _alternate(self) -> None:
        begun, over = self._groups[-1]
        if len(self._groups) > 1 and not over:
            self._groups[-1] = begun, True
            self._over += 1
        self._put("\n", self._place + 1)

    def _put(self, char: str, end: int) -> None:
        self._atom = len(self._read)
        if char:
            self._read.append(Read(char, self._place, end, later=self._over > 0))
        self._place = end

    def _close(self) -> None:
        self._place += 1
        if len(self._groups) > 1:
            self._atom, over = self._groups.pop()
            self._over -= over

    def _quantify(self, quantifier: str) -> None:
        if quantifier in ("*", "?") or re.match(r"\{0?,", quantifier):
            self._optional[self._atom] += 1
            self._optional[len(self._read)] -= 1
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
        left, wide = _others(source[start:close])
        return " " if wide or len({char.lower() for char in left}) > 1 else left[0], close
    if "-" in members[1:-1]:
        return "", close
    return next((char for char in members if char.isalnum()), " "), close


def members(text: str) -> tuple[list[str], bool]:
    """What the class ``text`` holds, its ranges written out, and whether it holds more than a few letters:
    those of a wide one are not all told."""
    if text[1:2] == "^":
        return _others(text)
    held: list[str] = []
    wide = False
    place, end = 1, len(text) - 1
    while place < end:
        char, after = _member(text, place)
        if not char and text[after - 1] in "wSD":
            wide = True
        if text[after : after + 1] == "-" and after + 1 < end and char:
            last, after = _member(text, after + 1)
            told = [chr(code) for code in range(ord(char), min(ord(last or char), ord(char) + _RANGE) + 1)]
            wide = wide or ord(last or char) > ord(char) + _RANGE
            held += told
        else:
            held += char or ("0123456789" if text[after - 1] == "d" else " " * (text[after - 1] in "SD"))
        place = after
    return held, wide or len({char.lower() for char in held if char.isalnum()}) > NARROW


def _others(text: str) -> tuple[list[str], bool]:
    """As ``members``, of a negated class: a few letters of ASCII where it takes no others of these."""
    excluded: set[str] = set()
    place, end = 2, len(text) - 1
    while place < end:
        first, after = _member(text, place)
        last = first
        if text[after : after + 1] == "-" and after + 1 < end:
            last, after = _member(text, after + 1)
        elif text[place] == "\\" and text[after - 1] in "wWdDsSpP":
            return [], True
        excluded.update(map(chr, range(ord(first or "\0"), min(ord(last or "\0"), 127) + 1)))
        place = after
    left = [char for char in map(chr, range(128)) if char.isalnum() and char not in excluded]
    return left, not left or len({char.lower() for char in left}) > NARROW


def cased(piece: str, letter: str, begins: bool) -> str:
    """``letter``, small, as the literal, escape or class ``piece`` writes it; a capital, if it may be one,
    where a word ``begins``."""
    if piece[0] == "[":
        held, _ = members(piece)
    else:
        held = [escape(piece, 0)[0] if piece[0] == "\\" else piece]
    if letter == " ":
        return " " if len(held) != 1 or held[0].isalnum() or piece == "." else held[0] or " "
    fit = sorted((char for char in held if char.lower() == letter), reverse=not begins)
    return fit[0] if fit else letter.upper() if begins else letter


def _member(text: str, place: int) -> tuple[str, int]:
    return escape(text, place) if text[place] == "\\" else (text[place], place + 1)


def grammar(source: str) -> list[Read]:
    """What an EBNF or Lark grammar asks for, rules in the order in which they are first asked for."""
    left = rules(source)
    read: list[Read] = []
    for name in ("root", "start", *list(left)):
        if name in left:
            read += [*_rule(source, left, name), Read("\n", 0, 0)]
    return read


def rules(source: str) -> dict[str, list[re.Match[str]]]:
    """The tokens of each rule of a grammar; of no rule, under an empty name, those before the first."""
    found: dict[str, list[re.Match[str]]] = {}
    body = found.setdefault("", [])
    for token in (_EBNF if "::=" in source else _LARK).finditer(source):
        if _HEAD.match(source, token.end()) and _is_name(token.group()):
            body = found.setdefault(token.group(), [])
        else:
            body.append(token)
    return found


def _rule(source: str, rules: dict[str, list[re.Match[str]]], name: str) -> list[Read]:
    """A rule and, in their places, those that it asks for; each is told once, and leaves ``rules``."""
    read: list[Read] = []
    waiting = [iter(rules.pop(name))]
    while waiting:
        token = next(waiting[-1], None)
        if token is None:
            waiting.pop()
        elif token.group() in rules:
            waiting.append(iter(rules.pop(token.group())))
        else:
            read += _token(source, token)
    return read


def _is_name(text: str) -> bool:
    return text[0].isalnum() or text[0] == "_"


def _token(source: str, token: re.Match[str]) -> list[Read]:
    text, place = token.group(), token.start()
    if text[0] in "\"'" and len(text) > 1:
        return list(_literal(source, place + 1, token.end() - 1))
    if text[0] == "/" and text[1:2] not in ("/", ""):
        return pattern(source, place + 1, source.rindex("/", place, token.end()))
    if text[0] == "[" and len(text) > 1:
        char, _ = char_class(source, place, token.end())
        return [Read(char, place, token.end())] if char else []
    return [Read("\n", place, place + 1, later=True)] if text == "|" else []


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
        return _rewritten_class(piece, letters)
    if piece[0] == "\\" and len(piece) > 1:
        char, _ = escape(piece, 0)
        return letters(char) if char.isalnum() else piece
    return letters(piece)


def _rewritten_class(piece: str, letters: Callable[[str], str]) -> str:
    """A class with other letters: each of a few; one that leaves the letter open goes on doing so."""
    held, wide = members(piece)
    if wide:
        return piece
    written = [letters(char) if char.isalnum() else re.escape(char) for char in dict.fromkeys(held)]
    return f"[{''.join(written)}]"
