"""Names of people, whatever middle names stand between the first and the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..text.folded_words import FoldedWords
from ..text.word_frequency import rarity
from .given_names import other_forms
from .person import Person
from .surnames import distinctiveness

_MIDDLE_WORDS = 4
# What stands behind a name of two, and is no number of kings.
FAMILY = frozenset(("jr", "sr", "jnr", "snr", "junior", "senior"))
# Robert Schneider can be Rob Schneider if the surname is as rare as this ("Schneider" has 1.1); without a
# middle name as the second ("Paxton" has 2.3).
RARE_SURNAME = 1.0
VERY_RARE_SURNAME = 2.0
# An initial that the list has not tells the namesakes of a common name apart: "Michael Jordan" has 1.45,
# "Stephen King" 1.7.
COMMON_NAME = 1.5
# "Venus and Serena Williams" are two of one surname.
_AND = frozenset("and und et y e i и og och en ja".split())  # noqa: SIM905
_AND_SIGNS = ("&", "+")
_MOST_OTHERS = 2
# A target and its name.
Owner = tuple[str, str]


class MiddleNames:
    """Names of two or more words by their first and last, whatever middle names stand between.

    Only in names that look like a person's: capitalised words, no article. Middle names in the text must
    not contradict the listed ones: "George H. W. Bush" is no "George W. Bush". Beside a rare surname the
    first name may have another form ("Robert Michael Schneider" for Rob Schneider).
    """

    def __init__(self, people: Iterable[tuple[Person, Owner]]) -> None:
        self._people: dict[str, dict[str, list[tuple[Person, Owner]]]] = {}
        for person, owner in people:
            if min(len(person.given[0]), len(person.last)) > 2:
                lasts = self._people.setdefault(person.given[0], {})
                lasts.setdefault(person.last, []).append((person, owner))
        self._others: dict[str, list[str]] = {}
        for listed in self._people:
            for other in other_forms(listed):
                self._others.setdefault(other, []).append(listed)

    def find(self, words: FoldedWords) -> Iterator[tuple[int, int, list[Owner]]]:
        """Where in the folded text, and whose each name is."""
        for first, word in enumerate(words.words):
            if lasts := self._people.get(word):
                yield from self._from(words, first, lasts, 0.0)
            for listed in self._others.get(word, ()):
                yield from self._from(words, first, self._people[listed], RARE_SURNAME)

    def _from(
        self, words: FoldedWords, first: int, lasts: Mapping[str, list[tuple[Person, Owner]]], rare: float
    ) -> Iterator[tuple[int, int, list[Owner]]]:
        for last in range(first + 1, min(first + 1 + _MIDDLE_WORDS, len(words))):
            for person, owner in lasts.get(words[last], ()):
                alone = last - first == 1 + len(person.particles)
                if rarity(person.last) < (VERY_RARE_SURNAME if rare and alone else rare):
                    continue
                if _is_name(words, first, last, person):
                    yield *words.span(first, last + len(person.generation)), [owner]


def _is_name(words: FoldedWords, first: int, last: int, person: Person) -> bool:
    middle = words.between(first + 1, last)
    names = middle[: len(middle) - len(person.particles)]
    surname = names + person.particles == middle
    if surname and _of_two(words, first, last, names):
        return True
    if not surname or words.between(last + 1, last + 1 + len(person.generation)) != person.generation:
        return False
    capitals = [*range(first, first + 1 + len(names)), last]
    if not names and person.given[1:] and person.generation and person.generation[0] not in FAMILY:
        return False  # Pope Paul II is no Pope John Paul II
    added = bool(names) and not person.given[1:] and all(len(name) == 1 for name in names)
    if added and rarity(person.given[0]) + distinctiveness(person.last) < COMMON_NAME:
        return False  # Michael B. Jordan is no Michael Jordan
    return _agree(names, person.given[1:]) and words.in_capitals(capitals) and words.as_one(first, last)


def _of_two(words: FoldedWords, first: int, last: int, names: Sequence[str]) -> bool:
    """Whether between a first name and its surname another's stand: "Venus and Serena Williams"."""
    joined = words.gap(first).strip()
    written = joined == "" and names[:1] and names[0] in _AND and words.text_of(first + 1).islower()
    start = first + 2 if written else first + 1
    others = range(start, first + 1 + len(names))
    return (
        bool(written or joined in _AND_SIGNS)
        and 0 < len(others) <= _MOST_OTHERS
        and words.in_capitals([first, *others, last])
        and words.as_one(start, last)
    )


def _agree(middle: Sequence[str], listed: Sequence[str]) -> bool:
    """Whether middle names can be one person's: left out, or equal."""
    return not middle or not listed or equal_or_initials(middle, listed)


def equal_or_initials(names: Sequence[str], listed: Sequence[str]) -> bool:
    """Whether each of the names is the listed one, or one of the two the other's initial."""
    return len(names) == len(listed) and all(map(_is_equal_or_initial, names, listed))


def _is_equal_or_initial(one: str, other: str) -> bool:
    return one == other or (one[0] == other[0] and 1 in (len(one), len(other)))
