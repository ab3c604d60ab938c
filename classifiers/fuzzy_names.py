"""Find misspelt names: one edit in a word, two in a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase

from .folding import normalise
from .names import SUFFIX_LETTERS, NameHit
from .word_frequency import common_words, rarity

# Shorter words are one edit away from too much.
MIN_WORD_LETTERS = 4
MIN_SINGLE_LETTERS = 6
MAX_EDITS = 2
# Longer "words" are encodings, and their neighbourhood would take time quadratic in their length.
MAX_WORD_LETTERS = 32
# A word among the commonest is no misspelling of a name; among the rare ones are other spellings.
COMMON_RARITY = 1.1

_CASE_VOWELS = "аеиоуыэюяйь"

_Near = dict[str, int]


class FuzzyNames:
    """All names of all targets by their words' deletion neighbourhoods (SymSpell's index).

    Words of fewer than four letters must be exact; a name of one word needs six letters and no
    ordinary word within one edit. An ending of at most three letters counts as one edit ("Стивена
    Кинга"). A name as it is listed is not reported: that is ``NameMatcher``'s.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names`` are (target id, name) pairs."""
        self._owners: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for target_id, name in names:
            words = tuple(normalise(name)[0].split())
            if len(words) > 1 or (words and _unlike_words(words[0])):
                self._owners.setdefault(words, []).append((target_id, name))
        # By the first two words: one common first name would lead to too many names.
        self._starts: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for words in self._owners:
            self._starts.setdefault(words[:2], []).append(words)
        self._words = frozenset(word for words in self._owners for word in words)
        self._index()

    def _index(self) -> None:
        self._shortened: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for word in self._words:
            if MIN_WORD_LETTERS <= len(word) <= MAX_WORD_LETTERS:
                for shortened in _shortened(word):
                    self._shortened.setdefault(shortened, []).append(word)
                if stem := _stem(word):
                    self._stems.setdefault(stem, []).append(word)

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name that ``text`` holds with one or two edits."""
        if not self._owners:
            return
        folded, origins = normalise(text)
        spans = [match.span() for match in re.finditer(r"[^ ]+", folded)]
        words = [folded[begin:end] for begin, end in spans]
        near = {word: self._near(word) for word in set(words)}
        starts: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for first, word in enumerate(words):
            for last, name in self._from(first, words, near, starts) if near[word] else ():
                start, end = origins[spans[first][0]], origins[spans[last][1] - 1] + 1
                yield from (
                    NameHit(target_id, listed, start, end) for target_id, listed in self._owners[name]
                )

    def _from(
        self,
        first: int,
        words: list[str],
        near: dict[str, _Near],
        starts: dict[tuple[str, ...], list[tuple[str, ...]]],
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The names misspelt from the word ``first`` on, each with its last word's position."""
        # The names of one word are their own first two words.
        for width in (1, 2):
            pair = tuple(words[first : first + width])
            if not near[pair[-1]]:
                return
            if pair not in starts:
                starts[pair] = self._candidates([near[word] for word in pair])
            for name in starts[pair]:
                edits = _edits(name, words[first : first + len(name)], near)
                if edits is not None and 0 < edits <= MAX_EDITS:
                    yield first + len(name) - 1, name

    def _candidates(self, near: list[_Near]) -> list[tuple[str, ...]]:
        """The names whose first one or two words may be meant."""
        if len(near) == 1:
            return [name for word in near[0] for name in self._starts.get((word,), ())]
        if len(near[0]) * len(near[1]) > len(self._starts):
            return [
                n
                for (a, *b), names in self._starts.items()
                if a in near[0] and b[0] in near[1]
                for n in names
            ]
        return [name for a in near[0] for b in near[1] for name in self._starts.get((a, b), ())]

    def _near(self, word: str) -> _Near:
        """The listed words that ``word`` may be meant as, with the edits in between."""
        near: _Near = {}
        if MIN_WORD_LETTERS <= len(word) <= MAX_WORD_LETTERS and not _common(word):
            for cut in range(SUFFIX_LETTERS + 1):
                near.update(dict.fromkeys(self._stems.get(word[: len(word) - cut], ()), 1))
            for shortened in _shortened(word):
                near.update({w: 1 for w in self._shortened.get(shortened, ()) if within_one_edit(w, word)})
        if word in self._words:
            near[word] = 0
        return near


def within_one_edit(one: str, other: str) -> bool:
    """Whether at most one letter is put in, left out or changed, or two neighbours are swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _shortened(word: str) -> set[str]:
    """The word, and the word without each of its letters: two words within one edit share one."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _edits(name: tuple[str, ...], words: list[str], near: dict[str, _Near]) -> int | None:
    if len(words) < len(name):
        return None
    edits = [near[word].get(listed) for listed, word in zip(name, words, strict=True)]
    return None if None in edits else sum(edit for edit in edits if edit)


def _stem(word: str) -> str:
    """What stays of a listed word under its endings; Slavic ones replace a last vowel."""
    if word[-1] in _CASE_VOWELS:
        return word[:-1]
    return word if len(word) >= (MIN_WORD_LETTERS if not word.isascii() else 5) else ""


def _common(word: str) -> bool:
    return rarity(word) < COMMON_RARITY


def _unlike_words(word: str) -> bool:
    """Whether a name of one word is long enough and no ordinary word lies within one edit of it."""
    if not MIN_SINGLE_LETTERS <= len(word) <= MAX_WORD_LETTERS:
        return False
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    edited = {a + b[1:] for a, b in cuts if b} | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    edited |= {a + c + b for a, b in cuts for c in ascii_lowercase}
    edited |= {a + c + b[1:] for a, b in cuts if b for c in ascii_lowercase}
    return all(other == word or other not in common_words() for other in edited)
