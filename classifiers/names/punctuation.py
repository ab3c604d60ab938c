"""Whether the words of a name are parted: by a list's comma, by the end of a sentence.

"Paul, Simon and Ann are coming. I met Paul. Simon left." names no Paul Simon. Who wants to get past a
listed name can put a comma into it, too: so a comma parts only what reads as a list or as a statement,
and a full stop only what reads as two sentences. "Who is Paul, Simon?" asks about one person.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from ..text.folded_text import FoldedText
from ..text.word_frequency import english_rarity, rarity
from .surnames import is_first_name

# How far the sentence around a name is looked at, and the punctuation between two of its words.
_AROUND = 200
_BETWEEN = 64
_QUERY_WORDS = 8

_HELPS = r"is|are|was|were|did|does|do|has|have|had|can|could|will|would|should|might"
_STOP = re.compile(r"[.!?]['\"”’)\]]*\s|[。！？؟।]")
_PAUSE = re.compile(r"[,;:]\s|[，、；：،؛…—]|\.\.|\s[–-]{1,2}\s")
_BOTH = re.compile(r"\s[&+]\s")
_AND_SIGN = re.compile(r"\s?[&+]\s?")
_BREAK = re.compile(r"[.!?\n。！？؟।]")
# Between two cells of a table, items of a list of lines, or strings of a list.
_CELLS = re.compile(r"['\"]\s*[,;|]\s*['\"]|\s*\|\s*|\s*\t\s*|\s*\n\s*[-*•+]\s+")
# A surname and initials, of which the next author's begin.
_AUTHORS = re.compile(r"[,;&]")
_AUTHOR = re.compile(r"\b[^\W\d_a-z]\w+,?\s(?:[^\W\d_a-z][.,\s]{0,3}){0,3}\Z")
# To whom a letter goes, who took part: names, and no one in two parts.
_LABEL = re.compile(r"\W*\w{1,20}:\s*\Z")
_LINE_END = re.compile(r"[ \t]*(?:\n|\Z)")
_ASIDE = re.compile(r"\s[–-]{1,2}\s")
_DOES = re.compile(rf"\s(?:{_HELPS}|said|says|went|left|came|wrote|thinks|thought|met|asked|wants)\b")
_CELL_AFTER = re.compile(rf"(?:{_CELLS.pattern})(\w{{2,30}})\b")
_CELL_BEFORE = re.compile(rf"\b(\w{{2,30}})(?:{_CELLS.pattern})\Z")
_ABBREVIATED = frozenset(
    """dr mr mrs ms prof st ste sta mt ft jr sr sgt capt lt col gen maj rev hon wm geo chas jos thos benj no
    vol op vs pt ph fr bro sra dra dna mme mlle inc corp co ltd""".split()  # noqa: SIM905
)
# What follows a name after a comma of its own.
_AFTER_NAMES = frozenset(
    "jr sr ii iii iv phd md dds esq mba cbe obe mbe frs qc kc inc ltd llc llp plc corp co sa ag".split()  # noqa: SIM905
)
_LISTED_ON = re.compile(
    r"\w{0,3}['\"’”]?(?:,?\s+(?:and|or|und|oder|et|ou|y|e|o|og|och|en|i|и|или)\b|\s*[,;，、؛،]|,?\s+&)\s*['\"‘“]?(\w+)",
    re.IGNORECASE,
)
_LISTED_BEFORE = re.compile(r"(\w+)['\"’”]?[,;，、؛،]\s*['\"‘“]?\Z")
_GOES_ON = re.compile(r"\w{0,3}(?:['’]s)?[,:]?[ \t]*[^\W_]")
_ASKS = re.compile(
    r"\W*(?:(?:so|and|but|please|hi|hello|ok|okay)\W+)*(?:"
    r"(?:who|whom|whose|what|which|wer|was|wo|wann|wie|warum|welche\w*|qui|que|quel\w*|quand|où|quién|qué"
    r"|cuándo|dónde|cómo|chi|quando|кто|что|где|когда)\b"
    rf"|(?:when|where|why|how)['’ ]+(?:{_HELPS}|s|much|many|old|tall|long)\b|(?:{_HELPS})\b"
    r"|(?:tell|write|describe|give|list|explain|summari[sz]e|discuss|name|identify|outline|compare|provide"
    r"|continue|complete)\b)",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"\W*(?:when|whenever|after|before|if|as|because|while|since|although|though|until|once|unless|unlike|besides|like|for"
    r"|with|without|to|by|from|according|dear|hi|hello|hey|thanks|sorry|yes|no|als|wenn|nachdem|weil|quand|si|cuando)\b",
    re.IGNORECASE,
)  # fmt: skip


def is_parted(
    folded: FoldedText,
    begin: int,
    end: int,
    own: frozenset[int] = frozenset(),
    ands: frozenset[int] = frozenset(),
) -> bool:
    """Whether punctuation ends the name ``folded[begin:end]`` before its last word.

    ``own`` says after how many of its letters the name has punctuation itself, ``ands`` where that is "&".
    """
    letters = 0
    for place in range(begin, end):
        if folded.folded[place] != " ":
            letters += 1
            continue
        between = folded.text[folded.origins[place - 1] + 1 : folded.origins[place + 1]][:_BETWEEN]
        if _between_authors(between, folded, begin, place):
            return True
        if letters not in own:
            if letters in ands and _AND_SIGN.fullmatch(between):
                continue
            if not between.isspace() and _parts(between, place, folded, begin, end):
                return True
    return False


def has_punctuation(name: str) -> bool:
    """Whether a listed name has such punctuation itself."""
    return bool(_STOP.search(name) or _PAUSE.search(name) or _BOTH.search(name))


def is_parted_in(text: str, start: int, end: int) -> bool:
    """The same of a name that stands in ``text[start:end]``."""
    lead = max(0, start - _AROUND)
    folded = FoldedText(text[lead : end + _AROUND])
    begin, stop = (bisect_left(folded.origins, place - lead) for place in (start, end))
    return is_parted(folded, begin, stop)


def is_question(text: str, start: int) -> bool:
    """Whether the sentence in which ``start`` lies begins as a question or a command does."""
    return _ASKS.match(_BREAK.split(text[max(0, start - _AROUND) : start])[-1]) is not None


def one_turned(folded: FoldedText, begin: int, end: int, comma: int) -> bool:
    """Whether "King, Stephen" is one name turned round, with its comma after so many letters, and not two
    of a list or of two clauses."""
    start, stop = folded.span(begin, end)
    place = begin
    while comma:
        comma -= folded.folded[place] != " "
        place += 1
    after = folded.text[folded.origins[place - 1] + 1 : folded.origins[place] + 1]
    if not after.lstrip().startswith((",", "，", "،")):
        return False
    opening = _BREAK.split(folded.text[max(0, start - _AROUND) : start])[-1]
    leads = _LEADS.match(opening) and not _ASKS.match(opening) and _GOES_ON.match(folded.text, stop)
    return not leads and not _is_list(folded.text, start, stop)


def _between_authors(between: str, folded: FoldedText, begin: int, place: int) -> bool:
    """Whether one author's initial ends before ``place``, and another's surname follows: "Lee, R., Kelly"."""
    start = folded.origins[begin]
    initial = place - begin == 1 and _AUTHORS.search(between) is not None
    return initial and _AUTHOR.search(folded.text[max(0, start - _BETWEEN) : start]) is not None


def _parts(between: str, place: int, folded: FoldedText, begin: int, end: int) -> bool:
    before = folded.folded[begin:place].rpartition(" ")[2]
    after = folded.folded[place + 1 : end].partition(" ")[0]
    if after in _AFTER_NAMES or len(before) == len(after) == 1:
        return False
    start, stop = folded.span(begin, end)
    if _CELLS.fullmatch(between) and _are_first_names(before, after, folded.text, start, stop):
        return True
    if _STOP.search(between):
        abbreviated = between[0] == "." and (len(before) == 1 or before in _ABBREVIATED)
        lower = folded.text[start].isupper() and folded.text[folded.origins[place + 1]].islower()
        return not abbreviated and not lower and _are_two_sentences(folded.text, between, start, stop)
    if _PAUSE.search(between):
        return _is_address(folded.text, between, start, stop) or _states(folded.text, start, stop)
    # A list can be written without spaces: "Paul,Simon and Ann".
    return bool(_BOTH.fullmatch(between)) or ("," in between and _is_list(folded.text, start, stop))


def _are_first_names(one: str, other: str, text: str, start: int, stop: int) -> bool:
    """Whether three first names stand beside each other, in cells: none has the next for a surname."""
    after = _CELL_AFTER.match(text, stop, stop + _BETWEEN)
    before = _CELL_BEFORE.search(text[max(0, start - _BETWEEN) : start])
    thirds = [match[1].lower() for match in (after, before) if match]
    return is_first_name(one) and is_first_name(other) and any(map(is_first_name, thirds))


def _are_two_sentences(text: str, between: str, start: int, stop: int) -> bool:
    """Whether more of a sentence follows the name, and what stands before is no question cut short."""
    opening = _BREAK.split(text[max(0, start - _AROUND) : start])[-1]
    unfinished = "?" not in between and "？" not in between and _ASKS.match(opening)
    return bool(_GOES_ON.match(text, stop)) and not unfinished


def _is_address(text: str, between: str, start: int, stop: int) -> bool:
    """Whether a list is named, or somebody spoken to: "Paul, Simon, are you there?"."""
    opening = _BREAK.split(text[max(0, start - _AROUND) : start])[-1]
    opens = not opening.strip()
    if _LABEL.fullmatch(opening) and _LINE_END.match(text, stop):
        return True
    if opens and _ASIDE.fullmatch(between) and _DOES.match(text, stop):
        return "?" not in _BREAK.findall(text[stop : stop + _AROUND])[:1]
    spoken = opens and (":" in between or text[stop : stop + 1] in (",", ":"))
    return (spoken and bool(_GOES_ON.match(text, stop))) or _is_list(text, start, stop)


def _is_list(text: str, start: int, stop: int) -> bool:
    """Whether another name stands beside, set off by a comma or by "and"."""
    after = _LISTED_ON.match(text, stop, stop + _AROUND)
    before = _LISTED_BEFORE.search(text[max(0, start - _BETWEEN) : start])
    capital = text[start].isupper()
    return any(match and _may_name(match[1], capital) for match in (after, before))


def _may_name(word: str, capital: bool) -> bool:
    if word[0].isupper():
        return english_rarity(word.lower()) > 0
    return not capital and not word.isdigit() and rarity(word.lower()) > 0


def _states(text: str, start: int, stop: int) -> bool:
    """Whether the sentence around states something: it neither asks nor commands, nor is it a bare query."""
    opening = _BREAK.split(text[max(0, start - _AROUND) : start])[-1]
    closing = text[stop : stop + _AROUND]
    mark = _BREAK.search(closing)
    rest = closing[: mark.start()] if mark else closing
    if _ASKS.match(opening) or (mark and mark[0] in "?？؟"):
        return False
    if _LEADS.match(opening):
        return True
    words = len(opening.split()) + len(rest.split())
    return words > 0 and (bool(mark and mark[0] != "\n") or words >= _QUERY_WORDS)
