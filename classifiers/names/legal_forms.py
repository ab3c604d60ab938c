"""The legal forms of companies, which people leave out and mix up: Inc., GmbH, 株式会社."""

from __future__ import annotations

import re
from functools import lru_cache

from cleanco import basename

from ..text.folding import normalise
from ..text.word_cache import once_a_word

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
_NEXT = re.compile(r",?\s+((?:&\s*)?[^\s,;:!?]+)")


@lru_cache(65_536)
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


def legal_form_follows(text: str, end: int) -> bool:
    """Whether a legal form stands in the text right after ``end``: ", Inc.", " & Co"."""
    following = _NEXT.match(text, end)
    return following is not None and _is_legal_form(following[1])


@once_a_word
def _is_legal_form(word: str) -> bool:
    # In lower case it is an edition more often.
    return word != "limited" and len(word) < 24 and without_legal_form(f"Orban {word}") == "Orban"
