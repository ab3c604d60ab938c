"""A word among the words around it: whose name it is part of, and whether it stands for somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest

import regex

from ..text.folding import normalise
from ..text.word_frequency import english_rarity
from .surnames import HALF_TELLING, distinctiveness, is_first_name
from .titles import AFTER_NAMES, PLAIN_TITLES, is_title

# A full stop joins "e.g"; the surname of "В.Путин" is a word of its own.
_WORD = regex.compile(
    r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:(?:['’-]|\.(?!\p{Lu}\p{Ll}))[\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*"
)
_SPACES = (" ", "\u00a0")
# Also what closes a nickname: Jacob "Jake" Moore.
_JOINTS = (*_SPACES, '" ', "” ", "’ ", "' ")
# A name has so many words at most on either side of one of its own.
REACH = 4
# Words on either side among which a year, or a work, is looked for.
NEAR = 16
# A capitalised word as common as this that begins a sentence ("When Perry …") is no name.
PLAIN_RARITY = 0.6


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Capitals that begin a sentence before a name, and no name.
_OPENERS = _set(
    """describe discuss summarize summarise compare explain list identify outline analyze analyse evaluate
    recall mention provide imagine"""
)
_PARTICLES = _set("van von der den de da di del della la le du bin ibn al el y")
_ARTICLES = _set("a an the this these those each every another")
# After a name, in capitals, and no other.
_NO_NAMES = AFTER_NAMES | _OPENERS | _ARTICLES | _set("jr ii iii iv")
_OPPOSING = _set("v vs versus")
# What is named after somebody, and no longer about that person.
_NAMED_AFTER = _set(
    """disease syndrome law laws theorem lemma conjecture test effect method constant equation equations
    number numbers principle paradox algorithm comet scale coefficient distribution transform series space
    function model cycle curve ratio rule rules formula street road avenue school college university county
    city river lake valley island hotel"""
)
# What people do of whom much is told.
_LIVES = _set(
    """born died married divorced career fame famous nickname biography autobiography memoir film films movie
    movies actor actress acting starred starring role roles episode sitcom album albums song songs singer sang
    band music musician concert tour record recorded award awards awarded prize medal champion championship
    president presidency senate elected election war army act treaty novel novels poem poems poet author wrote
    written published painting paintings painter theory discovered invented founded company charity university
    graduated studied debut nominated portrayed portray hosted directed directorial produced released singles
    modeled ranked endorsed grossing critics surname professionally stage voiced voices character biographer
    childhood ancestry descent raised education educated attended grandfather grandmother siblings"""
)
# What somebody owns who is known for works: "Beethoven's Fifth", no "Quist's Bakery".
_WORKS = _LIVES | _set(
    """first second third fourth fifth sixth seventh eighth ninth tenth symphony sonata concerto requiem mass
    quartet opera overture opus nobel oscar grammy"""
)
# Of a made-up person something is counted: "Perry had won five more games than Dana".
_COUNTS = _set(
    """two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred
    each altogether dollars cost costs price pay pays paid buys bought sells sold"""
)
# Where all is in lower case, a name stands where one is asked about.
_ASKING = _set("""did does do was is were are has had have will would can could should by about when while""")
# Before a name of which a part is to be filled in.
_CALLED = _set("as is was called named nicknamed being")
# What people do, and no adjective.
_DOING = _set("is was has had did does will would")
# What stands for a word left out.
_BLANKS = ("_", "…", "...", "]")
_CAPITAL_INSIDE = regex.compile(r"\p{Ll}\p{Lu}")
# Of "Jean-Jean-Jean-…", one word with thousands of hyphens, so much is looked at for each.
_PARTS = 8
_AMOUNT = regex.compile(r"\d{1,3}(?:[.,]\d+)?")
_YEAR = regex.compile(r"1\d\d\d|20\d\d")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, folded (two words where it is "Kravitz's"), in ``text[start:end]``; ``after`` is what stands
    between it and the next."""

    text: str
    folded: tuple[str, ...]
    start: int
    end: int
    after: str

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def initial(self) -> bool:
        return all(len(part) == 1 for part in self.folded)

    @property
    def joins_next(self) -> bool:
        """Whether the next word can be of the same name."""
        return self.after in _JOINTS or (self.initial and self.after in (".", ". "))


def words_of(text: str) -> Iterator[Word]:
    """The words of ``text``, in order."""
    matches = list(_WORD.finditer(text))
    for m, following in zip_longest(matches, matches[1:]):
        if folded := tuple(normalise(m[0])[0].split()[:_PARTS]):
            after = text[m.end() : following.start() if following else len(text)]
            yield Word(m[0], folded, m.start(), m.end(), after)


class Mention:
    """The word at ``position``, and a few words on either side: it costs the same in any text."""

    def __init__(self, words: Sequence[Word], position: int) -> None:
        self._words = words
        self._position = position
        self.word = words[position]

    @cached_property
    def capital(self) -> bool:
        """Whether it has a capital that tells anything, as none does in a title."""
        if not self.word.capital or self._has_mixed_case:
            return False
        around = self._around
        titled = all(w.isupper() for w in around) or (len(around) > 4 and all(w[0].isupper() for w in around))
        return not titled

    @cached_property
    def _around(self) -> list[str]:
        return [w.text for w in self._words[max(0, self._position - 3) : self._position + 4]]

    @cached_property
    def _has_mixed_case(self) -> bool:
        """Whether capitals stand anywhere, "DId HogAn StaRT", and tell nothing; one "McCartney" is a name."""
        return sum(_CAPITAL_INSIDE.search(text) is not None for text in self._around) > 1

    @cached_property
    def before(self) -> list[Word]:
        """The words before it that can be of the same name, as only capitals tell, without what begins the
        sentence."""
        if not self.capital:
            return []
        first = self._position
        while first > max(0, self._position - REACH) and self._words[first - 1].joins_next:
            word = self._words[first - 1]
            if not (word.capital or _PARTICLES.issuperset(word.folded)):
                break
            first -= 1
        titles = (p for p in range(first, self._position) if is_title(self._words[p].folded))
        first = max(titles, default=first - 1) + 1
        run = list(self._words[first : self._position])
        while run and (not run[0].capital or not _OPENERS.isdisjoint(run[0].folded) or self._opens(first)):
            run.pop(0)
            first += 1
        return run

    @property
    def start(self) -> int:
        """Where the name begins that it is part of: with the initials of "J. R. Tolkien"."""
        return self.before[0].start if self.before else self.word.start

    def _opens(self, position: int) -> bool:
        word, previous = self._words[position], self._words[position - 1] if position else None
        begins = previous is None or bool(previous.after.strip(" \u00a0,'’"))
        return begins and _is_plain(word) and not is_first_name(word.folded[0])

    @property
    def _previous(self) -> Word | None:
        """The word before it and before what is of the same name."""
        place = self._position - len(self.before) - 1
        word = self._words[place] if place >= 0 else None
        return word if word and (word.joins_next or word.after == ". ") else None

    @property
    def _next(self) -> Word | None:
        following = self._position + 1 < len(self._words) and self.word.after in _SPACES
        return self._words[self._position + 1] if following else None

    def strangers(self, own: Collection[str]) -> bool:
        """Whether a word beside makes it the name of somebody, or something, without the words ``own``."""
        if not self.capital:
            return False
        if self.before and not _may_belong(self.before[0], own):
            return True
        given = set(own) - set(self.word.folded)
        if any(word.initial and not _may_belong(word, given) for word in self.before):
            return True
        if self._author_of(own):
            return True
        after = self._next
        if after is not None and after.initial and not _may_belong(after, own):
            beyond = self._words[self._position + 2 : self._position + 3]
            return any(_may_belong(word, given) for word in beyond)  # Michael B. Jordan
        if after is None or (self._owns and not _WORKS.isdisjoint(after.folded)):
            return False
        return _is_name(after) and not _may_belong(after, own)

    def _author_of(self, own: Collection[str]) -> bool:
        """Whether another's initial stands behind it, as in a list of authors: "Kelly, T."."""
        after = self._words[self._position + 1] if self._position + 1 < len(self._words) else None
        if after is None or self.word.after not in (", ", " ") or not (after.initial and after.capital):
            return False
        return len(after.text) == 1 and after.after[:1] in (".", ",") and not _may_belong(after, own)

    def stands_beside(self, own: Collection[str]) -> bool:
        """Whether it stands beside another of the words ``own``."""
        others = set(own) - _PARTICLES - set(self.word.folded)
        return any(not others.isdisjoint(w.folded) for w in (*self.before, self._next) if w)

    @property
    def after_initials(self) -> bool:
        """Whether initials stand before it, and no other name."""
        return bool(self.before) and all(word.initial for word in self.before)

    @cached_property
    def formal(self) -> bool:
        """Whether it stands after "Mrs", as people do of whom nobody has heard."""
        return self._previous is not None and not PLAIN_TITLES.isdisjoint(self._previous.folded)

    @cached_property
    def stands_alone(self) -> bool:
        """Whether it stands where a person does, and no thing named after one."""
        if len(self.word.folded) > 1 and self.word.folded[1:] != ("s",):
            return False
        before = self._previous.folded if self._previous else ()
        if self._blank or not (_ARTICLES | _OPPOSING).isdisjoint(before):
            return False
        if not self.capital and _ASKING.isdisjoint(before):
            return False
        return self._next is None or not self._is_thing(self._next)

    @property
    def _owns(self) -> bool:
        """Whether what follows is its own, and no part of its name."""
        return self.word.folded[1:] == ("s",)

    @property
    def _blank(self) -> bool:
        """Whether a first name is left out before it: "___ Kravitz"."""
        place = self._position - len(self.before) - 1
        return place >= 0 and self._words[place].after.rstrip().endswith(_BLANKS)

    @cached_property
    def lower_strangers(self) -> bool:
        """Whether it stands in lower case beside what may be the rest of a name: "travis barker"."""
        if self.capital or self._has_mixed_case:
            return False
        if self._previous and (is_first_name(self._previous.folded[0]) or not _is_plain(self._previous)):
            return True
        return self._next is not None and distinctiveness(self._next.folded[0]) >= HALF_TELLING

    @cached_property
    def life_words(self) -> int:
        """How much tells of a life, or asks of one: a year nearby, and words of what such people do."""
        lives = _LIVES.intersection(chain.from_iterable(word.folded for word in self._near))
        return len(lives) + any(_YEAR.fullmatch(word.text) for word in self._near)

    @cached_property
    def is_fiction(self) -> bool:
        """Whether it is of a story in which things are counted, or speaks in a dialogue."""
        return self._speaks or sum(map(_counts, self._near)) > 1 + self.life_words

    @property
    def _near(self) -> Sequence[Word]:
        return self._words[max(0, self._position - NEAR) : self._position + NEAR]

    @property
    def _speaks(self) -> bool:
        before = self._words[self._position - 1].after if self._position else ""
        return "\n" in before and self.word.after.startswith(":")

    @cached_property
    def is_blank(self) -> bool:
        """Whether the rest of a name is left out after it: "better known as Jamie ___"."""
        called = self._previous is not None and not _CALLED.isdisjoint(self._previous.folded)
        return called and self.word.after.lstrip().startswith(_BLANKS)

    @cached_property
    def does(self) -> bool:
        """Whether it owns or does something, as no adjective does: "Short was born", "Short's father"."""
        if self.word.folded[1:] == ("s",):
            return True
        if self._next is None or self._next.capital:
            return False
        inside = self._position > 0 and not self._opens(self._position)
        return not _DOING.isdisjoint(self._next.folded) or (inside and self._next.text.endswith("ed"))

    def _is_thing(self, after: Word) -> bool:
        """Whether the word after makes it a thing's: "Cooper test", "Kunis 3000", "Cyrus of Persia"."""
        if after.text[0].isdigit():
            return not (self._owns or _YEAR.fullmatch(after.text))
        if after.folded == ("of",):
            place = self._position + 2
            return place < len(self._words) and self._words[place].capital
        return not (_NAMED_AFTER | _OPPOSING).isdisjoint(after.folded)


def _counts(word: Word) -> bool:
    return not _COUNTS.isdisjoint(word.folded) or _AMOUNT.fullmatch(word.text) is not None


def _is_plain(word: Word) -> bool:
    return max(map(english_rarity, word.folded)) <= PLAIN_RARITY


def _is_name(word: Word) -> bool:
    return word.capital and len(word.text) > 1 and _NO_NAMES.isdisjoint(word.folded)


def _may_belong(word: Word, own: Collection[str]) -> bool:
    """Whether a word can be of a name: one of its words, or an initial."""
    if word.initial:
        return any(part.startswith(word.folded[0]) for part in own)
    return any(part in own for part in word.folded)
