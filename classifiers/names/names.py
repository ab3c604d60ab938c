"""Find names and aliases in text, whatever their case, accents, spacing, punctuation or inflection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import ahocorasick

from ..text.folded_text import FoldedText, script
from ..text.folded_words import FoldedWords
from ..text.folding import normalise
from ..text.word_frequency import english_rarity, rarity
from .after_names import follows_another
from .apart_names import comes_apart
from .endings import MOST_LETTERS, another_name, languages, own_word
from .initials import Initials
from .legal_forms import legal_form_follows
from .middle_names import MiddleNames, Owner
from .name_forms import Form, company_forms, name_forms, spellings
from .other_names import DISTINCTIVE_ALONE
from .person import PARTICLES, Person, person
from .punctuation import is_parted, one_turned
from .surnames import is_first_name

# Shorter than this, a name whose words are run together or cut elsewhere is too often another word
# ("Li Ming": "liming"); a name in a script without spaces says as much in half the characters.
COMPACT_LETTERS = 8
# A name of one word that is shorter carries no ending: with one it is too often another word.
INFLECTED_LETTERS = 5
MIN_SPELT_LETTERS = 4
MIN_UNSPACED_LETTERS = 3
# A capitalised word as common as this begins a sentence and is no name.
PLAIN_RARITY = 0.6
HARDLY_A_WORD = 2.0
_AROUND = 40
# Names as short as this, with a sign, are pairs of letters and words otherwise: AT&T, H&M, Jay-Z.
_SHORT = 6
_SIGNS = re.compile(r"[&/+-]")
RARE_PIECE = 1.0
_PARTED = re.compile(r"[^\w\s.'’-]|\w{2}\.\s|\n")


@dataclass(frozen=True, slots=True)
class NameHit:
    """``name`` of target ``target_id``, written in ``text[start:end]``."""

    target_id: str
    name: str
    start: int
    end: int


class NameMatcher:
    """All names of all targets in one Aho-Corasick automaton: time linear in the text.

    The automaton runs over the letters alone; how a hit is cut into words then decides. Found are a
    name as it is listed; with an ending ("Harry Potters"); with other or no spaces, hyphens and
    apostrophes ("HarryPotter", "JK Rowling"); turned round ("Rowling, J. K."); with middle names or
    initials between the first and the last word, or without the listed ones; with initials for the
    given names; with ö as oe or oe as ö; backwards and in rot13. Punctuation that the name has not
    ends it where it parts two sentences or the items of a list.
    """

    def __init__(self, names: Iterable[tuple[str, str]], companies: Iterable[tuple[str, str]] = ()) -> None:
        """``names`` are (target id, name) pairs; ``companies`` likewise, of names that must have a legal form
        in the text, or be of several words in capitals."""
        pairs = [(target_id, name) for target_id, name in names if normalise(name)[0].strip()]
        forms: dict[str, dict[Form, Form]] = {}
        for pair in pairs:
            _add_forms(forms, name_forms(pair[1]), pair)
        for pair in companies:
            _add_forms(forms, company_forms(pair[1]), pair)
        self._automaton = ahocorasick.Automaton()
        for letters, ways in forms.items():
            self._automaton.add_word(letters, (len(letters), list(ways)))
        self._automaton.make_automaton()
        people = list(_people(pairs))
        self._middle_names, self._initials = MiddleNames(people), Initials(people)
        self.size = len({normalise(name)[0].strip() for _, name in pairs})

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name in ``text`` that stands as words of its own, or unmistakably inside of one."""
        if not self.size:
            return
        seen: set[NameHit] = set()
        for folded in FoldedText.spellings(text):
            for begin, end, owners in self._places(folded):
                for target_id, name in owners:
                    hit = NameHit(target_id, name, *folded.span(begin, end))
                    if hit not in seen and not follows_another(name, text, hit.start, hit.end):
                        seen.add(hit)
                        yield hit

    def _places(self, folded: FoldedText) -> Iterator[tuple[int, int, list[Owner]]]:
        words = FoldedWords(folded)
        yield from self._find_written(folded)
        yield from self._middle_names.find(words)
        yield from self._initials.find(words)

    def _find_written(self, folded: FoldedText) -> Iterator[tuple[int, int, list[Owner]]]:
        if not folded.compact:
            return
        for last, (length, forms) in self._automaton.iter(folded.compact):
            begin, end = folded.places[last - length + 1], folded.places[last] + 1
            for form in forms:
                if _stands(form, folded, begin, end):
                    yield begin, end, form.owners


def _add_forms(forms: dict[str, dict[Form, Form]], new: Iterable[Form], owner: Owner) -> None:
    """Put the owner to its ``new`` forms, by the letters of each."""
    for form in new:
        same = forms.setdefault(form.written[0].replace(" ", ""), {})
        same.setdefault(form, form).owners.append(owner)


def _people(pairs: Iterable[Owner]) -> Iterator[tuple[Person, Owner]]:
    """Each spelling of a name that looks like a person's, in its parts."""
    for owner in pairs:
        for spelling in spellings(owner[1]):
            if known := person(spelling):
                yield known, owner


def _stands(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    written = folded.folded[begin:end]
    if _cuts_number(folded, begin) or _cuts_number(folded, end):
        return False
    begins, ends = folded.begins_word(begin), folded.ends_word(end)
    if form.kind == "hidden":
        return begins and ends
    if " " in written and is_parted(folded, begin, end, form.breaks | {form.comma}, form.ands):
        return False
    if form.kind == "company":
        known = written in form.written and begins and ends
        return known and (
            legal_form_follows(folded.text, folded.span(begin, end)[1]) or _is_company(folded, begin, end)
        )
    if form.kind == "turned":
        known = written in form.written and begins and (ends or _has_ending(folded, begin, end))
        return known and (
            _is_verbatim(form, folded, begin, end)
            or (form.bare and _is_bare(folded, begin, end))
            or (not _follows_first_name(folded, begin) and one_turned(folded, begin, end, form.comma))
        )
    if written in form.written:
        if (
            " " in written
            and len(folded.folded[begin:end]) <= _SHORT
            and _other_signs(form, folded, begin, end)
        ):
            return False
        return begins and (ends or _has_ending(folded, begin, end))
    if _is_long_enough(form.written[0]) and " " not in written:
        return not _of_another(form, folded, begin, end)
    if _is_apart(form, folded, begin, end):
        return True
    if not (begins and ends):
        return False
    return (
        _is_long_enough(form.written[0])
        or _is_unmistakable(form, folded, begin, end)
        or comes_apart(form.written[0], folded, begin, end)
    )


def _is_verbatim(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether it stands here as it is listed, with its comma and its capitals."""
    start, stop = folded.span(begin, end)
    return any(name[: stop - start] == folded.text[start:stop] for _, name in form.owners)


def _other_signs(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether short pieces stand beside each other, which the listed name joins by a sign: "at t", "H/M".

    With a space for the sign they are the name in its capitals, or if one of them is a rare word ("jay z").
    """
    start, stop = folded.span(begin, end)
    written = folded.text[start:stop]
    gaps = re.findall(r"[\W_]+", written)
    for _, name in form.owners:
        if not _SIGNS.search(name) or written.casefold() in name.casefold():
            return False
        if gaps == [" & "] and _SIGNS.findall(name) == ["&"]:
            return False
        letters = re.sub(r"[\W_]", "", name)
        rare = max(english_rarity(word) for word in folded.folded[begin:end].split(" ")) >= RARE_PIECE
        spaced = all(gap.isspace() for gap in gaps)
        joined = folded.text[stop : stop + 1] == "-" and folded.text[stop + 1 : stop + 2].isalpha()
        if spaced and not joined and (rare or re.sub(r"\s", "", written) == letters):
            return False
    return True


def _is_bare(folded: FoldedText, begin: int, end: int) -> bool:
    """Whether "DUDA Andrzej" is one name: in capitals, without punctuation, and after no other name."""
    start, stop = folded.span(begin, end)
    written = folded.text[start:stop]
    capitals = all(word[:1].isupper() or word in PARTICLES for word in written.split())
    around = folded.text[max(0, start - _AROUND) : start]
    named = _follows_surname(folded, begin) and not (around.isupper() and written.isupper())
    return capitals and not _PARTED.search(written) and not named


def _is_apart(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether this is a name in a script without spaces, with spaces: 村上 春樹, 김 철수.

    Where any two words may meet, two characters with a space must stand alone.
    """
    kind = script(form.written[-1][0])
    if (
        " " in form.written[-1]
        or kind == "spaced"
        or not folded.begins_word(begin)
        or not folded.ends_word(end)
    ):
        return False
    alone = begin == 0 or folded.folded[begin - 1] == " "
    return alone or len(form.written[-1]) >= MIN_UNSPACED_LETTERS


def _is_unmistakable(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether a short name is meant, though cut otherwise: "R u P a u l", "MegRyan"."""
    written = folded.folded[begin:end]
    if " " in written:
        return (
            all(len(word) == 1 for word in written.split(" ")) and len(written) >= 2 * MIN_SPELT_LETTERS - 1
        )
    words = form.written[0].split(" ")
    starts = accumulate(map(len, words[:-1]), initial=begin)
    return len(words) > 1 and all(_is_capital(folded, start) for start in starts)


def _is_company(folded: FoldedText, begin: int, end: int) -> bool:
    """Whether a company is meant without its legal form: by several words in capitals, or by a rare one that
    is no person's surname ("Viktor Orban")."""
    if " " in folded.folded[begin:end]:
        return _in_capitals(folded, begin, end)
    rare = rarity(folded.folded[begin:end]) >= DISTINCTIVE_ALONE
    return rare and _is_capital(folded, begin) and not _follows_surname(folded, begin)


def _follows_surname(folded: FoldedText, begin: int) -> bool:
    """Whether a word in capitals, too rare to begin a sentence alone, stands right before."""
    word = _capital_before(folded, begin)
    return bool(word) and english_rarity(word) > PLAIN_RARITY


def _follows_first_name(folded: FoldedText, begin: int) -> bool:
    """Whether a first name, or what is hardly a word, stands right before: "Piotr Duda, Andrzej Wajda"."""
    word = _capital_before(folded, begin)
    return bool(word) and (is_first_name(word) or english_rarity(word) >= HARDLY_A_WORD)


def _capital_before(folded: FoldedText, begin: int) -> str:
    """The word in capitals right before, if nothing but a space stands between; else ""."""
    start = folded.folded.rfind(" ", 0, max(0, begin - 1)) + 1
    word = folded.folded[start : begin - 1] if begin > 1 else ""
    joint = folded.text[folded.origins[begin - 1] : folded.origins[begin]] if word else ""
    return word if joint.isspace() and _is_capital(folded, start) else ""


def _in_capitals(folded: FoldedText, begin: int, end: int) -> bool:
    """Whether several words all begin with a capital, and are not written in capitals throughout."""
    starts = [begin, *(place + 1 for place in range(begin, end) if folded.folded[place] == " ")]
    start, stop = folded.span(begin, end)
    return (
        len(starts) > 1
        and all(_is_capital(folded, s) for s in starts)
        and not folded.text[start:stop].isupper()
    )


def _is_capital(folded: FoldedText, place: int) -> bool:
    char = folded.text[folded.origins[place]]
    return char.isupper() or char.isdigit()


def _cuts_number(folded: FoldedText, place: int) -> bool:
    """Whether digits stand on both sides: "Patient 10234" in "Patient 102345"."""
    return folded.folded[max(0, place - 1) : place].isdigit() and folded.folded[place : place + 1].isdigit()


def _of_another(form: Form, folded: FoldedText, begin: int, end: int) -> bool:
    """Whether a name inside of a longer word is part of another: "StephenKingston"."""
    words = form.written[0].split(" ")
    rest = folded.suffix(end, MOST_LETTERS)
    if rest and not (_is_capital(folded, end) and not _is_capital(folded, end - 1)):
        return another_name(words[-1], rest)
    return False


def _has_ending(folded: FoldedText, begin: int, end: int) -> bool:
    """Whether what follows is an ending: "Potterin". A word with it must be no word of its own."""
    word = folded.folded[begin:end].rpartition(" ")[2]
    suffix = folded.suffix(end, MOST_LETTERS)
    several = end - begin > len(word)
    if several and suffix == "s" and len(word) > 1 and not folded.folded[begin].isdigit():
        return True
    if not several and len(word) < INFLECTED_LETTERS:
        return False
    return (suffix == "s" or languages(word, word + suffix) != 0) and not own_word(word + suffix)


def _is_long_enough(written: str) -> bool:
    letters = len(written.replace(" ", ""))
    return " " in written and letters >= COMPACT_LETTERS // (1 if script(written[0]) == "spaced" else 2)
