"""Names that follow from how one is listed: turned round, without title, degree or legal form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from cleanco import basename
from nameparser import ParsedName, parse

from ..vocabulary import Kind
from .folding import normalise
from .person import GENERATIONS, person
from .word_frequency import rarity

# What is left of a company's name flags alone if a word of it is as rare as this ("Ford" has 1.0, "Best Buy"
# 0.2), or, where only one is left, as the second ("Siemens" has 1.4, "Apple" 0.7).
DISTINCTIVE = 0.95
DISTINCTIVE_ALONE = 1.35
_SURNAME_WORDS = 3
_GIVEN_WORDS = 4
_IN_BRACKETS = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]\s*\Z")
_NO_PERSON = re.compile(r"\d|[&+/@!?:;]|\b(?:and|und|et|of|the|for|with)\b", re.IGNORECASE)
_EPITHET = re.compile(r"\A([^,]+),\s*(?:the\s|\w+\s(?:of|von|de)\s)")
_ARTICLE = re.compile(r"\A(.+),\s*(the|an?|le|la|les|el|los|las|il|der|die|das|l')\Z", re.IGNORECASE)
# Cleanco knows the Latin forms that stand last.
_OTHER_FORMS = (
    "株式会社|有限会社|合同会社|주식회사|유한회사|股份有限公司|有限责任公司|有限公司|公司"
    r"|[(（][株주][)）]|ООО|ОАО|ПАО|ЗАО|OOO|PAO|ZAO"
)
_FIRST_FORM = re.compile(rf"\A(?:(?:{_OTHER_FORMS})\s*|the\s)(?=\S)", re.IGNORECASE)
_LAST_FORM = re.compile(rf"\s*(?:{_OTHER_FORMS}|,?\saktiengesellschaft|,?\spvt\.?|,?\s&)\s*\Z", re.IGNORECASE)
# Of Cleanco's, these are words or other abbreviations more often, but in capitals.
_WORDS_TOO = frozenset(
    """aj ad as at ba bl bt da dat dd ec ed ee ei ep et ev fa fie hf ik is kf kt ma mb no nl oe ok pp private
    ps pt sa sal sd se sem sep sf sp ss st uk unlimited vat zat""".split()  # noqa: SIM905
)
_FORMS = (
    "Inc",
    "Incorporated",
    "Corp",
    "Corporation",
    "Company",
    "Co",
    "Ltd",
    "Limited",
    "LLC",
    "PLC",
    "GmbH",
    "AG",
    "Aktiengesellschaft",
)


@lru_cache(65_536)
def other_names(name: str, kind: Kind) -> tuple[str, ...]:
    """Those that mean the same: in full, of two words or more, and companies' that are no ordinary words."""
    return tuple(
        dict.fromkeys(other for other in _shorter(name, kind) if other != name and _in_full(other, name))
    )


@lru_cache(65_536)
def with_legal_forms(name: str, kind: Kind) -> tuple[str, ...]:
    """A company's name with other legal forms, where it flags only with one: Apple Corporation, Apple Co."""
    bare = without_legal_form(name) if kind == "entity" else name
    return tuple(f"{bare} {form}" for form in _FORMS) if bare != name and not _distinctive(bare) else ()


@lru_cache(65_536)
def names_to_propose(name: str, kind: Kind) -> tuple[str, ...]:
    """Shorter ones that may mean others, too: "Gaga", "Apple", and "Robert Downey", the father of Jr."""
    shorter = [other for other in _shorter(name, kind) if other not in (name, *other_names(name, kind))]
    for full in (name, *other_names(name, kind)) if kind == "entity" else ():
        known = person(full)
        shorter += [full.rpartition(" ")[0]] if known and known.generation else []
    return tuple(dict.fromkeys(other for other in shorter if _telling(other, name)))


def without_legal_form(name: str) -> str:
    """A company's name alone; all of it where it has no legal form."""
    bare, last = name, ""
    while bare != last:
        last = bare
        word = bare.rpartition(" ")[2]
        if word.isupper() or word.casefold().replace(".", "") not in _WORDS_TOO:
            bare = basename(bare) or bare
        bare = _LAST_FORM.sub("", bare) or bare
    if bare != name or _FIRST_FORM.match(name):
        bare = _FIRST_FORM.sub("", bare)
    same = normalise(bare)[0].split() == normalise(name)[0].removeprefix("the ").split()
    return name if same else bare


def _shorter(name: str, kind: Kind) -> Iterator[str]:
    plain = _IN_BRACKETS.sub("", name)
    if kind in ("entity", "work") and plain:
        yield plain
        if article := _ARTICLE.match(plain):
            yield f"{article[2]} {article[1]}"
    if kind == "entity" and plain:
        if (epithet := _EPITHET.match(plain)) and (person(epithet[1]) or " " not in epithet[1]):
            yield (plain := epithet[1])
        bare = without_legal_form(plain)
        yield from (bare,) if bare != plain else _untitled(plain)


def _untitled(name: str) -> Iterator[str]:
    """A person's name in its order and without titles and degrees, if it looks like a person's."""
    parsed = parse(name) if "," in name or len(name.split()) > 1 else None
    if parsed is None or not (_turned(name) if "," in name else parsed.title or parsed.suffix):
        return
    own = name.partition(",")[0] if parsed.title else name
    if not _NO_PERSON.search(own):
        words = (parsed.given, parsed.middle, parsed.family, _generation(parsed))
        yield " ".join(word for word in words if word)


def _turned(name: str) -> bool:
    """Whether the first comma can be that of "Smith, Will", or of degrees, and all others of those."""
    parsed, rest = parse(name), name.split(",")[2:]
    given = len(f"{parsed.given} {parsed.middle}".split())
    surname = len(parsed.family.split())
    titles = all(parse(f"Ann Lee, {part}").given == "Ann" for part in rest)
    return titles and surname <= _SURNAME_WORDS and given <= _GIVEN_WORDS


def _generation(parsed: ParsedName) -> str:
    return next(
        (word for word in re.split(r"[\s,]+", parsed.suffix) if word.casefold().strip(".") in GENERATIONS), ""
    )


def _in_full(other: str, name: str) -> bool:
    if other == without_legal_form(name):
        return _distinctive(other)
    return len(normalise(other)[0].split()) > 1


def _distinctive(name: str) -> bool:
    words = normalise(name)[0].split()
    return max(map(rarity, words), default=0.0) >= (DISTINCTIVE if len(words) > 1 else DISTINCTIVE_ALONE)


def _telling(other: str, name: str) -> bool:
    """Whether a name is worth proposing: a company's always, one word of a person's if it is rare."""
    words = normalise(other)[0].split()
    company = other == without_legal_form(name)
    return bool(words) and (company or len(words) > 1 or rarity(words[0]) >= DISTINCTIVE)
