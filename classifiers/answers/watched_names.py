"""The names that an answer is read for, and which text could become one of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, combinations, islice, pairwise
from typing import NamedTuple

import ahocorasick

from ...vocabulary import ForgetTarget
from ..index.name_index import NameIndex
from ..names.endings import stems
from ..names.name_forms import GRAMMAR
from ..names.names import NameHit, NameMatcher
from ..names.ordinary_words import ordinary_names
from ..text.digraphs import spelt_out
from ..text.folding import normalise
from ..text.word_cache import MEBIBYTE, WordCache
from ..text.word_frequency import rarity
from .titles import is_title

# The target of the name that no answer says, whatever the prompt holds: so it is seen that answers are read.
CANARY_ID = "_answer_canary"
# So many letters at a word's end may be an ending that some language puts there.
ENDING = 3
# Two words that begin alike so far may be one, inflected or misspelt.
_ALIKE = 3
# Of a longer title each word stands beside the next alone.
_PERSON = 4
_LONGEST_WORD = 64
FOLDED_BYTES = 4 * MEBIBYTE


class Partners(NamedTuple):
    """The words that stand in one name with a word, sorted; several lists where that may be several words.
    Beside an initial they must be themselves; beside a word it is enough that they begin alike."""

    lists: tuple[Sequence[str], ...]
    alike: bool


class WatchedNames:
    """All names of the targets that are listed whole; safe to share by threads."""

    def __init__(self, targets: Sequence[ForgetTarget], names: NameIndex, canary: str = "") -> None:
        """``canary`` is watched for besides, as the name of ``CANARY_ID``."""
        self._names = names
        self._canary = NameMatcher([(CANARY_ID, canary)])
        self._ids = {target.id for target in targets if target.scope == "all"}
        self._ordinary: set[tuple[str, str]] = set()
        self._begins = ahocorasick.Automaton()
        for target in targets:
            if target.id in self._ids:
                self._ordinary.update((target.id, name) for name in ordinary_names(target))
        for target_id, name in (*names.pairs, *names.parts.lone_words):
            if target_id in self._ids and (target_id, name) not in self._ordinary:
                self._begins.add_word(normalise(name)[0].replace(" ", ""), True)
        self._heads = set(_heads(canary))
        if canary:
            self._begins.add_word(normalise(canary)[0].replace(" ", ""), True)
        self._titles = self._learn_titles(target.id for target in targets if target.kind == "work")
        for target_id, name in names.pairs:
            if target_id in self._ids:
                self._heads.update(_heads(name))
        self.longest = max(_LONGEST_WORD, ENDING + max(map(len, self._heads), default=0))
        """Of more letters no word is a name's."""
        self._lone = {word for target_id, word in names.parts.lone_words if target_id in self._ids}
        self._stems = {
            stem for word in names.parts.declined_words for stem in stems(word) if len(stem) > ENDING
        }
        self._beside: dict[str, list[str]] = {}
        self._learn_partners(name for target_id, name in names.pairs if target_id in self._ids)
        self._articles = self._learn_articles(names.pairs)
        self._tails = ahocorasick.Automaton()
        for letters in (*self._begins, *self._stems, *self._beside):
            self._tails.add_word(letters[::-1], True)
        self._completes = WordCache(self._may_complete, FOLDED_BYTES)
        self._folded = WordCache(lambda word: normalise(word)[0].replace(" ", ""), FOLDED_BYTES)

    def __bool__(self) -> bool:
        return len(self._begins) > 0

    def fold(self, text: str) -> str:
        """The letters of a word or two, as ``begins`` and ``is_whole`` take them."""
        return self._folded[text]

    def ordinary(self, expected: Collection[str]) -> frozenset[str]:
        """The letters of the names of the targets ``expected`` that are ordinary words."""
        return frozenset(self.fold(name) for target_id, name in self._ordinary if target_id in expected)

    def begins(self, letters: str, ordinary: Collection[str] = ()) -> bool:
        """Whether a name could go on from ``letters``, or one of those that are ``ordinary``."""
        longest: int = self._begins.longest_prefix(letters) if self else 0  # an empty one says it failed
        return longest == len(letters) or any(name.startswith(letters) for name in ordinary)

    def is_article(self, letters: str) -> bool:
        """Whether ``letters`` begin no name but with an article, without which it is found as well."""
        return letters in self._articles

    def is_head(self, letters: str, last: str) -> bool:
        """Whether ``letters``, which end with the word ``last``, are a name's first words, or may be with an
        initial."""
        return letters in self._heads or (len(last) == 1 and last.isupper())

    def is_whole(self, letters: str, ordinary: Collection[str] = ()) -> bool:
        """Whether ``letters`` are a name's."""
        return letters in self._begins or letters in ordinary

    def partners(self, word: str) -> Partners:
        """What stands in one name with the folded ``word``, which may carry an ending."""
        cuts = range(min(ENDING + 1, len(word)))
        lists = tuple(self._beside[part] for cut in cuts if (part := word[: len(word) - cut]) in self._beside)
        return Partners(lists, len(word) > 1)

    def may_complete(self, piece: str) -> bool:
        """Whether any name as it is listed, with an ending or without, ends as ``piece`` does."""
        return self._completes[piece]

    def _may_complete(self, piece: str) -> bool:
        letters = self.fold(piece)[::-1] if len(self._tails) else ""  # an empty one says it failed
        for cut in range(min(ENDING + 1, len(letters))):
            rest = letters[cut:]
            same: int = self._tails.longest_prefix(rest)
            if same == len(rest) or rest[:same] in self._tails:
                return True
        return False

    def may_end(self, word: str, before: Sequence[Partners]) -> bool:
        """Whether a name may end with ``word``: if it says enough alone, or goes with a word ``before``. An
        ending does not count."""
        letters = self.fold(word)
        if any(letters[: len(letters) - cut] in self._lone for cut in range(min(ENDING + 1, len(letters)))):
            return True
        return self.is_declined(word) or self.goes_with(word, before)

    def is_declined(self, word: str) -> bool:
        """Whether ``word``, with a capital, may be a surname that says enough alone, in another case."""
        letters = self.fold(word) if word[:1].isupper() and self._stems else ""
        return any(letters[: len(letters) - cut] in self._stems for cut in range(ENDING + 1))

    def goes_with(self, word: str, before: Sequence[Partners]) -> bool:
        """Whether a ``word`` that has a capital, where its script has any, is or begins a partner of one of
        the few words ``before``; or is like a partner of the last of them."""
        if word[:1].islower() or not any(partners.lists for partners in before):
            return False
        letters = self.fold(word)
        for partners in before:
            if any(_begins_one(words, letters) for words in partners.lists):
                return True
        return before[-1].alike and any(_is_like_one(words, letters) for words in before[-1].lists)

    def _learn_titles(self, works: Iterable[str]) -> frozenset[str]:
        """The letters of those names of ``works`` that are ordinary words, and nobody's name besides."""
        known = set(works)
        letters = {normalise(name)[0].replace(" ", "") for id_, name in self._ordinary if id_ in known}
        titles = frozenset(one for one in letters if one not in self._begins)
        for one in titles:
            self._begins.add_word(one, True)
        return titles

    def is_plain(self, letters: str, last: str) -> bool:
        """Whether ``letters``, which end with the word ``last``, are a title's, and not written as one."""
        return letters in self._titles and last[:1].islower()

    def _learn_partners(self, names: Iterable[str]) -> None:
        beside: dict[str, set[str]] = {}
        for name in names:
            spelt = spelt_out(name)
            for spelling in (name, spelt[0]) if spelt else (name,):
                for one, other in _pairs(normalise(spelling)[0].split()):
                    beside.setdefault(one, set()).add(other)
        self._beside = {word: sorted(others) for word, others in beside.items()}

    def _learn_articles(self, pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
        """The articles and the like with which names begin, and with which no other word of any does."""
        found: set[str] = set()
        others = self._lone | self._stems
        for _, name in pairs:
            first, *rest = normalise(name)[0].split() or [""]
            is_article = bool(rest) and len(first) > 1 and first in GRAMMAR
            found.update([first] if is_article else ())
            others.update(rest if is_article else (first, *rest))
        return frozenset(word for word in found if not any(other.startswith(word) for other in others))

    def find(
        self,
        text: str,
        after: int,
        expected: Collection[str] = (),
        said: Collection[str] = (),
        more: bool = False,
    ) -> Iterator[tuple[NameHit, bool]]:
        """The names in ``text`` that end behind ``after``; and whether each is a surname alone, or a title,
        of which the next word may make something else. Names that are ordinary words ("May") stand for the
        targets in ``expected`` only, or where one is written as a title is; ``more`` may come behind. The
        surnames of those that were ``said`` mean them, whatever stands beside."""
        for hit in self._canary.find(text):
            if hit.end > after:
                yield hit, False
        for hit in self._names.find_whole(text):
            if hit.end <= after or hit.target_id not in self._ids:
                continue
            ordinary = (hit.target_id, hit.name) in self._ordinary and hit.target_id not in expected
            title = ordinary and self.fold(text[hit.start : hit.end]) in self._titles
            if not ordinary or (title and is_title(text, hit.start, hit.end, more)):
                yield hit, title
        for part in self._names.parts.surnames(text, said):
            if part.end > after and part.target_id in self._ids:
                yield NameHit(part.target_id, text[part.start : part.end], part.start, part.end), False
        for part in self._names.parts.find(text):
            if part.end > after and part.stands_alone and part.target_id in self._ids:
                yield NameHit(part.target_id, text[part.start : part.end], part.start, part.end), True


def _heads(name: str) -> Iterator[str]:
    """The letters of the first words of ``name``, but of an article or the like alone."""
    words = normalise(name)[0].split()
    yield from islice(accumulate(words), int(bool(words) and words[0] in GRAMMAR), None)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which words of a name stand with which, either way round; and with the initial of a word those that
    tell something. Articles and the like stand anywhere."""
    words = [word for word in words if word not in GRAMMAR]
    for one, other in combinations(words, 2) if len(words) <= _PERSON else pairwise(words):
        yield one, other
        yield other, one
        if rarity(other) > 0:
            yield one[:1], other


def _begins_one(words: Sequence[str], letters: str) -> bool:
    """Whether ``letters`` are the beginning of one of the sorted ``words``, or one with an ending."""
    for cut in range(min(ENDING + 1, len(letters))):
        stem = letters[: len(letters) - cut]
        found = words[place] if (place := bisect_left(words, stem)) < len(words) else ""
        if found == stem or (not cut and found.startswith(stem)):
            return True
    return False


def _is_like_one(words: Sequence[str], letters: str) -> bool:
    """Whether one of the sorted ``words`` begins as ``letters`` do, and is hardly shorter."""
    begin = letters[:_ALIKE]
    place = bisect_left(words, begin) if len(begin) == _ALIKE else len(words)
    while place < len(words) and words[place].startswith(begin):
        if len(letters) <= len(words[place]) + ENDING:
            return True
        place += 1
    return False
