"""Find misspelt and declined names: an edit or an ending in each word, at most two edits in a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from string import ascii_lowercase
from typing import NamedTuple

from ..text.folding import normalise
from ..text.numerals import is_number
from ..text.word_frequency import ORDINARY_ZIPF, common_words, english_rarity, rarity
from .endings import (
    AFTER_APOSTROPHE,
    LAST_ALONE,
    MOST_LETTERS,
    languages_of_ending,
    other_gender,
    own_word,
    stems,
)
from .names import NameHit

# Shorter words are one edit away from too much.
MIN_WORD_LETTERS = 4
MIN_SINGLE_LETTERS = 6
MAX_EDITS = 2
# Longer "words" are encodings, and their neighbourhood would take time quadratic in their length.
MAX_WORD_LETTERS = 32
# A word among the commonest is no misspelling of a name; among the rare ones are other spellings.
COMMON_RARITY = 1.1
# A word as common as these in English, or in its own language where English knows it too ("Petersen"), is
# somebody else's surname: "Hanson" for Hansen. "Segal" for Seagal is rarer.
SURNAME_ZIPF = 3.4
FOREIGN_SURNAME_ZIPF = 4.0
# What bounds the work at each word of a text, whatever is listed. A few at a time are seen in practice.
MAX_NEAR = 32
MAX_OPEN = 32
MAX_OWNERS = 16
# Of a longer title the beginning is enough.
MAX_WORDS = 16
# What is near depends on a word alone, and few words make up most texts.
REMEMBERED_WORDS = 8_192

_APOSTROPHES = frozenset("'’ʼ`´")
_SPACES = (" ", "", "-", "_")
_PARTING = frozenset(",;:!?")
_ALL = -1
# What stands between a Russian's, Ukrainian's or Belarusian's first name and surname, in all its cases.
_PATRONYMIC = re.compile(r"\w+(?:[ое]вич|[ое]вн|ічн|івн|їчн|[ое]вно|ьич|еич)\w{0,3}")
_FOLDED_WORD = re.compile(r"[^ ]+")


class _Word(NamedTuple):
    """A word of the text in ``text[start:end]``."""

    key: tuple[str, str]
    """Folded, and in small letters with its accents: "marię" is a form, "Marie" a name."""
    start: int
    end: int
    after_apostrophe: int
    """If it is an ending after an apostrophe, its languages (bits)."""
    parted: bool
    """Whether punctuation ends a sentence or an item of a list before it."""


class _Step(NamedTuple):
    """How a word of the text may mean a listed one: by edits, or by an ending in some languages (bits)."""

    word: str
    edits: int
    languages: int
    own: bool
    """Whether the text's word is a word or a name by itself."""


class _Open(NamedTuple):
    """A name begun: the node of its last word in the trie, and what was changed so far."""

    node: int
    edits: int = 0
    languages: int = _ALL
    forms: int = 0
    surely: bool = False
    """Whether one of the ``forms`` is no word by itself."""
    surname: bool = False
    """Whether the last word is a misspelling that is somebody's name."""

    def read(self, node: int, step: _Step) -> _Open:
        form = step.languages != _ALL
        before = self.languages & ~LAST_ALONE if self.forms else self.languages
        return _Open(
            node,
            self.edits + step.edits,
            before & step.languages,
            self.forms + form,
            self.surely or (form and not step.own),
            bool(step.edits) and step.own,
        )

    @property
    def possible(self) -> bool:
        return self.edits <= MAX_EDITS and self.languages != 0

    @property
    def is_variant(self) -> bool:
        """Whether this is another way to write the name, and no other name."""
        if self.forms and not (self.surely or self.forms > 1):
            return False
        return (self.edits > 0 or self.forms > 0) and not self.surname


class FuzzyNames:
    """All names of all targets in a trie of their words, which is walked along words that are near.

    Near are words within one edit, by their deletion neighbourhoods (SymSpell's index), and their forms
    with a known ending, which may be any of a name's words ("Адама Мицкевича"). Words of fewer than four
    letters, and numbers, take no edits; a name of one word needs six letters and no ordinary word within
    one edit. A name as it is listed is not reported: that is ``NameMatcher``'s. Time is linear in the text.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names`` are (target id, name) pairs."""
        # (node, word) to node; node 0 is the root.
        self._edges: dict[tuple[int, str], int] = {}
        self._owners: dict[int, list[tuple[str, str]]] = {}
        # The nodes of words that a name itself parts from the one before.
        self._parted: set[int] = set()
        for target_id, name in names:
            words = _words(name)[:MAX_WORDS]
            if len(words) > 1 or (words and _is_unlike_words(words[0].key[0])):
                owners = self._owners.setdefault(self._node(words), [])
                if len(owners) < MAX_OWNERS:
                    owners.append((target_id, name))
        self._words = frozenset(word for _, word in self._edges)
        self._by_deletion: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for word in sorted(self._words):
            self._index(word)
        self._near_short = lru_cache(REMEMBERED_WORDS)(self._near)

    def _node(self, words: Iterable[_Word]) -> int:
        node = 0
        for word in words:
            node = self._edges.setdefault((node, word.key[0]), len(self._edges) + 1)
            if word.parted:
                self._parted.add(node)
        return node

    def _index(self, word: str) -> None:
        if len(word) > MAX_WORD_LETTERS or is_number(word):
            return
        for stem in stems(word):
            self._stems.setdefault(stem, []).append(word)
        for shortened in _deletions(word) if len(word) >= MIN_WORD_LETTERS else ():
            self._by_deletion.setdefault(shortened, []).append(word)

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name that ``text`` holds with other endings or one or two edits."""
        if not self._owners:
            return
        words = _words(text)
        near: dict[tuple[str, str], tuple[_Step, ...]] = {}
        for key in {word.key for word in words}:
            short = max(map(len, key)) <= MAX_WORD_LETTERS
            near[key] = self._near_short(key) if short else self._near(key)
        for first, word in enumerate(words):
            for last, node in self._from(first, words, near) if near[word.key] else ():
                for target_id, listed in self._owners[node]:
                    yield NameHit(target_id, listed, word.start, words[last].end)

    def _from(
        self, first: int, words: list[_Word], near: dict[tuple[str, str], tuple[_Step, ...]]
    ) -> Iterator[tuple[int, int]]:
        """The names changed from the word ``first`` on: the place of the last word, and the node."""
        names = [_Open(0)]
        for last in range(first, len(words)):
            parted = last > first and words[last].parted
            following = sorted(self._read(names, near[words[last].key], parted), key=_nearest)[:MAX_OPEN]
            for name in following:
                if name.node in self._owners and name.is_variant:
                    yield last, name.node
            if last > first and (after := words[last].after_apostrophe):
                following += [_Open(n.node, n.edits, n.languages & after, n.forms + 1, True) for n in names]
            if last == first + 1 and _PATRONYMIC.fullmatch(words[last].key[0]) and not words[last].parted:
                following += names
            if not following:
                return
            names = following

    def _read(self, names: list[_Open], steps: tuple[_Step, ...], parted: bool) -> Iterator[_Open]:
        """The names with one more word, which punctuation may have ``parted`` from the one before."""
        for name in names:
            for step in steps:
                node = self._edges.get((name.node, step.word))
                if node and (not parted or node in self._parted):
                    longer = name.read(node, step)
                    if longer.possible:
                        yield longer

    def _near(self, key: tuple[str, str]) -> tuple[_Step, ...]:
        """The listed words that a word may be meant as, the nearest first."""
        word, written = key
        steps: dict[str, _Step] = {}
        if word in self._words:
            steps[word] = _Step(word, 0, _ALL, True)
        if len(word) <= MAX_WORD_LETTERS:
            for listed, languages in self._base_forms(word).items():
                if listed not in steps:
                    steps[listed] = _Step(listed, 0, languages, own_word(written))
            if len(word) >= MIN_WORD_LETTERS and not _is_common(word):
                for listed in self._corrections(word):
                    if listed not in steps:
                        steps[listed] = _Step(listed, 1, _ALL, _is_surname(word))
        return tuple(islice(steps.values(), MAX_NEAR))

    def _base_forms(self, word: str) -> dict[str, int]:
        """The listed words that ``word`` is a form of, with the languages (bits) in which it is."""
        stems = self._stems
        masks: dict[str, int] = {}
        for end in range(len(word), max(0, len(word) - MOST_LETTERS - 1), -1):
            for listed in stems.get(word[:end], ()):
                if languages := languages_of_ending(listed, end, word[end:]):
                    masks[listed] = masks.get(listed, 0) | languages
        return masks

    def _corrections(self, word: str) -> list[str]:
        """The listed words within one edit of ``word``."""
        candidates: set[str] = set()
        for cut in _deletions(word):
            candidates.update(self._by_deletion.get(cut, ()))
        near = [listed for listed in candidates if within_one_edit(listed, word)]
        return sorted(listed for listed in near if not other_gender(listed, word))


def _words(text: str) -> list[_Word]:
    folded, origins = normalise(text)
    ascii_only = text.isascii()
    words: list[_Word] = []
    for match in _FOLDED_WORD.finditer(folded):
        word, start, end = match[0], origins[match.start()], origins[match.end() - 1] + 1
        before = words[-1] if words else None
        between = text[before.end : start] if before else ""
        ending = AFTER_APOSTROPHE.get(word, 0) if between in _APOSTROPHES else 0
        parted = before is not None and _parts(between, before)
        written = word if ascii_only else text[start:end].lower()
        words.append(_Word((word, written), start, end, ending, parted))
    return words


def _parts(between: str, before: _Word) -> bool:
    """Whether a sentence or an item of a list ends here; after a short word a full stop abbreviates."""
    if between in _SPACES:
        return False
    stop = "." in between and len(before.key[0]) >= MIN_WORD_LETTERS
    return not _PARTING.isdisjoint(between) or stop


def _nearest(name: _Open) -> tuple[int, int]:
    return name.edits, name.node


def within_one_edit(one: str, other: str) -> bool:
    """Whether at most one letter is put in, left out or changed, or two neighbours are swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _deletions(word: str) -> set[str]:
    """The word, and the word without each of its letters: two words within one edit share one."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _is_common(word: str) -> bool:
    return rarity(word) < COMMON_RARITY


def _is_surname(word: str) -> bool:
    zipf = ORDINARY_ZIPF - english_rarity(word)
    elsewhere = ORDINARY_ZIPF - rarity(word)
    return zipf >= SURNAME_ZIPF or (elsewhere >= FOREIGN_SURNAME_ZIPF and own_word(word))


def _is_unlike_words(word: str) -> bool:
    """Whether a name of one word is long enough and no ordinary word lies within one edit of it."""
    if not MIN_SINGLE_LETTERS <= len(word) <= MAX_WORD_LETTERS:
        return False
    return all(other == word or other not in common_words() for other in _edits(word))


def _edits(word: str) -> Iterator[str]:
    """What one edit makes of a word, its letters put in and changed for plain ones."""
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in ascii_lowercase:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
