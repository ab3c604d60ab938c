"""The ways to write a name: as it is listed, turned round, backwards and in rot13."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Literal

from ..text.digraphs import spelt_out
from ..text.folded_text import script
from ..text.folding import normalise
from ..text.word_frequency import common_words
from .given_names import other_forms
from .person import comma_of, person
from .surnames import distinctiveness, is_first_name

_HIDDEN_LETTERS = 6
# Longer names are turned round by their last word and their article alone.
_TURNED_WORDS = 4
_ARTICLES = frozenset("the a an le la les el los las il der die das".split())  # noqa: SIM905
_JOINING = frozenset(("and", "und", "et", "y", "och"))
GRAMMAR = frozenset("the a an of and & + in on to for with der die das und le la les et el los y".split())  # noqa: SIM905
# From here on a surname may stand before the given name without a comma: "Nagy" has 1.4, "Hamilton" 1.1.
TURNED = 1.3
_UNWRITTEN = re.compile(r"[.'’‘`´·׳״\u02B9-\u02BF-]")
_APOSTROPHES = re.compile(r"[\u02B9-\u02BF]")
_AND_SIGN = re.compile(r"\s[&+]\s")
_AND_WORD = re.compile(r"\s(?:and|und|et|y|e|och|og|en|i)\s", re.IGNORECASE)
_OWN_PUNCTUATION = re.compile(r"[^\s\w'’-]")


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write a name.

    ``written`` are its folded spellings as words. A ``turned`` one ("Rowling, J. K.") has a comma after
    ``comma`` letters, or none if it is ``bare`` ("DUDA Andrzej"); a ``hidden`` one is reversed or in rot13;
    a ``company`` must have a legal form beside it. ``breaks`` says after how many letters the listed name
    has punctuation of its own, ``ands`` after how many an "&".
    """

    kind: Literal["plain", "turned", "hidden", "company"]
    written: tuple[str, ...]
    breaks: frozenset[int] = frozenset()
    comma: int = 0
    bare: bool = False
    ands: frozenset[int] = frozenset()
    owners: list[tuple[str, str]] = field(default_factory=list, compare=False, hash=False)


def spellings(name: str) -> Iterator[str]:
    """The name, with "and" for "&" and the other way round, and with ö as oe."""
    ands = (name, _AND_SIGN.sub(" and ", name), _AND_WORD.sub(" & ", name))
    for spelling in dict.fromkeys((*ands, _APOSTROPHES.sub("'", name))):
        yield spelling
        if other := spelt_out(spelling):
            yield other[0]


def name_forms(name: str) -> Iterator[Form]:
    """All of them; of two spellings that fold alike only the first."""
    return iter(dict.fromkeys(chain.from_iterable(map(_forms, spellings(name)))))


def company_forms(name: str) -> Iterator[Form]:
    """Those of a company's name without its legal form."""
    for form in name_forms(name):
        if form.kind == "plain":
            yield Form("company", form.written, form.breaks)


def _forms(spelling: str) -> Iterator[Form]:
    words = normalise(spelling)[0].split()
    joined = normalise(_UNWRITTEN.sub("", spelling))[0].split()
    breaks = _breaks(spelling)
    run_together = [" ".join(joined)] if len(joined) > 1 or not _is_word(words, joined) else []
    written = (" ".join(words), *run_together, _drop_spaces(words))
    if comma := comma_of(spelling):
        yield Form("turned", tuple(dict.fromkeys(written)), breaks, comma)
        return
    ands = _breaks(spelling, _AND_SIGN) if _AND_SIGN.search(spelling) else frozenset()
    yield Form("plain", tuple(dict.fromkeys(written)), breaks - ands, ands=ands)
    if "," not in spelling:
        yield from _other_orders(spelling, words, joined, breaks)
    for hidden in _hidden(words):
        yield Form("hidden", (hidden,))


def _is_word(words: list[str], joined: list[str]) -> bool:
    """Whether a name in pieces is another name, or a word, when they are joined: "will.i.am", "a-ha"."""
    return len(words) > 1 and any(word in common_words() or other_forms(word) for word in joined)


def _breaks(spelling: str, own: re.Pattern[str] = _OWN_PUNCTUATION) -> frozenset[int]:
    """After how many letters of the name punctuation may stand between two of its words.

    Where the name has some itself, and anywhere in one that is no row of names ("Tyler, the Creator").
    """
    words = spelling.split()
    if own is _OWN_PUNCTUATION and len(words) > 2 and not GRAMMAR.isdisjoint(map(str.casefold, words)):
        return frozenset(range(len(spelling)))
    if not own.search(spelling):
        return frozenset()
    folded, origins = normalise(spelling)
    places = [place for place, char in enumerate(folded) if char != " "]
    breaks: set[int] = set()
    for letters, (one, next_one) in enumerate(pairwise(places), 1):
        if own.search(spelling[origins[one] + 1 : origins[next_one]]):
            breaks.add(letters)
    return frozenset(breaks)


def _drop_spaces(words: list[str]) -> str:
    """The name without the spaces that its script need not have: 村上 春樹, 김 철수."""
    written = words[0] if words else ""
    for one, word in pairwise(words):
        written += word if "spaced" not in (script(one[-1]), script(word[0])) else f" {word}"
    return written


def _other_orders(
    spelling: str, words: list[str], joined: list[str], breaks: frozenset[int]
) -> Iterator[Form]:
    """Other orders, around a comma or bare: "García Márquez, Gabriel", "Great Gatsby, The", "DUDA Jan"."""
    total, bare = sum(map(len, words)), frozenset(_surnames(spelling))
    for split in range(1, len(words)):
        ends = split == len(words) - 1 or (split == 1 and words[0] in _ARTICLES)
        if (len(words) > _TURNED_WORDS and not ends) or words[split - 1] in _JOINING:
            continue
        before, comma = (sum(map(len, part)) for part in (words[:split], words[split:]))
        written = [" ".join((*words[split:], *words[:split]))]
        if len(joined) == len(words) or split == len(words) - 1:
            cut = split - len(words)
            written.append(" ".join((*joined[cut:], *joined[:cut])))
        moved = frozenset((at - before) % total for at in breaks if at != before)
        surname = " ".join(words[split:])
        yield Form("turned", tuple(dict.fromkeys(written)), moved, comma, surname in bare)


def _surnames(spelling: str) -> Iterator[str]:
    """What may stand first without a comma after it: a surname that says by itself whose it is, or one
    with several given names."""
    known = person(spelling)
    if known is None or known.generation or is_first_name(known.last):
        return
    if len(known.given) > 1 or known.particles or distinctiveness(known.last) >= TURNED:
        yield " ".join((*known.particles, known.last))
        yield known.last


def _hidden(words: list[str]) -> Iterator[str]:
    """The name in rot13, read backwards, and with each word backwards; no ordinary words."""
    letters = "".join(words)
    if len(letters) >= _HIDDEN_LETTERS:
        disguises = {codecs.encode(letters, "rot13"), letters[::-1], "".join(w[::-1] for w in words)}
        for disguise in sorted(disguises):
            if disguise != letters and disguise not in common_words():
                yield disguise
