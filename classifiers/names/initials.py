"""Names of people whose given names are written as initials: "JRR Tolkien", "Tolkien, J. R. R."."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..text.folded_words import FoldedWords
from ..text.word_frequency import rarity
from .middle_names import FAMILY, Owner, equal_or_initials
from .name_forms import TURNED
from .person import Person
from .surnames import distinctiveness

_MOST = 4
# Of a patronymic, which no list says.
_ANY = "*"
# One initial is enough beside a surname as rare as this ("Tolkien" 2.1), and two letters in lower case, where
# they may be a word, if they are as rare as a word as that.
RARE_SURNAME = 2.0
RARE_LETTERS = 1.0
# "AI Field" has abbreviations: a surname as common as that ("Wells" 1.0, "Field" 0.3) needs full stops.
NAMELY = 0.5
# "Dr King" and "MS Smith" have titles.
_TITLES = frozenset("mr ms mrs dr st sr jr pm vp phd md esq prof rev".split())  # noqa: SIM905


class Initials:
    """Names that look like a person's by the surname and the initials of the names before it.

    All given names must be there, as initials or in full, where the listed name may have initials itself
    ("Joanne Kathleen Rowling" for J. K. Rowling). One initial alone is enough if the surname is rare or
    has a particle.
    """

    def __init__(self, people: Iterable[tuple[Person, Owner]]) -> None:
        self._people: dict[str, dict[tuple[str, ...], dict[str, list[tuple[Person, Owner]]]]] = {}
        for person, owner in people:
            self._add(person, owner)

    def _add(self, person: Person, owner: Owner) -> None:
        letters = "".join(word[0] for word in person.given)
        if _has_patronymic(person) and rarity(person.last) >= RARE_LETTERS:
            people = self._people.setdefault(person.last, {}).setdefault(person.particles, {})
            people.setdefault(letters + _ANY, []).append((person, owner))
        telling = rarity(person.last) >= RARE_SURNAME or bool(person.particles)
        rare = telling and len(person.given[0]) > 1
        if len(letters) == 1 and not rare:
            return
        people = self._people.setdefault(person.last, {}).setdefault(person.particles, {})
        for initials in {letters, letters[0]} if rare else {letters}:
            people.setdefault(initials, []).append((person, owner))

    def find(self, words: FoldedWords) -> Iterator[tuple[int, int, list[Owner]]]:
        """Where in the folded text, and whose each name is."""
        for last, word in enumerate(words.words):
            if word not in self._people:
                continue
            for particles, people in self._people[word].items():
                start = last - len(particles)
                if start >= 0 and words.between(start, last) == particles:
                    yield from _find_people(words, start, last, people)


def _find_people(
    words: FoldedWords, start: int, last: int, people: Mapping[str, Sequence[tuple[Person, Owner]]]
) -> Iterator[tuple[int, int, list[Owner]]]:
    """Of the people of a surname those whose initials stand before it, or after it and a comma."""
    for first, letters in _before(words, start):
        if namesakes := [*people.get(letters, ()), *people.get(letters[:-1] + _ANY, ())]:
            owners = [owner for p, owner in namesakes if _is_name(words, first, start, last, p)]
            yield *words.span(first, last), owners
    for stop, letters in _after(words, last):
        if people.get(letters):
            yield *words.span(start, stop), [owner for _, owner in people[letters]]


def _before(words: FoldedWords, start: int) -> Iterator[tuple[int, str]]:
    """The initials that the words before a surname have, and with which of them they begin."""
    if start and _together(words, start - 1, start):
        yield start - 1, words[start - 1]
    for first in range(max(0, start - _MOST), start):
        if start - first > 1 or (words.after(first) == "." and _first(words, first)):
            yield first, "".join(words[place][0] for place in range(first, start))


def _first(words: FoldedWords, place: int) -> bool:
    """Whether a capital stands here, and no other name before it: "Christopher J. Tolkien" is another."""
    before = words[place - 1] if place else ""
    name = len(before) == 1 or rarity(before) > 0
    named = before and name and words.in_capitals([place - 1]) and words.after(place - 1) in (" ", ".")
    return words.in_capitals([place]) and not named


def _after(words: FoldedWords, last: int) -> Iterator[tuple[int, str]]:
    """The initials after a surname and a comma, or after a rare one, and with which word they end."""
    rare = words.after(last) == " " and distinctiveness(words[last]) >= TURNED
    if words.after(last) != "," and not (rare and words.in_capitals([last])):
        return
    letters = ""
    for place in range(last + 1, min(last + 1 + _MOST, len(words))):
        if len(words[place]) > 1 or not words.in_capitals([place]):
            break
        letters += words[place]
    if len(letters) > 1 or (letters and not rare):
        yield last + len(letters), letters
    if last + 1 < len(words) and len(words[last + 1]) > 1 and words.text_of(last + 1).isupper():
        yield last + 1, words[last + 1]


def _together(words: FoldedWords, place: int, surname: int) -> bool:
    """Whether a word is initials without spaces: "JRR", and "jrr" where no case tells."""
    word, written = words[place], words.text_of(place)
    if not 1 < len(word) <= _MOST or word in _TITLES:
        return False
    if written.isupper() and not words.text_of(surname).isupper():
        return words.in_capitals([surname]) and rarity(words[surname]) >= NAMELY
    return not words.in_capitals([surname]) and rarity(word) >= RARE_LETTERS


def _is_name(words: FoldedWords, first: int, start: int, last: int, person: Person) -> bool:
    given = words.between(first, start)
    if person.generation and person.generation[0] not in FAMILY:
        number = words.between(last + 1, last + 1 + len(person.generation))
        if number != person.generation:  # another pope
            return False
    if _has_patronymic(person) and len(given) == 2:
        given = given[:1]
    together = len(given) == 1 and len(given[0]) > 1
    if not together and not equal_or_initials(given, person.given[: len(given)]):
        return False
    names = [place for place in range(first, start) if len(words[place]) > 1 and not together]
    return (
        words.as_one(first, last)
        and words.in_capitals([*names, last] if names else [])
        and all(_is_initial(words, place) for place in range(first, start) if len(words[place]) == 1)
    )


def _has_patronymic(person: Person) -> bool:
    """Whether a second initial may be added to the one given name: "Л. Н. Толстой" for Лев Толстой."""
    return len(person.given) == 1 and "\u0400" <= person.last[0] < "\u0530"


def _is_initial(words: FoldedWords, place: int) -> bool:
    """Whether a letter is an initial, not the word "a" nor the end of "that's"."""
    word = words[place] not in ("a", "i") or words.in_capitals([place]) or words.after(place) == "."
    return word and words.before(place) not in ("'", "’")
