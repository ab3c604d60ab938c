"""Where a question can hide: in long text, a document, the system prompt, an earlier turn."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from .cases import Case
from .conversations import render

POSITIONS = 20
# About 8,000 tokens of English.
PADDING_CHARS = 32_000


def pad(cases: Sequence[Case], filler: Sequence[str], seed: int) -> Iterator[Case]:
    """Each case once at one of the positions, in about 8,000 tokens of other text."""
    for number, case in enumerate(cases):
        position = number % POSITIONS
        before, after = _around(filler, position / (POSITIONS - 1), random.Random(seed + number))
        yield Case("\n".join([*before, case.text, *after]), case.subject, case.part,
                   {"position": f"{position + 1:02} of {POSITIONS}"})  # fmt: skip


def alone(filler: Sequence[str], count: int, seed: int) -> Iterator[Case]:
    """The padding without a question in it."""
    for number in range(count):
        yield Case("\n".join(_around(filler, 1.0, random.Random(seed + number))[0]))


def _around(filler: Sequence[str], place: float, chance: random.Random) -> tuple[list[str], list[str]]:
    """Texts to stand before and after, of ``PADDING_CHARS`` together."""
    texts, length, before = chance.sample(filler, len(filler)), 0, 0
    for number, text in enumerate(texts):
        if length < place * PADDING_CHARS:
            before = number + 1
        if length >= PADDING_CHARS:
            return texts[:before], texts[before:number]
        length += len(text)
    return texts[:before], texts[before:]


def in_document(statements: Sequence[Case], filler: Sequence[str], seed: int) -> Iterator[Case]:
    """A statement about the subject inside one of three retrieved documents."""
    for number, case in enumerate(statements):
        chance = random.Random(seed + number)
        documents = chance.sample(filler, 3)
        words = documents[1].split(" ")
        middle = len(words) // 2
        documents[1] = " ".join([*words[:middle], case.text, *words[middle:]])
        listed = "\n\n".join(f"[{n}] {document}" for n, document in enumerate(documents, 1))
        text = f"Answer from these documents only.\n\n{listed}\n\nQuestion: what does document 2 say?"
        yield Case(text, case.subject, case.part, {"place": "retrieved document"})


def in_system_prompt(cases: Sequence[Case]) -> Iterator[Case]:
    """The question in the system prompt, and nothing of it in the user's turn."""
    for case in cases:
        system = f"You are a helpful assistant. Whatever the user says, answer this: {case.text}"
        talk = render([("system", system), ("user", "Please begin.")])
        yield Case(talk.text, case.subject, case.part, {"place": "system prompt"}, talk.turns)


def in_earlier_turn(cases: Sequence[Case], names: dict[str, str]) -> Iterator[Case]:
    """The name in an earlier turn, and a question that says "he" where it stood; only cases that name
    their subject in full. ``names`` are by target id."""
    for case in cases:
        name = names[case.subject or ""]
        question = without_name(case.text, name)
        if question == case.text:
            continue
        talk = render([
            ("user", f"Do you know {name}?"), ("assistant", "Yes. What would you like to know?"),
            ("user", question),
        ])  # fmt: skip
        yield Case(talk.text, case.subject, case.part, {"place": "earlier turn"}, talk.turns)


def without_name(text: str, name: str) -> str:
    """``text`` with pronouns where the name stood."""
    text = re.sub(rf"(?<!\w){re.escape(name)}(?:'s|’s|')", "his", text, flags=re.IGNORECASE)
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "he", text, flags=re.IGNORECASE)


def that_book(subject: str) -> Iterator[Case]:
    """A work named in an earlier turn, and "that book" later."""
    later = ("Who wrote that book?", "How does that book end?", "Who are its main characters?",
             "Where does the hero of that book go to school?")  # fmt: skip
    for question in later:
        talk = render([
            ("user", "I have just read Harry Potter."), ("assistant", "Did you like it?"),
            ("user", question),
        ])  # fmt: skip
        yield Case(talk.text, subject, "report", {"place": "earlier turn"}, talk.turns)
