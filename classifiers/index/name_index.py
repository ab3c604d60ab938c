"""What the targets are called: names as listed, other forms of them, misspelt ones, parts and surnames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from ...vocabulary import ForgetTarget
from ..names.after_names import follows_another
from ..names.begun_names import BegunNames
from ..names.fuzzy_names import FuzzyNames
from ..names.name_parts import NameParts
from ..names.names import NameHit, NameMatcher
from ..names.other_names import company_name, other_names
from ..names.punctuation import has_punctuation, is_parted_in
from ..names.surnames import lone_words
from ..passages import full_names
from ..recurring_names import recurring_names
from ..text.folding import normalise

# Of fewer letters a word is not sought where a pattern leaves some of them open.
_LONG_WORD = 5
_WORD = re.compile(r"[^\W_]+")


class NameIndex:
    """Finds in a text what the targets are called; needs no encoder."""

    def __init__(self, targets: Sequence[ForgetTarget], texts: Mapping[str, Sequence[str]]) -> None:
        """``texts`` are each target's exemplars, by its id: whoever recurs in a work's is a part of its
        title."""
        self._targets = targets
        names = list(_pairs(targets, _names))
        self._listed = NameMatcher(names, _pairs(targets, _companies))
        self._misspelt, self._begun = FuzzyNames(names), BegunNames(names)
        self.parts = NameParts(names, _casts(targets, texts), _lone_words(targets))

    @property
    def size(self) -> int:
        """How many names are searched for."""
        return self._listed.size

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each target's id with each name that is searched for."""
        return _pairs(self._targets, _names)

    @property
    def words(self) -> Mapping[str, frozenset[str]]:
        """The words of each target's names, by its id."""
        return self.parts.words

    @cached_property
    def lowercase_names(self) -> list[str]:
        """Every name and alias, and their longer words, in small letters with one space between words, in
        order."""
        forms: set[str] = set()
        for _, name in _pairs(self._targets, _names):
            for form in (name.lower(), normalise(name)[0]):
                words = _WORD.findall(form)
                forms.add(" ".join(words))
                forms.update(word for word in words if len(word) >= _LONG_WORD)
        return sorted(forms - {""})

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name in ``text``, also misspelt, or where the text ends within it; the same place may
        come more than once."""
        yield from self.find_whole(text)
        yield from self._begun.find(text)

    def find_whole(self, text: str) -> Iterator[NameHit]:
        """As ``find``, without names that the text ends within."""
        yield from self._listed.find(text)
        for hit in self._misspelt.find(text):
            whole = has_punctuation(hit.name) or not is_parted_in(text, hit.start, hit.end)
            if whole and not follows_another(hit.name, text, hit.start, hit.end):
                yield hit


def _pairs(
    targets: Sequence[ForgetTarget], names: Callable[[ForgetTarget], Iterable[str]]
) -> Iterator[tuple[str, str]]:
    """Each target's id with each of its ``names``."""
    for target in targets:
        for name in names(target):
            yield target.id, name


def _casts(targets: Sequence[ForgetTarget], texts: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Each work's id with each name that recurs in its texts."""
    for target in targets:
        if target.kind == "work":
            for word in sorted(recurring_names(texts[target.id])):
                yield target.id, word


def _names(target: ForgetTarget) -> list[str]:
    others = (other_names(name, target.kind) for name in target.names)
    return list(dict.fromkeys([*target.names, *chain.from_iterable(others), *full_names(target)]))


def _companies(target: ForgetTarget) -> Iterator[str]:
    for name in target.names:
        if bare := company_name(name, target.kind):
            yield bare


def _lone_words(targets: Sequence[ForgetTarget]) -> dict[tuple[str, str], float]:
    """By target id and word how telling a word of a name is alone; of none where only facts are in scope."""
    weights: dict[tuple[str, str], float] = {}
    for target in targets:
        for name in _names(target) if target.scope == "all" else ():
            for word, telling in lone_words(name, target.kind).items():
                weights[target.id, word] = max(telling, weights.get((target.id, word), telling))
    return weights
