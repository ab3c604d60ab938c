"""A constraint as xgrammar has understood it, written anew in one plain syntax.

Regular expressions, EBNF, Lark, schemas and structural tags each have a dialect, and more ways to write a
letter than a reader of ours could know. xgrammar, which holds the model to them, makes the same few kinds of
expressions of them all. What is read here is these, so nothing is guessed; and what is written is what the
engine gets in place of the client's own once something in it is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from . import patterns
from .automaton import Atom, Automaton, Letters, Maker, letters_at

# The form of ``Grammar.serialize_json`` that is known here.
_FORM = "v16"
# More tokens of which one may stand are a place that is left open.
FEW_TOKENS = 256
# Around a regular expression, which stands unquoted while it is read.
_OPEN, _CLOSE, _JSON_CLOSE = "\ue000", "\ue001", "\ue002"
_QUOTED = re.compile(f"{_OPEN}(.*?)([{_CLOSE}{_JSON_CLOSE}])", re.DOTALL)
_HELD = re.compile(r"\\(c[A-Za-z]|.)", re.DOTALL)
# What a backslash before these letters is for; before any other it says nothing.
_MEANT = "dDwWsSnrtfvxupPbB"


class UnreadableError(RuntimeError):
    """A constraint holds what cannot be read, so nobody knows what it makes a model write."""


class Vocabulary(Protocol):
    """The served model's tokens."""

    def text_of(self, token: int) -> str | None:
        """What a token reads: U+FFFD for a part of a character, None for a special one."""

    @property
    def size(self) -> int:
        """How many there are."""


class PlainGrammar:
    """A grammar's ``source``, what it asks for (``reads``) and its ``automaton``, which share places."""

    def __init__(self, grammar: Any, vocabulary: Vocabulary) -> None:
        """Raises ``UnreadableError``."""
        form = json.loads(grammar.serialize_json())
        if form["__VERSION__"] != _FORM:
            raise UnreadableError(f"xgrammar writes form {form['__VERSION__']}, and {_FORM} is known")
        writer = _Writer(form, vocabulary)
        self.source, self.reads, self.automaton = writer.source, list(writer.reads()), writer.automaton


def spoken(source: str) -> str:
    """``source`` as xgrammar takes it."""

    def quoted(found: re.Match[str]) -> str:
        text = "".join(char if char.isalnum() else _coded(char) for char in found[1])
        return f'Regex("{text}"{", json_string=true" if found[2] == _JSON_CLOSE else ""})'

    return _QUOTED.sub(quoted, source)


# Of a rule's text: what is read, or the number of a rule that is asked for; with whether it may be left out,
# and whether it is of an alternative that is not the first.
_Item = tuple[patterns.Read | int, bool, bool]
_Items = tuple[Iterator[_Item], bool, bool]


class _Writer:
    def __init__(self, form: Any, vocabulary: Vocabulary) -> None:
        self._rules, self._vocabulary = form["rules"], vocabulary
        self._root: int = form["root_rule_id"]
        self._data, self._starts = form["grammar_expr_data"], form["grammar_expr_indptr"]
        self._written: list[str] = []
        self._length = 0
        self.automaton = Automaton()
        self.automaton.node()
        self._nodes = [(self.automaton.node(), self.automaton.node()) for _ in self._rules]
        self.automaton.join(0, self._nodes[self._root][0])
        self.automaton.end = self._nodes[self._root][1]
        self._items: list[_Item] = []
        self._optional = self._later = False
        self._asked_for: list[list[_Item]] = []
        for rule in range(len(self._rules)):
            self._rule(rule)
        self.source = "".join(self._written)

    def reads(self) -> Iterator[patterns.Read]:
        """What is asked for, rules in the order in which they are; each is told once."""
        told = {self._root}
        waiting: list[tuple[Iterator[_Item], bool, bool]] = [
            (iter(self._asked_for[self._root]), False, False)
        ]
        while waiting:
            items, optional, later = waiting[-1]
            item = next(items, None)
            if item is None:
                waiting.pop()
                continue
            what, left_out, other = item[0], optional or item[1], later or item[2]
            if isinstance(what, patterns.Read):
                yield patterns.Read(what.char, what.start, what.end, left_out, other)
            elif what not in told:
                told.add(what)
                waiting.append((iter(self._asked_for[what]), left_out, other))

    def _put(self, text: str) -> tuple[int, int]:
        self._written.append(text)
        start, self._length = self._length, self._length + len(text)
        return start, self._length

    def _read(self, char: str, start: int, end: int) -> None:
        if char:
            self._items.append((patterns.Read(char, start, end), self._optional, self._later))

    def _rule(self, rule: int) -> None:
        _, body, _, _, tokens, chars, _, lazy, temperature = self._rules[rule]
        options = [f"max_tokens={tokens}"] * (tokens >= 0) + [f"max_chars={chars}"] * (chars >= 0)
        options += ["lazy"] * bool(lazy)
        options += [f"temperature={temperature}"] if temperature is not None else []
        self._put(self._name(rule) + (f"[{', '.join(options)}]" if options else "") + " ::= ")
        self._items, self._optional, self._later = [], False, False
        self.automaton.join(self._expression(body, self._nodes[rule][0]), self._nodes[rule][1])
        self._put("\n")
        self._asked_for.append(self._items)

    def _name(self, rule: int) -> str:
        return "root" if rule == self._root else f"r{rule}"

    def _of(self, expression: int) -> tuple[int, list[int]]:
        start = self._starts[expression]
        kind, length = self._data[start : start + 2]
        return kind, self._data[start + 2 : start + 2 + length]

    def _expression(self, expression: int, here: int) -> int:
        """Write an expression that begins at a node, and return the one at which it ends."""
        kind, data = self._of(expression)
        if kind >= len(_WAYS):
            raise UnreadableError(f"an expression of kind {kind} is not known")
        return _WAYS[kind](self, data, here)

    def _atom(self, piece: str, letters: Letters, char: str, here: int) -> int:
        start, end = self._put(piece)
        after = self.automaton.node()
        self.automaton.put(here, Atom(start, end, letters.these, letters.parts, letters.narrow, after))
        self._read(char, start, end)
        return after

    def _literal(self, data: Sequence[int], here: int) -> int:
        try:
            text = bytes(data).decode()
        except UnicodeDecodeError:
            raise UnreadableError("a text is no UTF-8") from None
        self._put('"')
        for char in text:
            if char == "\0":
                self._put('" ')
                here = self._atom("[\\u0000]", Letters.of(char), char, here)
                self._put(' "')
            else:
                here = self._atom(_escaped(char), Letters.of(char), char, here)
        self._put('"')
        return here

    def _class(self, data: Sequence[int], here: int) -> int:
        negated, *bounds = data
        ranges = zip(bounds[::2], bounds[1::2], strict=True)
        held = "".join(_ranged(low, high) for low, high in ranges)
        piece = f"[{'^' if negated else ''}{held}]"
        letters, _ = letters_at(piece, 0, len(piece))
        assert letters
        return self._atom(piece, letters, patterns.char_class(piece, 0, len(piece))[0], here)

    def _class_star(self, data: Sequence[int], here: int) -> int:
        optional, self._optional = self._optional, True
        begin = self.automaton.node()
        self.automaton.join(here, begin)
        self.automaton.join(self._class(data, begin), begin)
        self._put("*")
        self._optional = optional
        return begin

    def _nothing(self, data: Sequence[int], here: int) -> int:
        self._put('""')
        return here

    def _asked(self, data: Sequence[int], here: int) -> int:
        (rule,) = data
        self._put(self._name(rule))
        return self._through(rule, here)

    def _through(self, rule: int, here: int) -> int:
        self._items.append((rule, self._optional, self._later))
        begin, end = self._nodes[rule]
        self.automaton.join(here, begin)
        after = self.automaton.node()
        self.automaton.join(end, after)
        return after

    def _sequence(self, data: Sequence[int], here: int) -> int:
        text: list[int] = []
        self._put("(")
        for n, expression in enumerate(data):
            kind, inner = self._of(expression)
            self._put(" " if n and not text else "")
            if kind == 0:  # letters that follow each other are one text
                text += inner
                if n + 1 == len(data) or self._of(data[n + 1])[0] != 0:
                    here, text = self._literal(text, here), []
                continue
            here = self._expression(expression, here)
        self._put(")")
        return here

    def _choices(self, data: Sequence[int], here: int) -> int:
        later, optional = self._later, self._optional
        self._optional = optional or any(self._of(expression)[0] == 3 for expression in data)
        after = self.automaton.node()
        self._put("(")
        for n, expression in enumerate(data):
            if n:
                self._later = True
                self._read("\n", *self._put(" | "))
            begin = self.automaton.node()
            self.automaton.join(here, begin)
            self.automaton.join(self._expression(expression, begin), after)
        self._put(")")
        self._later, self._optional = later, optional
        return after

    def _repeat(self, data: Sequence[int], here: int) -> int:
        rule, least, most = data
        self._put(f"{self._name(rule)}{{{least}, {most}}}")
        if most == 0:
            return here
        begin, optional = self.automaton.node(), self._optional
        self.automaton.join(here, begin)
        self._optional = optional or least == 0
        after = self._through(rule, begin)
        self._optional = optional
        if most != 1:
            self.automaton.join(after, begin)
        if least == 0:
            self.automaton.join(begin, after)
        return after

    def _dispatch(self, data: Sequence[int], here: int) -> int:
        """Free text, within which some texts bring on what a rule asks for."""
        *pairs, loops, excluded = data
        self._put("TagDispatch")
        free = self._free(here)
        for text, rule in zip(pairs[::2], pairs[1::2], strict=True):
            self._read("\n", *self._put("("))
            begun = self._literal(self._of(text)[1], free)
            self._put(f", {self._name(rule)}), ")
            self.automaton.join(self._through(rule, begun), free)
        texts = [bytes(self._of(n)[1]).decode() for n in self._of(excluded)[1]]
        told = ", ".join(f'"{"".join(map(_escaped, text))}"' for text in texts)
        self._put(f"loop_after_dispatch={'true' if loops else 'false'}, excludes=({told}))")
        return free

    def _token_dispatch(self, data: Sequence[int], here: int) -> int:
        count, *rest = data
        pairs, (loops, _, *excluded) = rest[: 2 * count], rest[2 * count :]
        self._put("TokenTagDispatch")
        free = self._free(here)
        for token, rule in zip(pairs[::2], pairs[1::2], strict=True):
            if self._vocabulary.text_of(token) is not None:
                raise UnreadableError("a token of text brings on what a rule asks for")
            self._read("\n", *self._put(f"({token}, {self._name(rule)}), "))
            self.automaton.join(self._through(rule, free), free)
        told = ", ".join(map(str, excluded))
        self._put(f"loop_after_dispatch={'true' if loops else 'false'}, excludes=({told}))")
        return free

    def _free(self, here: int) -> int:
        """A node at which any text may stand."""
        free = self.automaton.node()
        self.automaton.join(here, free)
        start, end = self._put("(")
        self.automaton.put(free, Atom(start, end, None, True, False, free))
        self._read("\n", start, end)
        return free

    def _token(self, data: Sequence[int], here: int) -> int:
        if len(data) > FEW_TOKENS:
            return self._any_token(f"Token({', '.join(map(str, data))})", here)
        after, later = self.automaton.node(), self._later
        self._put("(")
        for n, token in enumerate(data):
            if n:
                self._later = True
                self._read("\n", *self._put(" | "))
            text = self._vocabulary.text_of(token)
            if text == "\ufffd":
                raise UnreadableError("a token is a part of a character")
            if text is None:
                self._put(f"Token({token})")
                self.automaton.join(here, after)
            else:
                begin = self.automaton.node()
                self.automaton.join(here, begin)
                self.automaton.join(self._literal(list(text.encode()), begin), after)
        self._put(")")
        self._later = later
        return after

    def _other_token(self, data: Sequence[int], here: int) -> int:
        if self._vocabulary.size - len(data) <= FEW_TOKENS:
            excluded = set(data)
            return self._token([n for n in range(self._vocabulary.size) if n not in excluded], here)
        return self._any_token(f"ExcludeToken({', '.join(map(str, data))})", here)

    def _any_token(self, written: str, here: int) -> int:
        name, told = written.split("(", 1)
        self._put(name)
        free = self._free(here)
        self._put(told)
        return free

    def _regex(self, data: Sequence[int], here: int) -> int:
        flags, *code = data
        held = _HELD.sub(_plainly, bytes(code).decode()).translate({0xE000: "", 0xE001: "", 0xE002: ""})
        self._put(_OPEN)
        start = self._length
        # The reader looks into the whole source, which is not written yet: so it reads by itself, moved.
        reader = Maker(held, here, self.automaton, start)
        reader.read_pattern(0, len(held))
        after = self.automaton.node()
        reader.finish(after)
        for read in patterns.pattern(held):
            place = patterns.Read(read.char, read.start + start, read.end + start)
            self._items.append((place, self._optional or read.optional, self._later or read.later))
        self._put(held)
        self._put(_JSON_CLOSE if flags else _CLOSE)
        return after

    def _part_of(self, data: Sequence[int], here: int) -> int:
        """Pieces of a text, from any one to any other."""
        after, at, place = self.automaton.node(), self.automaton.node(), 0
        self._put("Substring(")
        while place < len(data):
            self._put(", " if place else "")
            end = place + 1 + data[place]
            self.automaton.join(here, at)
            at = self._literal(data[place + 1 : end], at)
            self.automaton.join(at, after)
            place = end
        self._put(")")
        return after


# How each kind of expression is written; their numbers are xgrammar's.
_WAYS: tuple[Callable[[_Writer, Sequence[int], int], int], ...] = (
    _Writer._literal,
    _Writer._class,
    _Writer._class_star,
    _Writer._nothing,
    _Writer._asked,
    _Writer._sequence,
    _Writer._choices,
    _Writer._dispatch,
    _Writer._repeat,
    _Writer._token,
    _Writer._other_token,
    _Writer._token_dispatch,
    _Writer._regex,
    _Writer._part_of,
)


def _escaped(char: str) -> str:
    """``char`` as it may stand in a text."""
    plain = char.isprintable() and char not in '"\\'
    return char if plain else _coded(char)


def _coded(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _ranged(low: int, high: int) -> str:
    """A range as it stands in a class."""
    first, last = (chr(c) if chr(c).isalnum() else _coded(chr(c)) for c in (low, high))
    return first if low == high else f"{first}-{last}"


def _plainly(escape: re.Match[str]) -> str:
    """An escape of a regular expression, or what stands there if it is one of a plain character."""
    held = escape[1]
    if held == "0" or len(held) == 2:
        return f"\\u{0 if held == '0' else ord(held[1]) % 32:04x}"
    return held if held.isalpha() and held not in _MEANT else escape[0]
