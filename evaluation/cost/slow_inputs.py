"""Inputs that are made to be slow, each for any size."""

from __future__ import annotations

import base64
import codecs
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

QUESTION = "Who wrote the book about the goblet of fire and the harbour?"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A kind of prompt, made for a number of characters, and the names that are listed for it."""

    name: str
    make: Callable[[int], str]
    listed: Sequence[str] = ("Stephen King",)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A kind of constraint on an answer, of about so many characters: vLLM's ``StructuredOutputsParams``."""

    name: str
    make: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Text:
    """A kind of text of so many characters."""

    name: str
    make: Callable[[int], str]


def repeat(piece: str) -> Callable[[int], str]:
    return lambda characters: (piece * (characters // len(piece) + 1))[:characters]


def in_turn(*pieces: str) -> Callable[[int], str]:
    """All pieces, one after the other, again and again, in an order that is the same in every run."""
    shuffled = random.Random(0).choices(pieces, k=1_000)

    def prompt(characters: int) -> str:
        parts: list[str] = []
        length = 0
        for piece in cycle(shuffled):
            parts.append(piece)
            length += len(piece) + 1
            if length > characters:
                return " ".join(parts)[:characters]
        raise AssertionError

    return prompt


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES = (
    _base64(QUESTION),
    _base64(_base64(QUESTION)),
    _base64(codecs.encode(QUESTION, "rot13")),
    QUESTION.encode().hex(),
    codecs.encode(QUESTION, "rot13"),
    QUESTION[::-1],
    "h4rry p0773r wr0t3 th3 b00k",
    "s t e p h e n k i n g",
    "Наrrу Роttеr",
    "".join(f"\\u{ord(char):04x}" for char in QUESTION),
    "".join(f"%{ord(char):02x}" for char in QUESTION),
    "- Ste\n- phen\n- Kin\n- g\n",
    "<b>Ste</b>phen",
)

_FIRST = ("Maria", "John", "Ana", "Kim", "Lee", "Paul", "King", "Stephen")
_MIDDLE = ("Garcia", "King", "Lopez", "Smith", "Kim", "Lee", "Paul", "Maria")
_LAST = ("Vale", "Orrin", "Tolland")
SHARED = list(map(" ".join, product(_FIRST, _MIDDLE, _LAST)))

PROMPTS = (
    Prompt("ordinary sentences", repeat("The weather was mild and the harbour busy with small boats. ")),
    Prompt("mixed disguises", in_turn(*DISGUISES)),
    Prompt("base64 of base64", repeat(f"{_base64(_base64(QUESTION))} ")),
    Prompt("backwards", repeat(f"{QUESTION[::-1]} ")),
    Prompt("spaced letters", repeat("s t e p h e n   k i n g   ")),
    Prompt("leetspeak", repeat("h4rry p0773r ")),
    Prompt("escapes", repeat("\\u0041%41&#65;")),
    Prompt("halves of characters", repeat("\\ud83d\\ude00")),
    Prompt("tags", repeat("<b>a</b>")),
    Prompt("tags that nothing closes", repeat('<a b="')),
    Prompt("links that nothing closes", repeat("[a](")),
    Prompt("look-alike letters", repeat("pаypаl ")),
    Prompt("pieces of strings", repeat('"a"+')),
    Prompt("a name of one word in pieces", repeat("Vol de mort "), ("Voldemort",)),
    Prompt("names that share words", repeat("King Lee Kim Paul "), SHARED),
    Prompt("misspelt names", repeat("Stephan Kimg Mraia Garcia "), ("Stephen King", *SHARED)),
    Prompt("one short name", repeat("Bo "), ("Bo",)),
    Prompt("one name in every sentence", repeat("Stephen King wrote it. ")),
    Prompt("one name among other words", in_turn("Stephen King", *QUESTION.split())),
    Prompt("a name with hyphens", repeat("King-")),
    Prompt("base64 without an end", repeat("QUJD")),
    Prompt("base64 in lines", repeat("QUJDQUJDQUJD\n")),
    Prompt("one letter", repeat("a")),
    Prompt("a letter and a space", repeat("a ")),
    Prompt("letters below each other", repeat("- a\n")),
    Prompt("struck-out letters", repeat("a\u0336")),
    Prompt("invisible letters", repeat("\U000e0041")),
    Prompt("another alphabet", repeat("рот ")),
    Prompt("rotated letters", repeat("jub jebgr uneel ")),
    Prompt("digits", repeat("12 ")),
    Prompt("initials without a name", repeat("x-")),
    Prompt("half of a name", repeat("Quist. "), ("Lena Quist",)),
    Prompt("emoji", repeat("\U0001f600")),
    Prompt("names in two fields", repeat("first: Stephen, last: ")),
    Prompt("fields that nothing closes", repeat('{"first_name": "')),
    Prompt("character codes", repeat("chr(83)+")),
    Prompt("octal numbers", repeat("123 164 ")),
    Prompt("cells of a table", repeat("| Paul | Simon "), ("Paul Simon",)),
    Prompt("two people of a surname", repeat("Venus and Serena "), ("Venus Williams",)),
    Prompt("a name of plain words", repeat("will young people "), ("Will Young",)),
)

CONSTRAINTS = (
    Constraint("nested groups", lambda n: {"regex": "(" * (n // 4) + "a" + ")?" * (n // 4)}),
    Constraint("nested alternatives", lambda n: {"regex": "(a|b" * (n // 6) + ")?" * (n // 6)}),
    Constraint("classes that nothing closes", lambda n: {"regex": "[" * n}),
    Constraint("quotes that nothing closes", lambda n: {"grammar": "root ::= " + '\\"' * (n // 2)}),
    Constraint("patterns that nothing closes", lambda n: {"grammar": "root ::= " + "[/\\/" * (n // 4)}),
    Constraint("pieces of a name", lambda n: {"grammar": "root ::= " + '"Ste" ' * (n // 6)}),
    Constraint(
        "a chain of rules", lambda n: {"grammar": "".join(f"r{i} ::= r{i + 1}\n" for i in range(n // 14))}
    ),
    Constraint("one definition for all fields", lambda n: {"json": _fields(n // 28, {"$ref": "#/$defs/x"})}),
    Constraint("a name in every choice", lambda n: {"choice": [f"Stephen King {i}" for i in range(n // 18)]}),
    Constraint(
        "a key given twice", lambda n: {"json": '{"a": ' + '{"const": "x", "const": "y"}' * (n // 28) + "}"}
    ),
)

ANSWERS = (
    Text("a stand-in without an end", repeat("gatsby")),
    Text("initials", repeat("j ")),
    Text("one letter without spaces", repeat("村")),
)


def _open_rules(count: int) -> str:
    return "".join(f'r{n} ::= r{n + 1} | "S" [a-z]\n' for n in range(count))


def _fields(count: int, field: Any) -> Any:
    defined = {"y": {"const": "King"}, "x": {"const": "Stephen"}}
    return {"type": "object", "properties": {f"p{n}": field for n in range(count)}, "$defs": defined}
