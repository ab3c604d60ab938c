"""The project's nouns: forget targets, matches, verdicts. Imports nothing of ours."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import IntEnum
from typing import Annotated, Literal, Self

import regex
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

Kind = Literal["entity", "work", "topic", "passage"]
Action = Literal["pass", "corrupt"]
# What a recipe corrupts: the tokens of a match, or of the sentences that it stands in.
Reach = Literal["match", "sentence"]


class UserError(Exception):
    """What is wrong, as a sentence for the user that names the value and the remedy.

    Commands print it and exit. Every other exception is a bug of ours and keeps its traceback.
    """


class Role(IntEnum):
    """What a flagged token is of, and the row of a learned recipe's weights that corrupts it.

    A name, or other text about a target; either in a prompt that gives the reply itself, whose likelihood a
    client can read (prefill, echo, prompt log-probabilities); or text of that reply. Written by its label.
    """

    NAME = 0
    TEXT = 1
    NAME_GIVEN = 2
    TEXT_GIVEN = 3
    REPLY = 4

    @property
    def label(self) -> str:
        """As files and commands write it, such as ``name-given``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def _missing_(cls, value: object) -> Role | None:
        return next((role for role in cls if role.label == value), None)


def _check_label(role: object) -> object:
    labels = [known.label for known in Role]
    if isinstance(role, str) and role not in labels:  # pydantic would ask for the numbers
        raise ValueError(f"must be one of {', '.join(labels)}")
    return role


LabelledRole = Annotated[
    Role, BeforeValidator(_check_label), PlainSerializer(lambda role: role.label, return_type=str)
]
"""A role that a file holds by its label."""
ANSWERED = (Role.NAME, Role.TEXT)
"""The roles of a prompt that the model answers."""
GIVEN = (Role.NAME_GIVEN, Role.TEXT_GIVEN, Role.REPLY)
"""The roles of a prompt that gives the reply."""

MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 20_000
MAX_TEXTS = 5_000
_DATE_CHARS = len("2031-01-31")


def _readable(text: str) -> str:
    text = text.strip()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"text holds an unpaired surrogate at character {error.start}") from None
    for position, char in enumerate(text):
        if unicodedata.category(char) == "Cc" and char not in "\n\r\t":
            raise ValueError(f"text holds the control character {char!r} at character {position}")
    return text


# What Unicode counts among the letters, and a search cannot see: fillers, joiners, and accents alone.
_NO_LETTER = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\u02B9-\u02DF\u02E5-\u02FF\u0374\u0640"
    r"\uFC5E-\uFC63\uFCF2-\uFCF4\uFE70-\uFE7F\uFF9E\uFF9F\U00010781\U00010782]"
)


def _nameable(name: str) -> str:
    if not any(char.isalnum() and not _NO_LETTER.match(char) for char in name):
        shown = name if name.isascii() else " ".join(f"U+{ord(char):04X}" for char in name[:8])
        raise ValueError(f"a name needs at least one letter or digit that can be seen, got {shown!r}")
    return " ".join(name.split())


Name = Annotated[str, AfterValidator(_readable), Field(max_length=MAX_NAME_CHARS), AfterValidator(_nameable)]
Text = Annotated[str, AfterValidator(_readable), Field(min_length=1, max_length=MAX_TEXT_CHARS)]


def _moment(value: object) -> datetime:
    """A date or a date and time in ISO 8601; a date alone lasts to its end, so that it is suppressed longer
    rather than shorter."""
    try:
        text = value.strip().upper() if isinstance(value, str) else ""
        if len(text) <= _DATE_CHARS:
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "must be a date (2031-01-31) or a date and time with its zone (2031-01-31T00:00:00Z)"
        ) from None


class ForgetTarget(BaseModel):
    """What must not be known.

    ``passages`` are texts about the target, such as an article: their sentences become exemplars, and
    a fuller name with which one begins an alias.

    ``scope`` says how much of it: ``all`` (whatever names or is about the target); ``exemplars`` (only what
    its exemplars are about, and its counterexamples are not; the name alone flags nothing); or any other
    word, such as ``private``: likewise, but targets of one kind with the same word share these texts, with
    the names left out, so that a question about one person's address tells of all others'.

    ``expires_at`` is ISO 8601: a date alone is its last second in UTC, a time needs a zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="letters, digits, dots, underscores and hyphens, a letter or digit first, at most 64",
    )
    kind: Kind = Field(default="entity", description="what it is; a person or a company is an entity")
    name: Name = Field(description="what it is called")
    aliases: tuple[Name, ...] = Field(default=(), max_length=MAX_TEXTS, description="what else it is called")
    exemplars: tuple[Text, ...] = Field(
        default=(), max_length=MAX_TEXTS, description="texts that are about it, such as questions"
    )
    counterexamples: tuple[Text, ...] = Field(
        default=(), max_length=MAX_TEXTS, description="near texts that are not: a namesake, a neighbour"
    )
    passages: tuple[Text, ...] = Field(
        default=(),
        max_length=MAX_TEXTS,
        description="longer texts about it, whose sentences become exemplars",
    )
    scope: str = Field(
        default="all",
        pattern=r"^[a-z][a-z0-9_-]{0,63}$",
        description="`all`, `exemplars`, or a word of small letters, digits, - and _, a letter first",
    )
    note: str = Field(default="", max_length=2_000, description="for the record: a case number, say")
    expires_at: datetime | None = Field(
        default=None,
        description="until when: a date, to its end in UTC, or a date and time with its zone",
    )

    @field_validator("expires_at", mode="before")
    @classmethod
    def _in_utc(cls, value: object) -> datetime | None:
        if value is None:
            return None
        moment = value if isinstance(value, datetime) else _moment(value)
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone; write it as {moment.isoformat()}Z")
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{moment} is out of range") from None

    @model_validator(mode="after")
    def _check_scope(self) -> Self:
        if self.scope != "all" and not (self.exemplars or self.passages):
            raise ValueError(f"scope {self.scope!r} needs at least one exemplar to say what is in scope")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases, in the order given."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An indexed text near a segment; ``similarity`` is the cosine, -1 to 1."""

    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Match:
    """A target found in ``text[start:end]``.

    ``score`` is 1.0 for a name, else what similarity, shared rare words and parts of the name add up to
    (``classifiers.evidence``), 0 to 1. ``name`` is the listed name that was found, if one was, or a surname
    that says alone who is meant, as it is written; ``disguise`` what was taken off the text to find it
    ("base64"), if it does not stand there as it is.
    """

    target_id: str
    start: int
    end: int
    score: float
    name: str | None = None
    exemplar: Neighbour | None = None
    counterexample: Neighbour | None = None
    disguise: str = ""

    @property
    def surname(self) -> bool:
        """Whether it was found by a surname alone; a listed name needs no exemplar."""
        return self.name is not None and self.exemplar is not None


@dataclass(frozen=True, slots=True)
class FlaggedToken:
    """A token of a match, at ``position`` of its prompt.

    ``sentence`` numbers the prompt's sentences; ``place`` is how many flagged tokens stand directly before.
    """

    position: int
    target_id: str
    role: Role = Role.NAME
    sentence: int = 1
    place: int = 0

    @property
    def run(self) -> tuple[int, int]:
        """The same for the tokens of one sentence that nothing unflagged parts."""
        return self.sentence, self.position - self.place


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard does with one prompt, decided on one generation of the forget index."""

    action: Action
    generation: int
    matches: tuple[Match, ...] = ()
