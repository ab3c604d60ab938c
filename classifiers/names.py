"""Find names and aliases in text, whatever their case, accents, spacing, punctuation or inflection."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import ahocorasick
from anyascii import anyascii

from .word_frequency import common_words

# Beyond the format characters (category Cf): fillers and variation selectors.
_IGNORABLE = [
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
]  # fmt: skip

# Shorter than this, a name whose words are run together or cut elsewhere is too often another word
# ("Li Ming": "liming"); a name in a script without spaces says as much in half the characters.
COMPACT_LETTERS = 8
# Endings that a name may carry: Slavic, Finnish and Turkish cases, English plurals.
INFLECTED_LETTERS = 5
SUFFIX_LETTERS = 3
_HIDDEN_LETTERS = 6
MIN_SPELT_LETTERS = 4

_PARTICLES = (
    "은 는 이 가 을 를 의 에 에게 에서 에게서 와 과 도 만 로 으로 이다 다 라는 이라는 란 이란 씨 님 "
    "께서 한테 보다 처럼 까지 부터 이랑 랑 하고 이나 나 이라고 라고 에는 에서는 에게는 과의 와의 으로서 로서 "
    "이었다 였다 인가 입니까 입니다 이야 야 이며 며"
)
_KOREAN_PARTICLES = frozenset(unicodedata.normalize("NFKD", _PARTICLES).split())
# Conjunctions, prepositions and articles that Arabic and Hebrew write as one word with a name.
_CLITICS = "و ف ب ل ك ال وال بال فال كال ول وب ו ה ב ל מ ש כ וה וב ול ומ וש שה שב של"
_PROCLITICS = frozenset(_CLITICS.split())
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa",
                          "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"})  # fmt: skip
_UNWRITTEN = re.compile(r"[.'’‘`´-]")
_UNSPACED = ("CJK", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR")
# Titles of works begin so, and "The Oval Office" is no "The Office".
_TITLE_WORDS = "the a an my our la le les el los las il der die das o os as al and of in on"
_ARTICLES = frozenset(_TITLE_WORDS.split())


class _Folding(dict[str, str]):
    """What a character becomes, worked out once for each: letters fold, the rest is a space."""

    def __missing__(self, char: str) -> str:
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
        kept = [c for c in decomposed if not unicodedata.combining(c) and not _invisible(c)]
        folded = "".join(_plain_latin(c) if _of_a_word(c) else " " for c in kept)
        self[char] = folded
        return folded


def _plain_latin(char: str) -> str:
    """Latin letters that no decomposition makes plain: ø, ł, đ, æ, ı."""
    if char.isascii() or not unicodedata.name(char, "").startswith("LATIN"):
        return char
    plain = anyascii(char).lower()
    return plain if plain.isalnum() else char


def _of_a_word(char: str) -> bool:
    """Letters, digits, and the vowel signs of Indic scripts, which are marks without an accent's class."""
    return char.isalnum() or unicodedata.category(char) in ("Mc", "Mn")


def _invisible(char: str) -> bool:
    """What is not shown (Unicode's Default_Ignorable_Code_Point): put into a word, it splits nothing."""
    return unicodedata.category(char) in ("Cf", "Me") or any(
        low <= ord(char) <= high for low, high in _IGNORABLE
    )


_FOLDING = _Folding()
_PLAIN_OR_NOT = re.compile(r"(?P<plain>[A-Za-z0-9]+)|[^A-Za-z0-9]+")


def normalise(text: str) -> tuple[str, list[int]]:
    """Fold ``text`` for comparison: (folded text, the index in ``text`` of each folded character).

    Compatibility forms, case, accents and zero-width characters go; each run of white space and
    punctuation becomes one space.
    """
    folded: list[str] = []
    origins: list[int] = []
    spaced = True
    for run in _PLAIN_OR_NOT.finditer(text):
        # Most of most texts: folded as it is, several times as fast as letter by letter.
        if run.lastgroup:
            folded.append(run[0].lower())
            origins += range(*run.span())
            spaced = False
            continue
        for index, char in enumerate(run[0], run.start()):
            for c in _FOLDING[char]:
                if c == " " and spaced:
                    continue
                spaced = c == " "
                folded.append(c)
                origins.append(index)
    return "".join(folded), origins


@dataclass(frozen=True, slots=True)
class NameHit:
    """``name`` of target ``target_id``, written in ``text[start:end]``."""

    target_id: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to write a name. ``written`` are its folded spellings as words; an ``inverted`` one
    ("Rowling, J. K.") has a comma after its first word; a ``hidden`` one is reversed or in rot13."""

    kind: Literal["plain", "inverted", "hidden"]
    written: tuple[str, ...]
    owners: list[tuple[str, str]] = field(default_factory=list, compare=False, hash=False)


class _Folded:
    """A text folded for the search, and the same without its spaces."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded, self.origins = normalise(text)
        self.compact = self.folded.replace(" ", "")
        self.places = [place for place, char in enumerate(self.folded) if char != " "]

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where ``folded[begin:end]`` stands in the text."""
        return self.origins[begin], self.origins[end - 1] + 1

    def begins_word(self, begin: int) -> bool:
        """Whether a word begins here, after particles that Arabic and Hebrew write as part of it."""
        if not begin or _joint(self.folded[begin - 1], self.folded[begin]):
            return True
        prefix = self.folded[max(0, begin - 4) : begin].rpartition(" ")[2]
        return prefix in _PROCLITICS

    def ends_word(self, end: int) -> bool:
        """Whether a word ends here; Korean particles stand outside of it."""
        if end == len(self.folded) or _joint(self.folded[end - 1], self.folded[end]):
            return True
        return self.suffix(end, 12) in _KOREAN_PARTICLES

    def suffix(self, end: int, longest: int) -> str:
        """What follows in the same word, at most ``longest`` + 1 letters of it."""
        return self.folded[end : end + longest + 1].partition(" ")[0]


class NameMatcher:
    """All names of all targets in one Aho-Corasick automaton: time linear in the text.

    The automaton runs over the letters alone; how a hit is cut into words then decides. Found are a
    name as it is listed; with an ending ("Harry Potters"); with other or no spaces, hyphens and
    apostrophes ("HarryPotter", "JK Rowling"); inverted ("Rowling, J. K."); with middle names or
    initials between the first and the last word, or without the listed ones; backwards and in rot13.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """``names`` are (target id, name) pairs."""
        pairs = [(target_id, name) for target_id, name in names if normalise(name)[0].strip()]
        forms: dict[str, dict[_Form, _Form]] = {}
        for target_id, name in pairs:
            for form in _forms(name):
                same = forms.setdefault(form.written[0].replace(" ", ""), {})
                same.setdefault(form, form).owners.append((target_id, name))
        self._automaton = ahocorasick.Automaton()
        for letters, ways in forms.items():
            self._automaton.add_word(letters, (len(letters), list(ways)))
        self._automaton.make_automaton()
        self._middle_names = _MiddleNames(pairs)
        self.size = len({normalise(name)[0].strip() for _, name in pairs})

    def find(self, text: str) -> Iterator[NameHit]:
        """Every listed name in ``text`` that stands as words of its own, or unmistakably inside of one."""
        if not self.size:
            return
        folded = _Folded(text)
        seen: set[NameHit] = set()
        for begin, end, owners in (*self._written(folded), *self._middle_names.find(folded)):
            for target_id, name in owners:
                hit = NameHit(target_id, name, *folded.span(begin, end))
                if hit not in seen:
                    seen.add(hit)
                    yield hit

    def _written(self, folded: _Folded) -> Iterator[tuple[int, int, list[tuple[str, str]]]]:
        if not folded.compact:
            return
        for last, (length, forms) in self._automaton.iter(folded.compact):
            begin, end = folded.places[last - length + 1], folded.places[last] + 1
            for form in forms:
                if _stands(form, folded, begin, end):
                    yield begin, end, form.owners


def _forms(name: str) -> Iterator[_Form]:
    for spelling in dict.fromkeys((name, unicodedata.normalize("NFC", name).translate(_UMLAUTS))):
        words = normalise(spelling)[0].split()
        joined = normalise(_UNWRITTEN.sub("", spelling))[0].split()
        yield _Form("plain", tuple(dict.fromkeys((" ".join(words), " ".join(joined)))))
        if len(words) > 1 and "," not in name:
            yield _Form("inverted", tuple(dict.fromkeys(map(_inverted, (words, joined)))))
        for hidden in _hidden(words):
            yield _Form("hidden", (hidden,))


def _inverted(words: list[str]) -> str:
    return " ".join([words[-1], *words[:-1]])


def _hidden(words: list[str]) -> Iterator[str]:
    """The name in rot13, read backwards, and with each word backwards; no ordinary words."""
    letters = "".join(words)
    if len(letters) >= _HIDDEN_LETTERS:
        disguises = {codecs.encode(letters, "rot13"), letters[::-1], "".join(w[::-1] for w in words)}
        yield from (d for d in sorted(disguises) if d != letters and d not in common_words())


def _stands(form: _Form, folded: _Folded, begin: int, end: int) -> bool:
    written = folded.folded[begin:end]
    begins, ends = folded.begins_word(begin), folded.ends_word(end)
    if form.kind == "hidden":
        return begins and ends
    if form.kind == "inverted":
        comma = folded.origins[begin + form.written[0].index(" ") - 1] + 1
        known = written in form.written and begins and (ends or _inflected(folded, begin, end))
        return known and folded.text[comma : comma + 2].lstrip().startswith(",")
    if written in form.written:
        return begins and (ends or _inflected(folded, begin, end))
    if _long_enough(form.written[0]) and " " not in written:
        return True
    return begins and ends and (_long_enough(form.written[0]) or _unmistakable(form, folded, begin, end))


def _unmistakable(form: _Form, folded: _Folded, begin: int, end: int) -> bool:
    """Whether a short name is meant, though cut otherwise: "R u P a u l", "MegRyan"."""
    written = folded.folded[begin:end]
    if " " in written:
        return (
            all(len(word) == 1 for word in written.split(" ")) and len(written) >= 2 * MIN_SPELT_LETTERS - 1
        )
    starts = [begin + len(before.replace(" ", "")) for before in _beginnings(form.written[0])]
    return len(starts) > 1 and all(_capital(folded, start) for start in starts)


def _beginnings(written: str) -> list[str]:
    """What stands before each word."""
    return [written[: match.start()] for match in re.finditer(r"[^ ]+", written)]


def _capital(folded: _Folded, place: int) -> bool:
    char = folded.text[folded.origins[place]]
    return char.isupper() or char.isdigit()


def _inflected(folded: _Folded, begin: int, end: int) -> bool:
    """Whether what follows is an ending: "Potterin". One word with it must be no word of its own."""
    word = folded.folded[begin:end].rpartition(" ")[2]
    suffix = folded.suffix(end, SUFFIX_LETTERS)
    several = end - begin > len(word)
    if several and suffix == "s" and not folded.folded[begin].isdigit():
        return True
    if len(word) < INFLECTED_LETTERS or len(suffix) > SUFFIX_LETTERS:
        return False
    return several or word + suffix not in common_words()


def _long_enough(written: str) -> bool:
    letters = len(written.replace(" ", ""))
    return " " in written and letters >= COMPACT_LETTERS // (1 if _script(written[0]) == "spaced" else 2)


class _MiddleNames:
    """Names of two or more words by their first and last, whatever middle names stand between.

    Only in names that look like a person's: capitalised words, no article. Middle names in the text
    must not contradict the listed ones: "George H. W. Bush" is no "George W. Bush".
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._people: dict[str, dict[str, list[tuple[list[str], tuple[str, str]]]]] = {}
        for target_id, name in pairs:
            words = normalise(name)[0].split()
            if len(words) > 1 and _personal(name, words):
                lasts = self._people.setdefault(words[0], {})
                lasts.setdefault(words[-1], []).append((words[1:-1], (target_id, name)))

    def find(self, folded: _Folded) -> Iterator[tuple[int, int, list[tuple[str, str]]]]:
        words = [match.span() for match in re.finditer(r"[^ ]+", folded.folded)] if self._people else []
        for first, (begin, stop) in enumerate(words):
            lasts = self._people.get(folded.folded[begin:stop], {})
            for last in range(first + 1, min(first + 4, len(words))) if lasts else ():
                known = lasts.get(folded.folded[slice(*words[last])])
                if known and _continuous(folded, words[first : last + 1]):
                    middle = [folded.folded[slice(*word)] for word in words[first + 1 : last]]
                    owners = [owner for listed, owner in known if _agree(middle, listed)]
                    yield begin, words[last][1], owners


def _personal(name: str, words: list[str]) -> bool:
    capitalised = all(word[:1].isupper() for word in name.split())
    return (
        capitalised
        and "," not in name
        and _ARTICLES.isdisjoint(words)
        and min(len(words[0]), len(words[-1])) > 2
    )


def _continuous(folded: _Folded, words: list[tuple[int, int]]) -> bool:
    """Whether the words are one name: capitals, with no punctuation between but initials' and quotes."""
    between = folded.text[folded.origins[words[0][0]] : folded.origins[words[-1][0]]]
    if re.search(r"[^\w\s.'’\"“”()-]|\w{2}\.|\n|_", between):
        return False
    return all(folded.text[folded.origins[begin]].isupper() for begin, _ in words)


def _agree(middle: list[str], listed: list[str]) -> bool:
    """Whether middle names can be one person's: equal, initials of the other, or left out."""
    if not middle or not listed:
        return True
    return [word[0] for word in middle] == [word[0] for word in listed] and all(
        len(a) == 1 or len(b) == 1 or a == b for a, b in zip(middle, listed, strict=True)
    )


def _joint(left: str, right: str) -> bool:
    """Whether a word may end between two characters: at spaces, where the script changes to or from
    one that is written otherwise, and anywhere in scripts without spaces, save inside of katakana."""
    if left == " " or right == " ":
        return True
    scripts = {_script(left), _script(right)}
    return len(scripts) > 1 or scripts == {"unspaced"}


@cache
def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    if name.startswith(_UNSPACED):
        return "unspaced"
    return next((script for script in ("KATAKANA", "HANGUL") if name.startswith(script)), "spaced")
