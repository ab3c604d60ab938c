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
    made: Callable[[int], str]
    listed: Sequence[str] = ("Stephen King",)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A kind of constraint on an answer, of about so many characters: vLLM's ``StructuredOutputsParams``."""

    name: str
    made: Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Text:
    """A kind of text of so many characters."""

    name: str
    made: Callable[[int], str]


def repeated(piece: str) -> Callable[[int], str]:
    return lambda characters: (piece * (characters // len(piece) + 1))[:characters]


def in_turn(*pieces: str) -> Callable[[int], str]:
    """All pieces, one after the other, again and again, in an order that is the same in every run."""
    shuffled = random.Random(0).choices(pieces, k=1_000)

    def prompt(characters: int) -> str:
        found: list[str] = []
        length = 0
        for piece in cycle(shuffled):
            found.append(piece)
            length += len(piece) + 1
            if length > characters:
                return " ".join(found)[:characters]
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

SHARED = [
    " ".join(words)
    for words in product(
        ("Maria", "John", "Ana", "Kim", "Lee", "Paul", "King", "Stephen"),
        ("Garcia", "King", "Lopez", "Smith", "Kim", "Lee", "Paul", "Maria"),
        ("Vale", "Orrin", "Tolland"),
    )
]

PROMPTS = (
    Prompt("ordinary sentences", repeated("The weather was mild and the harbour busy with small boats. ")),
    Prompt("mixed disguises", in_turn(*DISGUISES)),
    Prompt("base64 of base64", repeated(f"{_base64(_base64(QUESTION))} ")),
    Prompt("backwards", repeated(f"{QUESTION[::-1]} ")),
    Prompt("spaced letters", repeated("s t e p h e n   k i n g   ")),
    Prompt("leetspeak", repeated("h4rry p0773r ")),
    Prompt("escapes", repeated("\\u0041%41&#65;")),
    Prompt("halves of characters", repeated("\\ud83d\\ude00")),
    Prompt("tags", repeated("<b>a</b>")),
    Prompt("tags that nothing closes", repeated('<a b="')),
    Prompt("links that nothing closes", repeated("[a](")),
    Prompt("look-alike letters", repeated("pаypаl ")),
    Prompt("pieces of strings", repeated('"a"+')),
    Prompt("a name of one word in pieces", repeated("Vol de mort "), ("Voldemort",)),
    Prompt("names that share words", repeated("King Lee Kim Paul "), SHARED),
    Prompt("misspelt names", repeated("Stephan Kimg Mraia Garcia "), ("Stephen King", *SHARED)),
    Prompt("one short name", repeated("Bo "), ("Bo",)),
    Prompt("one name in every sentence", repeated("Stephen King wrote it. ")),
    Prompt("one name among other words", in_turn("Stephen King", *QUESTION.split())),
    Prompt("base64 without an end", repeated("QUJD")),
    Prompt("base64 in lines", repeated("QUJDQUJDQUJD\n")),
    Prompt("one letter", repeated("a")),
    Prompt("a letter and a space", repeated("a ")),
    Prompt("letters below each other", repeated("- a\n")),
    Prompt("struck-out letters", repeated("a\u0336")),
    Prompt("invisible letters", repeated("\U000e0041")),
    Prompt("another alphabet", repeated("рот ")),
    Prompt("rotated letters", repeated("jub jebgr uneel ")),
    Prompt("digits", repeated("12 ")),
    Prompt("initials without a name", repeated("x-")),
    Prompt("half of a name", repeated("Quist. "), ("Lena Quist",)),
    Prompt("emoji", repeated("\U0001f600")),
    Prompt("names in two fields", repeated("first: Stephen, last: ")),
    Prompt("fields that nothing closes", repeated('{"first_name": "')),
    Prompt("character codes", repeated("chr(83)+")),
    Prompt("octal numbers", repeated("123 164 ")),
    Prompt("cells of a table", repeated("| Paul | Simon "), ("Paul Simon",)),
    Prompt("two people of a surname", repeated("Venus and Serena "), ("Venus Williams",)),
    Prompt("a name of plain words", repeated("will young people "), ("Will Young",)),
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
    Text("a stand-in without an end", repeated("gatsby")),
    Text("initials", repeated("j ")),
    Text("one letter without spaces", repeated("村")),
)


def _open_rules(count: int) -> str:
    return "".join(f'r{n} ::= r{n + 1} | "S" [a-z]\n' for n in range(count))


def _fields(count: int, field: Any) -> Any:
    defined = {"y": {"const": "King"}, "x": {"const": "Stephen"}}
    return {"type": "object", "properties": {f"p{n}": field for n in range(count)}, "$defs": defined}
