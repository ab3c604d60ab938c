"""A name that looks like a person's, in its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..text.folding import normalise

# Titles of works begin so, and "The Oval Office" is no "The Office".
_TITLE_WORDS = "the a an my our la le les el los las il der die das o os as al and of in on"
_ARTICLES = frozenset(_TITLE_WORDS.split())
PARTICLES = frozenset(
    """van von vom zu zur der den de del della dello di da dal das do dos du la le bin ibn bint ben ter
    ten""".split()  # noqa: SIM905
)
GENERATIONS = frozenset("jr sr jnr snr junior senior ii iii iv".split())  # noqa: SIM905
_MAX_INITIALS = 4
# Of a name turned round, which has a comma.
_MOST_GIVEN = 3
_AND = re.compile(r"[&+/:;!?\d]|\b(?:and|und|et)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """Folded words: Vincent Willem, van, Gogh; Antoine, de Saint, Exupéry; Robert John, Downey, Jr."""

    given: tuple[str, ...]
    particles: tuple[str, ...]
    last: str
    generation: tuple[str, ...]


def person(name: str) -> Person | None:
    """The name in its parts; None if it has one word, or looks like a title or a list."""
    words: list[str] = []
    for written in name.split():
        words += _words(written, name)
    generation = tuple(words[-1:]) if len(words) > 2 and words[-1] in GENERATIONS else ()
    end = len(words) - len(generation) - 1
    start = next((place for place in range(1, max(1, end)) if words[place] in PARTICLES), end)
    if end < 1 or not _personal(name, [*words[:start], words[end]]):
        return None
    return Person(tuple(words[:start]), tuple(words[start:end]), words[end], generation)


def _words(written: str, name: str) -> Iterator[str]:
    """The words of one that is written without spaces; of "JRR" its letters."""
    words = normalise(written)[0].split()
    initials = written.isalpha() and written.isupper() and 1 < len(written) <= _MAX_INITIALS
    split = initials and not name.isupper() and words and words[0] not in GENERATIONS
    yield from words[0] if split else words


def _personal(name: str, words: Sequence[str]) -> bool:
    """Whether all is capitalised but particles, and no article or comma stands among the names."""
    capitalised = all(word[:1].isupper() or word in PARTICLES for word in name.split())
    return capitalised and "," not in name and _ARTICLES.isdisjoint(words)


def comma_of(name: str) -> int:
    """After how many letters "Smith, Will" has its comma; 0 for what is no person turned round."""
    surname, comma, given = name.partition(",")
    turned = person(f"{given.strip()} {surname.strip()}") if comma and "," not in given else None
    if turned is None or _AND.search(name) or len(turned.given) > _MOST_GIVEN:
        return 0
    if " " in surname.strip() and " " in given.strip():  # Crouching Tiger, Hidden Dragon
        return 0
    return sum(map(len, normalise(surname)[0].split()))
