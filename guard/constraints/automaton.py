"""Regular expressions and grammars as automata: which letter may follow which.

Where a pattern leaves letters open or has several ways through a word, no one text says what it makes a
model write. The automaton is lenient where dialects differ and counts no repetitions: it takes what the
pattern takes, and more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import patterns
from .letters import is_letter

# So many nodes are looked at from one place, and from all places of an automaton for each of its nodes: a
# client's pattern may let everything follow everything.
_NEAR = 1_024
_NEAR_FOR_EACH = 16
# So many nodes that lead to one alone are passed; rules may ask for each other in a ring.
_ALONE = 16


@dataclass(frozen=True, slots=True)
class Atom:
    """What writes one character, and stands in ``source[start:end]``: one of some ``letters``, lower case
    (None: of any), or something else where it ``parts`` words."""

    start: int
    end: int
    letters: frozenset[str] | None
    parts: bool
    # Whether its letters give way to others where it is flagged; what takes any letter stays as it is.
    narrow: bool
    after: int

    def writes(self, letter: str) -> bool:
        """Whether ``letter``, lower case, may stand here."""
        return self.letters is None or letter in self.letters


@dataclass(frozen=True, slots=True)
class Near:
    """What may come next: these atoms, by their numbers, or the end; ``parted`` where the word may end."""

    atoms: tuple[int, ...]
    ends: bool
    parted: bool


class Automaton:
    """Atoms between nodes, and ways from node to node that write nothing. The first node is the start."""

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self._leaving: list[list[int]] = []
        self._ways: list[list[int]] = []
        self.end = -1
        self._near: dict[int, Near] = {}
        self._left = 0

    def node(self) -> int:
        """A new one."""
        self._ways.append([])
        self._leaving.append([])
        self._left += _NEAR_FOR_EACH
        return len(self._ways) - 1

    def join(self, one: int, other: int) -> None:
        """A way from ``one`` node to the ``other``."""
        self._ways[one].append(other)

    def put(self, at: int, atom: Atom) -> None:
        """An ``atom`` after the node ``at``."""
        self._leaving[at].append(len(self.atoms))
        self.atoms.append(atom)

    def near(self, node: int) -> Near:
        """What may come after ``node``: the same object for nodes that lead to one alone."""
        for _ in range(_ALONE):
            if len(self._ways[node]) != 1 or self._leaving[node] or node == self.end:
                break
            node = self._ways[node][0]
        if (known := self._near.get(node)) is None:
            known = self._near[node] = self._look(node)
        return known

    def _look(self, node: int) -> Near:
        seen, waiting, found = {node}, [node], []
        most = _NEAR if self._left > 0 else _NEAR_FOR_EACH
        while waiting and len(seen) < most:
            at = waiting.pop()
            found += self._leaving[at]
            fresh = [other for other in self._ways[at][:most] if other not in seen]
            seen.update(fresh)
            waiting += fresh
        self._left -= len(seen) + len(found)
        ends = self.end in seen
        return Near(tuple(found[:most]), ends, ends or any(self.atoms[n].parts for n in found))

    def beginnings(self) -> Iterator[int]:
        """The atoms that may begin a word."""
        nodes = dict.fromkeys([0, *(atom.after for atom in self.atoms if atom.parts)])
        yield from dict.fromkeys(n for node in nodes for n in self.near(node).atoms if _writes(self.atoms[n]))


def _writes(atom: Atom) -> bool:
    return atom.letters is None or bool(atom.letters)


def of_pattern(source: str) -> Automaton:
    """What a regular expression takes."""
    made = Maker(source, 0)
    made.read_pattern(0, len(source))
    made.finish()
    return made.automaton


def of_grammar(source: str) -> Automaton:
    """What an EBNF or Lark grammar takes, whatever rule it comes back to."""
    rules = patterns.rules(source)
    first = next((name for name in ("root", "start") if name in rules), None)
    maker = Maker(source, 0)
    nodes = {name: (maker.automaton.node(), maker.automaton.node()) for name in rules}
    for name in [first] if first else nodes:
        maker.automaton.join(0, nodes[name][0])
        maker.automaton.join(nodes[name][1], maker.automaton.end)
    for name, tokens in rules.items():
        rule = Maker(source, nodes[name][0], maker.automaton)
        for token in tokens:
            rule.read_token(token, nodes)
        rule.finish(nodes[name][1])
    return maker.automaton


class Maker:
    """Makes an automaton, as a source is read."""

    def __init__(self, source: str, begin: int, automaton: Automaton | None = None, moved: int = 0) -> None:
        """``source`` is read from the node ``begin`` on; its places are those of atoms less ``moved``."""
        self._source, self._moved = source, moved
        self.automaton = automaton or Automaton()
        if automaton is None:
            begin, self.automaton.end = self.automaton.node(), self.automaton.node()
        self._here = self._piece = begin
        # The begin and the end of each group that is open, the whole being one.
        self._groups = [(begin, self.automaton.node())]

    def finish(self, end: int | None = None) -> None:
        """Close what is open, and go to the node ``end``."""
        while self._groups:
            self._close()
        self.automaton.join(self._here, self.automaton.end if end is None else end)

    def _open(self) -> None:
        begin = self._begin()
        self._groups.append((begin, self.automaton.node()))

    def _begin(self) -> int:
        """A node to begin a piece with, so that what is repeated is this piece alone."""
        begin = self.automaton.node()
        self.automaton.join(self._here, begin)
        self._here = self._piece = begin
        return begin

    def _close(self) -> None:
        begin, end = self._groups.pop()
        self.automaton.join(self._here, end)
        self._piece, self._here = begin, end

    def _alternate(self) -> None:
        begin, end = self._groups[-1]
        self.automaton.join(self._here, end)
        self._here = self._piece = begin

    def _quantify(self, quantifier: str) -> None:
        if quantifier in ("*", "?") or re.match(r"\{0?,|\{0\}", quantifier):
            self.automaton.join(self._piece, self._here)
        if quantifier != "?" and quantifier not in ("{1}", "{0,1}", "{,1}"):
            self.automaton.join(self._here, self._piece)

    def _put(self, start: int, end: int, letters: Letters) -> None:
        at, after = self._begin(), self.automaton.node()
        place = start + self._moved, end + self._moved
        self.automaton.put(at, Atom(*place, letters.these, letters.parts, letters.narrow, after))
        self._here = after

    def read_pattern(self, place: int, end: int) -> None:
        """A regular expression, ``source[place:end]``."""
        depth = len(self._groups)
        while place < end:
            place = self._step(place, end, depth)

    def _step(self, place: int, end: int, depth: int) -> int:
        source, char = self._source, self._source[place]
        if char == "(":
            self._open()
            return patterns.group_head(source, place)
        if char == ")":
            if len(self._groups) > depth:
                self._close()
            return place + 1
        if char == "|":
            self._alternate()
            return place + 1
        if found := patterns.QUANTIFIER.match(source, place):
            self._quantify(found.group())
            return found.end()
        if char in "^$":
            return place + 1
        letters, stop = letters_at(source, place, end)
        if letters:
            self._put(place, stop, letters)
        return stop

    def read_token(self, token: re.Match[str], rules: dict[str, tuple[int, int]]) -> None:
        """A token of a grammar with such ``rules``, of which each has a begin and an end."""
        text, place = token.group(), token.start()
        if text in rules:
            self._begin()
            self.automaton.join(self._here, rules[text][0])
            self._here = self.automaton.node()
            self.automaton.join(rules[text][1], self._here)
        elif text[0] in "\"'" and len(text) > 1:
            self._literal(place + 1, token.end() - 1)
        elif text[0] == "/" and text[1:2] not in ("/", ""):
            self._open()
            self.read_pattern(place + 1, self._source.rindex("/", place, token.end()))
            self._close()
        elif text in ("(", "["):
            self._open()
        elif text in (")", "]"):
            if len(self._groups) > 1:
                self._close()
                self._quantify("?" if text == "]" else "{1}")
        elif text == "|":
            self._alternate()
        elif text[0] == "[" or text == ".":
            letters, stop = letters_at(self._source, place, token.end())
            if letters:
                self._put(place, stop, letters)
        elif patterns.QUANTIFIER.fullmatch(text):
            self._quantify(text)

    def _literal(self, place: int, end: int) -> None:
        self._open()
        while place < end:
            if self._source[place] == "\\":
                char, stop = patterns.escape(self._source, place)
            else:
                char, stop = self._source[place], place + 1
            if char:
                self._put(place, stop, Letters.of(char))
            place = stop
        self._close()


@dataclass(frozen=True, slots=True)
class Letters:
    """What an atom takes: ``these``, lower case (None: any), and what ``parts`` words."""

    these: frozenset[str] | None
    parts: bool
    narrow: bool

    @classmethod
    def of(cls, char: str) -> Letters:
        """One character alone."""
        letters = frozenset(c for c in (char.lower(),) if is_letter(char) and len(c) == 1)
        return cls(letters, not is_letter(char), bool(letters))


_ANY = Letters(None, True, False)
_WORD = Letters(None, False, False)
_PART = Letters(frozenset(), True, False)
_ESCAPES = {"w": _WORD, "S": _ANY, "D": _ANY, "p": _ANY, "P": _ANY, "X": _ANY}
_ESCAPES["d"] = Letters(frozenset("0123456789"), False, True)


def letters_at(source: str, place: int, end: int) -> tuple[Letters | None, int]:
    """What the literal, escape or class at ``place`` takes, nothing if it writes nothing, and its end."""
    char = source[place]
    if char == "[":
        return _class(source, place, end)
    if char == ".":
        return _ANY, place + 1
    if char != "\\":
        return Letters.of(char), place + 1
    if found := _ESCAPES.get(source[place + 1 : place + 2]):
        stop = source.find("}", place) + 1 if source[place + 2 : place + 3] == "{" and found is _ANY else 0
        return found, min(stop or place + 2, end)
    char, stop = patterns.escape(source, place)
    return (Letters.of(char) if char else None), stop


def _class(source: str, start: int, end: int) -> tuple[Letters, int]:
    _, close = patterns.char_class(source, start, end)
    members, wide = patterns.members(source[start:close])
    if wide and source[start + 1 : start + 2] == "^":
        return _ANY, close
    letters = frozenset(c.lower() for c in members if is_letter(c) and len(c.lower()) == 1)
    parts = any(not is_letter(char) for char in members)
    return Letters(None if wide else letters, parts, bool(letters) and not wide), close
