"""Names that follow from how one is listed: turned round, without title, degree or legal form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from nameparser import ParsedName, parse

from ...vocabulary import Kind
from ..text.folding import normalise
from ..text.word_frequency import rarity
from .legal_forms import without_legal_form
from .number_spellings import other_spellings
from .person import GENERATIONS, person

# Two words that are left of a company's name flag as they are if one is as rare as this ("Ford" has 1.0,
# "Best Buy" 0.2), or one alone as the second ("Siemens" has 1.4, "Apple" 0.7).
DISTINCTIVE = 0.95
DISTINCTIVE_ALONE = 1.35
# Of a title of two words without its article.
RARE_IN_A_TITLE = 2.0
_SURNAME_WORDS = 3
_GIVEN_WORDS = 4
_IN_BRACKETS = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]\s*\Z")
_NO_PERSON = re.compile(r"\d|[&+/@!?:;]|\b(?:and|und|et|of|the|for|with)\b", re.IGNORECASE)
_EPITHET = re.compile(r"\A([^,]+),\s*(?:the\s|\w+\s(?:of|von|de)\s)")
# "WWII", as ``number_spellings`` makes it.
_INITIALS = re.compile(r"[A-Z]{2,}(?:[IVX]+|\d+)")
# Of a series or a king, not of a family: "Final Fantasy VII".
_SERIES = re.compile(r"\b(?:I|V|VI{1,3}|IX|X[IVX]*)\Z")
_LEADING_ARTICLE = re.compile(r"\A(?:the|an?|le|la|les|el|los|las|il|der|die|das)\s+(\S.*)\Z", re.IGNORECASE)
_ARTICLE = re.compile(r"\A(.+),\s*(the|an?|le|la|les|el|los|las|il|der|die|das|l')\Z", re.IGNORECASE)


@lru_cache(65_536)
def other_names(name: str, kind: Kind) -> tuple[str, ...]:
    """Those that mean the same: in full, of two words or more, and companies' that are no ordinary words."""
    others: dict[str, None] = {}
    for other in _shorter(name, kind):
        if other != name and _is_full(other, name):
            others.setdefault(other)
    return tuple(others)


@lru_cache(65_536)
def company_name(name: str, kind: Kind) -> str | None:
    """A company's name without its legal form, where that alone can be ordinary words: Apple, Best Buy."""
    bare = without_legal_form(name) if kind == "entity" else name
    return bare if bare != name and not _is_distinctive(bare) else None


@lru_cache(65_536)
def names_to_propose(name: str, kind: Kind) -> tuple[str, ...]:
    """Shorter ones that may mean others, too: "Gaga", "Apple", and "Robert Downey", the father of Jr."""
    shorter = [other for other in _shorter(name, kind) if other not in (name, *other_names(name, kind))]
    for full in (name, *other_names(name, kind)) if kind == "entity" else ():
        known = person(full)
        shorter += [full.rpartition(" ")[0]] if known and known.generation else []
    return tuple(dict.fromkeys(other for other in shorter if _is_worth_proposing(other, name)))


def _shorter(name: str, kind: Kind) -> Iterator[str]:
    plain = _IN_BRACKETS.sub("", name)
    yield from other_spellings(plain)
    if kind == "work" and (titled := _LEADING_ARTICLE.match(plain)) and _is_distinctive_title(titled[1]):
        yield titled[1]
    if kind in ("entity", "work") and plain:
        yield plain
        if article := _ARTICLE.match(plain):
            yield f"{article[2]} {article[1]}"
    if kind == "entity" and plain:
        if (epithet := _EPITHET.match(plain)) and (person(epithet[1]) or " " not in epithet[1]):
            yield (plain := epithet[1])
        bare = without_legal_form(plain)
        yield from (bare,) if bare != plain else _without_titles(plain)


def _without_titles(name: str) -> Iterator[str]:
    """A person's name in its order and without titles and degrees, if it looks like a person's."""
    parsed = parse(name) if "," in name or (len(name.split()) > 1 and not _SERIES.search(name)) else None
    if parsed is None or not (_is_turned_round(name) if "," in name else parsed.title or parsed.suffix):
        return
    own = name.partition(",")[0] if parsed.title else name
    if not _NO_PERSON.search(own):
        words = (parsed.given, parsed.middle, parsed.family, _generation(parsed))
        yield " ".join(filter(None, words))


def _is_turned_round(name: str) -> bool:
    """Whether the first comma can be that of "Smith, Will", or of degrees, and all others of those."""
    parsed, rest = parse(name), name.split(",")[2:]
    given = len(f"{parsed.given} {parsed.middle}".split())
    surname = len(parsed.family.split())
    titles = all(parse(f"Ann Lee, {part}").given == "Ann" for part in rest)
    return titles and surname <= _SURNAME_WORDS and given <= _GIVEN_WORDS


def _generation(parsed: ParsedName) -> str:
    for word in re.split(r"[\s,]+", parsed.suffix):
        if word.casefold().strip(".") in GENERATIONS:
            return word
    return ""


def _is_full(other: str, name: str) -> bool:
    if other == without_legal_form(name):
        return _is_distinctive(other)
    initials = len(name.split()) > 2 and _INITIALS.fullmatch(other) is not None
    return initials or len(normalise(other)[0].split()) > 1


def _is_distinctive(name: str) -> bool:
    """Whether what is left of a company's name is no ordinary words. One word that has a capital may be a
    surname, too: where it stands tells (``NameMatcher``)."""
    words = normalise(name)[0].split()
    rarest = max(map(rarity, words), default=0.0)
    if len(words) == 1:
        return not name[:1].isupper() and rarest >= DISTINCTIVE_ALONE
    return len(words) > 2 or rarest >= DISTINCTIVE


def _is_distinctive_title(title: str) -> bool:
    """Whether a title says enough without its article: "Lord of the Rings", "Great Gatsby", no "Last Day"."""
    words = normalise(title)[0].split()
    rarest = max(map(rarity, words), default=0.0)
    return len(words) > 3 or (
        len(words) > 1 and rarest >= (RARE_IN_A_TITLE if len(words) < 3 else DISTINCTIVE)
    )


def _is_worth_proposing(other: str, name: str) -> bool:
    """Whether a name is worth proposing: one word of a company's, or of a person's if it is rare."""
    words = normalise(other)[0].split()
    if other == without_legal_form(name):
        return len(words) == 1
    return len(words) > 1 or (bool(words) and rarity(words[0]) >= DISTINCTIVE)
