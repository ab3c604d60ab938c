"""Other readings of one prompt: what a model can make of it and a search for words cannot.

Each reading is returned only where it differs from the prompt and plausibly is language, so that
an ordinary prompt has none and costs a few passes of regular expressions.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from math import log
from typing import Literal

from .word_frequency import common_words

Reading = Literal[
    "homoglyphs", "leetspeak", "spaced", "base64", "hex", "escaped", "rot13", "reversed", "joined"
]

# Readings of readings: base64 of base64, base64 of rot13.
MAX_DEPTH = 2
MAX_VIEWS = 12


@dataclass(frozen=True, slots=True)
class View:
    """``text`` is what the prompt says when read as ``reading``.

    ``origins[i]`` is the half-open range of the prompt that ``text[i]`` was read from. Of a decoded
    run it is approximate, but holds the code of that character.
    """

    reading: Reading
    text: str
    origins: list[tuple[int, int]]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the prompt that ``text[start:end]``, not empty, was read from."""
        covered = self.origins[start:end]
        return min(begin for begin, _ in covered), max(stop for _, stop in covered)


@dataclass(frozen=True, slots=True)
class _Edit:
    """``text`` stands for ``source[start:end]``; ``origins`` say where from, else it is spread evenly."""

    start: int
    end: int
    text: str
    origins: list[tuple[int, int]] | None = None

    def places(self) -> list[tuple[int, int]]:
        """For each character of ``text`` the range of the source that it stands for."""
        if self.origins is not None:
            return self.origins
        count, length = len(self.text), self.end - self.start
        # One character more on either side: the code of a character can straddle an even cut.
        return [
            (
                max(self.start, self.start + i * length // count - 2),
                min(self.end, self.start + -(-(i + 1) * length // count) + 2),
            )
            for i in range(count)
        ]


def views(prompt: str, turns: list[tuple[int, int]] | None = None) -> list[View]:
    """The other readings of ``prompt``, at most ``MAX_VIEWS``; none for most prompts.

    ``turns`` are the character ranges of the conversation's turns.
    """
    found = list(_readings(prompt))
    if joined := _joined(prompt, turns):
        found.append(_view("joined", prompt, joined))
    for view in found[:MAX_VIEWS] if MAX_DEPTH > 1 else ():
        found += [_through(view, inner) for inner in _readings(view.text) if inner.reading != view.reading
                  or inner.reading in ("base64", "hex")]  # fmt: skip
    unlike = {view.text: view for view in reversed(found) if view.text.strip() and view.text != prompt}
    return [view for view in found if unlike.get(view.text) is view][:MAX_VIEWS]


def _readings(text: str) -> Iterator[View]:
    for reading, edits in _READINGS:
        if made := list(edits(text)):
            yield _view(reading, text, made)
    yield from (_view(reading, text, made) for reading, made in _ciphers(text) if made)


def _view(reading: Reading, source: str, edits: Iterable[_Edit]) -> View:
    """``source`` with the edits made, which are in order and apart."""
    parts: list[str] = []
    origins: list[tuple[int, int]] = []
    position = 0
    for edit in (*edits, _Edit(len(source), len(source), "")):
        parts += (source[position : edit.start], edit.text)
        origins += ((i, i + 1) for i in range(position, edit.start))
        origins += edit.places()
        position = edit.end
    return View(reading, "".join(parts), origins)


def _through(outer: View, inner: View) -> View:
    return View(inner.reading, inner.text, [outer.span(*place) for place in inner.origins])


# --- look-alikes -------------------------------------------------------------------------------

# From Unicode's confusables.txt: letters of other scripts whose prototype is a Latin letter, those of
# Cyrillic, Greek, Armenian, Cherokee, Coptic, Lisu, Georgian, and some that only a reader takes for one.
_LOOKALIKES = {
    look: latin
    for latin, looks in {
        "A": "ΑАᎪꓮᗅ", "B": "ΒВᏴꓐᗷ", "C": "ϹⲤСᏟꓚ", "D": "ᎠᗞꓓᎠ", "E": "ΕЕᎬꓰⴹ", "F": "ϜꓝᖴϜ", "G": "ԌᏀꓖᏳ",
        "H": "ΗⲎНᎻꓧᕼ", "I": "ΙІӀⲒꓲᛁ", "J": "ͿЈᎫꓙ", "K": "ΚⲔКᏦꓗ", "L": "ⳐᏞꓡᒪ", "M": "ΜⲘМᎷꓟᗰ", "N": "ΝⲚꓠИ",
        "O": "ΟⲞОՕꓳ", "P": "ΡⲢРᏢꓑᑭ", "Q": "ⵕԚ", "R": "ᎡᏒꓣЯᖇ", "S": "ЅՏᏚꓢᏕ", "T": "ΤⲦТᎢꓔ", "U": "ՍꓴᑌՍ",
        "V": "ѴᏙꓦᐯⴸ", "W": "ԜᎳᏔꓪ", "X": "ΧⲬХꓫⵝ", "Y": "ΥϒⲨҮУᎩꓬ", "Z": "ΖᏃꓜ",
        "a": "αа", "b": "ЬᏏьƅ", "c": "ϲⲥсꮯ", "d": "ԁᏧᑯ", "e": "еҽєε℮", "f": "քẝ", "g": "ɡցԍ", "h": "һհᏂн",
        "i": "ιіꙇᎥ", "j": "ϳј", "k": "κк", "l": "ӏⵏ", "m": "м", "n": "ոռηп",
         "o": "οσⲟоჿօ", "p": "ρⲣр", "q": "ԛզգ",
        "r": "ⲅгꮁ", "s": "ѕꮪ", "t": "τт", "u": "υսцʋ", "v": "νѵꮩ",
         "w": "ѡԝաω", "x": "хχ", "y": "γуүყ", "z": "ꮓ",
    }.items()
    for look in looks
}  # fmt: skip
_WORDS = re.compile(r"[^\W_]+")
_BETWEEN_LATIN = re.compile(
    r"(?<=[A-Za-z])[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufe00-\ufe0f]+(?=[A-Za-z])"
)
_OVERLAYS = "\u0334-\u0338\u035c-\u0362\u0488\u0489\u20d0-\u20e8"
_OVERLAID = re.compile(rf"(?<=[A-Za-z])(?:[{_OVERLAYS}][\u0300-\u036f{_OVERLAYS}]*|[\u0300-\u036f]{{3,}})")
_TAGS = re.compile(r"[\U000e0020-\U000e007e]{8,}")
_MIN_STYLED = 4


def _homoglyphs(text: str) -> Iterator[_Edit]:
    if text.isascii():
        return
    edits = [_Edit(*m.span(), "", []) for mark in (_BETWEEN_LATIN, _OVERLAID) for m in mark.finditer(text)]
    edits += [_Edit(*m.span(), "".join(chr(ord(c) - 0xE0000) for c in m[0])) for m in _TAGS.finditer(text)]
    words = [match for match in _WORDS.finditer(text) if not match[0].isascii()]
    edits += _lookalikes(text, words) if words else []
    edits += _styled(text)
    yield from _apart(edits)


def _lookalikes(text: str, words: list[re.Match[str]]) -> list[_Edit]:
    """Letters of words in mixed script, and wholly foreign ones if the rest of the text is Latin."""
    turned = [m for m in words if all(c.isascii() or c in _LOOKALIKES for c in m[0])]
    mixed = [m for m in turned if re.search("[A-Za-z]", m[0]) and len(m[0]) > 2]
    if sum(len(m[0]) for m in mixed) < _MIN_STYLED:
        mixed = []
    foreign = [m for m in words if not any(c.isascii() for c in m[0]) and not _latin(m[0])]
    alone = {m.start() for m in foreign}
    whole = [m for m in turned if m.start() in alone and (mixed or len(m[0]) > 3)]
    if len(turned) < len(words):
        mixed = [m for m in mixed if 2 * len(re.findall("[A-Za-z]", m[0])) > len(m[0])]
    if len(whole) < len(foreign) or not (mixed or re.search("[A-Za-z]{3}", text)):
        whole = []
    return [_Edit(i, i + 1, _LOOKALIKES[text[i]])
            for m in (*mixed, *whole) for i in range(*m.span()) if text[i] in _LOOKALIKES]  # fmt: skip


def _latin(word: str) -> bool:
    return any(unicodedata.name(c, "").startswith("LATIN") for c in word)


_STYLED = re.compile(
    "[\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\u249c-\u24b5\U0001d400-\U0001d6a3\U0001f110-\U0001f189"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ\u2100-\u2149]+"
)


def _styled(text: str) -> list[_Edit]:
    """Letters in another style: full width, mathematical, circled, small capitals, superscript."""
    runs = list(_STYLED.finditer(text))
    if sum(len(run[0]) for run in runs) < _MIN_STYLED:
        return []
    return [_Edit(i, i + 1, plain) for m in runs for i in range(*m.span()) if (plain := _unstyled(text[i]))]


@cache
def _unstyled(char: str) -> str:
    name = unicodedata.name(char, "")
    if name.startswith(("NEGATIVE", "LATIN LETTER SMALL CAPITAL", "SQUARED")):
        return name[-1].lower() if name[-2] == " " else ""
    plain = unicodedata.normalize("NFKC", char).strip("()")
    return plain if len(plain) == 1 and plain.isascii() and plain.isalpha() else ""


def _apart(edits: list[_Edit]) -> Iterator[_Edit]:
    """The edits in order, without those that overlap an earlier one."""
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= position:
            yield edit
            position = edit.end


# --- leetspeak ---------------------------------------------------------------------------------

_LEET = str.maketrans("4@31!|05$7+82€69", "aaeiiiossttbzegg")
_LEET_L = str.maketrans("4@31!|05$7+82€69", "aaelllossttbzegg")
_LEET_WORD = re.compile(
    r"(?<![\w@$!|+€/.=#&-])(?=[\d@$€+|]{0,6}[A-Za-z])[A-Za-z\d@$!|+€]{2,24}(?![\w@$|+€/=(]|\.\w)"
)
_LEET_INSIDE = re.compile(r"[A-Za-z][\d@$!|+€]{1,5}[A-Za-z]")
_LEET_ANY = re.compile(r"[A-Za-z][\d@$!|+€]|[\d@$!|+€][A-Za-z]")
_UNMIXED = re.compile(r"[\d+|!]+|[A-Za-z]+[!|+]*")
_MIN_LEET_LETTERS = 8


def _leetspeak(table: dict[int, int], text: str) -> Iterator[_Edit]:
    if not _LEET_ANY.search(text):
        return
    words = [m for m in _LEET_WORD.finditer(text) if not _UNMIXED.fullmatch(m[0])]
    inside = [_unleet(m[0], table) for m in words if _LEET_INSIDE.search(m[0]) and _one_case(m[0])]
    if _pronounceable(inside) or _known_neighbours(words, table):
        for m in words:
            word = m[0].rstrip("!")
            yield _Edit(m.start(), m.start() + len(word), word.translate(table), _each(m.start(), word))


def _unleet(word: str, table: dict[int, int]) -> str:
    return word.rstrip("!").lower().translate(table)


def _known_neighbours(words: list[re.Match[str]], table: dict[int, int]) -> bool:
    """Whether two words side by side are known ones: "70ny Cur715", which might count something."""
    read = [len(w) > 2 and w.isalpha() and w in common_words() for w in (_unleet(m[0], table) for m in words)]
    return any(
        read[i]
        and read[i + 1]
        and one.end() + 1 == other.start()
        and len(one[0] + other[0]) >= _MIN_LEET_LETTERS - 1
        for i, (one, other) in enumerate(pairwise(words))
    )


def _leetspeak_i(text: str) -> Iterator[_Edit]:
    return _leetspeak(_LEET, text)


def _leetspeak_l(text: str) -> Iterator[_Edit]:
    return _leetspeak(_LEET_L, text) if re.search("[1!|]", text) else iter(())


def _one_case(word: str) -> bool:
    """No identifier, hash or base64: those mix capitals in."""
    letters = "".join(filter(str.isalpha, word))
    return letters[1:].islower() or letters.isupper() or len(letters) == 1


def _pronounceable(words: list[str]) -> bool:
    """Whether vowels are as frequent as in language, and three in four words as long as a word."""
    letters = "".join(words)
    if len(letters) < _MIN_LEET_LETTERS:
        return False
    vowels = sum(letters.count(vowel) for vowel in "aeiouy") / len(letters)
    known = sum(word in common_words() for word in words)
    long = sum(len(word) >= 4 for word in words)
    return (
        0.2 <= vowels <= 0.65
        and letters.isalpha()
        and (known * 3 >= len(words) or 4 * long >= 3 * len(words))
    )


def _each(start: int, text: str) -> list[tuple[int, int]]:
    return [(start + i, start + i + 1) for i in range(len(text))]


# --- letters apart -----------------------------------------------------------------------------

# Scripts that are written letter by letter, without vowel signs.
_APART = r"[A-Za-zÀ-ʯͰ-ϿЀ-ӿ]"
_SPACED = re.compile(rf"(?<![^\W_]){_APART}(?:[^\w]{{1,4}}{_APART}(?![^\W_])|_{_APART}(?![^\W_])){{4,400}}")
_GAP = re.compile(r"[\W_]+")
_MIN_SPACED = 5


def _spaced(text: str) -> Iterator[_Edit]:
    for match in _SPACED.finditer(text):
        letters = [m.start() for m in re.finditer(r"[^\W_]", match[0])]
        gaps = _GAP.findall(match[0])
        usual, times = Counter(gaps).most_common(1)[0]
        run = "".join(match[0][i] for i in letters)
        if len(run) < _MIN_SPACED or 3 * times < 2 * len(gaps) or not _wordlike(run):
            continue
        ends = [gap != usual for gap in gaps] if times < len(gaps) else _word_ends(run)
        parts, origins = [], []
        for letter, place, ended in zip(run, letters, [*ends, False], strict=True):
            start = match.start() + place
            parts.append(letter + " " * ended)
            origins += [(start, start + 1)] * (1 + ended)
        yield _Edit(*match.span(), "".join(parts), origins)


def _wordlike(run: str) -> bool:
    """No alphabet, no choices A to E, no variables: vowels, and letters out of order."""
    lower = run.lower()
    rising = sum(a < b for a, b in pairwise(lower))
    vowels = sum(c in "aeiouyаеиоуыэюяіαεηιουω" for c in lower)
    few = len(set(lower)) * 3 < len(lower) and len(lower) < 12
    latin = lower.isascii()
    return rising < 0.8 * (len(lower) - 1) and (not latin or 0.15 <= vowels / len(lower) <= 0.75) and not few


def _word_ends(run: str) -> list[bool]:
    """After which letters of a run words end, the last left out: the likeliest cut into English words."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    lower = run.lower()
    for end in range(1, len(run) + 1):
        best.append(
            min((best[start][0] + _cost(lower[start:end]), start) for start in range(max(0, end - 16), end))
        )
    ends, end = [False] * len(run), len(run)
    while end:
        ends[end - 1] = True
        end = best[end][1]
    return ends[:-1]


def _cost(word: str) -> float:
    """Zipf's law: a word is as improbable as its rank; an unknown one gets dearer by the letter."""
    rank = common_words().get(word)
    return log((rank + 2) * 11) if rank is not None else 12.0 + 2.5 * len(word)


# --- encodings ---------------------------------------------------------------------------------

_MIN_BASE64 = 12
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_PREFIX = r"(?:0[xX]|\\x|%|#)?"
_HEX = re.compile(
    rf"(?<![\w%\\])(?:{_PREFIX}[0-9A-Fa-f]{{2}}[ \t,:;.-]{{0,2}}){{5,}}{_PREFIX}[0-9A-Fa-f]{{2}}(?!\w)"
)
_HEX_PAIR = re.compile(r"(?:0[xX]|\\x|%|#)?([0-9A-Fa-f]{2})[ \t,:;.-]{0,2}")
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}[ \t,]{0,2}){4,}(?!\d)")
_DECIMAL = re.compile(r"(?<!\d)(?:(?:[4-9]\d|1[012]\d|32)[ \t,;]{1,2}){5,}(?:[4-9]\d|1[012]\d)(?!\d)")
_ESCAPED = re.compile(
    r"(?:\\u\{?[0-9A-Fa-f]{4}\}?|\\x[0-9A-Fa-f]{2}|&#x[0-9A-Fa-f]{1,5};|&#\d{1,6};|%[0-9A-Fa-f]{2}){3,}"
)
_ESCAPE = re.compile(
    r"\\u\{?([0-9A-Fa-f]{4})\}?|&#[xX]([0-9A-Fa-f]{1,5});|&#(\d{1,6});|(?:%|\\x)([0-9A-Fa-f]{2})"
)
_MIN_DECODED = 5


def _base64(text: str) -> Iterator[_Edit]:
    for match in _BASE64.finditer(text):
        if decoded := _from_base64(match[0]):
            yield _Edit(*match.span(), decoded)
        elif "\n" in match[0]:
            for line in re.finditer(r"[^\r\n]{12,}", match[0]):
                if decoded := _from_base64(line[0]):
                    start = match.start()
                    yield _Edit(start + line.start(), start + line.end(), decoded)


def _from_base64(run: str) -> str:
    code = re.sub(r"[\r\n=]", "", run).translate(str.maketrans("-_", "+/"))
    if len(code) % 4 == 1:
        return ""
    try:
        text = _language(base64.b64decode(code + "=" * (-len(code) % 4), validate=True), digits=True)
    except binascii.Error:
        return ""
    # A word of twelve letters can decode to a few letters of a far script by chance.
    return text if text.isascii() or len(code) >= 2 * _MIN_BASE64 else ""


def _hex(text: str) -> Iterator[_Edit]:
    """Hexadecimal, binary and decimal character codes."""
    if not re.search(r"\d\d", text):
        return
    codes: tuple[tuple[re.Pattern[str], Callable[[str], bytes]], ...] = (
        (_HEX, lambda run: bytes.fromhex("".join(_HEX_PAIR.findall(run)))),
        (_BINARY, lambda run: bytes(int(byte, 2) for byte in re.findall("[01]{8}", run))),
        (_DECIMAL, lambda run: bytes(int(number) for number in re.findall(r"\d+", run))),
    )
    edits = [_Edit(*m.span(), decoded) for pattern, read in codes for m in pattern.finditer(text)
             if (decoded := _language(read(m[0])))]  # fmt: skip
    yield from _apart(edits)


def _escaped(text: str) -> Iterator[_Edit]:
    """Percent encoding, character references and escapes, of three characters or more in a row."""
    for match in _ESCAPED.finditer(text):
        codes = [next(filter(None, groups), "") for groups in _ESCAPE.findall(match[0])]
        escapes = [m[0] for m in _ESCAPE.finditer(match[0])]
        pieces = bytearray()
        for code, escape in zip(codes, escapes, strict=True):
            number = int(code, 10 if re.match(r"&#\d", escape) else 16)
            if escape[0] == "%" or escape.startswith("\\x"):
                pieces.append(number)
            elif number < 0x110000:
                pieces += chr(number).encode("utf-8", "ignore")
        if decoded := _language(bytes(pieces), 3):
            yield _Edit(*match.span(), decoded)


def _language(code: bytes, shortest: int = _MIN_DECODED, digits: bool = False) -> str:
    """``code`` as text, if it is that: UTF-8, four in five characters letters (or ``digits``, which
    another encoding is full of) and spaces, and a vowel."""
    try:
        text = code.decode()
    except UnicodeDecodeError:
        return ""
    letters = sum(char.isalpha() or char in " \n" or (digits and char.isdigit()) for char in text)
    if (
        len(text) < shortest
        or letters * 10 < len(text) * 8
        or not all(c.isprintable() or c in "\n\t\r" for c in text)
    ):
        return ""
    return (
        text if not text.isascii() or re.search(r"[aeiouyAEIOUY].*[a-zA-Z]", text) else text * (shortest < 4)
    )


# --- ciphers -----------------------------------------------------------------------------------

_LETTERS = re.compile(r"[^\W\d_]+")
_BREAK = re.compile(r"[\n:\"“”„«»‹›()<>\[\]{}|]|.{5}")
_CHUNK = re.compile(r"\S+")
_KNOWN_RANK = 20_000
_OTHER_LANGUAGES = (
    "html http www le la les des une est qui que dans pour sur avec par quel quelle quand comment livre "
    "der die das und ist wer wie was ein eine mit von auf nicht wann welche el los las una por con "
    "quien como cuando cual para del libro chi che sono nel della quando come dove quem qual uma não "
    "foi onde são het een van wie wat"
)
_FUNCTION_WORDS = frozenset(_OTHER_LANGUAGES.split())
_BACKWARDS_WORDS = re.compile(
    r"\bbackwards?\b|\b(?:in reverse|reverse[ds]?) (?:the )?(?:word|order|text|sentence|question|message)"
    r"|\brückwärts|à l['’]envers|\bal rev[ée]s\b|\bal contrario",
)
_CUES = ("backward", "reverse", "rückwärts", "envers", "al rev", "contrario")
_MIN_CIPHERED = 8
_MAX_CIPHER_WORDS = 2_000


@cache
def _plain_words() -> frozenset[str]:
    common = (word for word, rank in common_words().items() if rank < _KNOWN_RANK)
    return frozenset(common) | _FUNCTION_WORDS


@cache
def _shapes() -> dict[bytes, str]:
    """Known words of four letters or more by their shape, which a Caesar cipher leaves."""
    return {
        _shape(word): word for word in sorted(_plain_words(), key=len) if len(word) > 3 and word.isascii()
    }


@cache
def _backwards() -> frozenset[str]:
    return frozenset(word[::-1] for word in _plain_words() if len(word) > 2) - _plain_words()


def _shape(word: str) -> bytes:
    return bytes((ord(b) - ord(a)) % 26 for a, b in pairwise(word))


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring words of a line that are no known ones."""

    words: tuple[re.Match[str], ...]

    @property
    def lower(self) -> list[str]:
        return [match[0].lower() for match in self.words]

    @property
    def span(self) -> tuple[int, int]:
        return self.words[0].start(), self.words[-1].end()


def _runs(text: str) -> Iterator[_Run]:
    """Where known words stop: what a cipher left behind, or another language."""
    run: list[re.Match[str]] = []
    for match in _LETTERS.finditer(text):
        word = match[0].lower()
        known = len(word) > 3 and word in _plain_words()
        if run and (known or _BREAK.search(text, run[-1].end(), match.start())):
            yield from _trimmed(run)
            run = []
        if not known:
            run.append(match)
    yield from _trimmed(run)


def _trimmed(run: list[re.Match[str]]) -> Iterator[_Run]:
    """The run without short known words at its ends, which belong to what surrounds it."""
    unknown = [i for i, match in enumerate(run) if match[0].lower() not in _plain_words()]
    if unknown:
        yield _Run(tuple(run[unknown[0] : unknown[-1] + 1][:_MAX_CIPHER_WORDS]))


def _unlikely(run: _Run) -> bool:
    """Whether a run is too short to be told from chance, or reads well enough as it is."""
    words = run.lower
    known = sum(word in _plain_words() for word in words)
    return sum(map(len, words)) < _MIN_CIPHERED or known * 2 > len(words)


def _ciphers(text: str) -> Iterator[tuple[Reading, list[_Edit]]]:
    """What Caesar ciphers (rot13 and the others) and writing backwards say, run by run."""
    rotated: list[_Edit] = []
    backwards: list[_Edit] = []
    words_backwards: list[_Edit] = []
    for run in _runs(text) if _maybe_cipher(text) else ():
        start, end = run.span
        if _unlikely(run):
            continue
        if shift := _shift(run.lower):
            rotated.append(_Edit(start, end, _rotated(text[start:end], shift), _each(start, text[start:end])))
        elif _is_backwards(run):
            backwards.append(_Edit(start, end, text[start:end][::-1], _each(start, text[start:end])[::-1]))
            words_backwards += (
                _Edit(*m.span(), m[0][::-1], _each(m.start(), m[0])[::-1])
                for m in _CHUNK.finditer(text, start, end)
            )
    yield from (("rot13", rotated), ("reversed", backwards), ("reversed", words_backwards))


def _maybe_cipher(text: str) -> bool:
    """Whether unknown words are known ones when turned by one shift, or when read backwards."""
    unknown = {word for word in _LETTERS.findall(text.lower()) if len(word) > 2} - _plain_words()
    return sum(map(len, unknown)) >= _MIN_CIPHERED and (
        sum(map(len, unknown & _backwards())) >= _MIN_CIPHERED or _shift(sorted(unknown), 0) != 0
    )


def _shift(words: list[str], share: float = 0.5) -> int:
    """By how many letters to turn the words back, 0 where no shift makes more than a share known."""
    votes: Counter[int] = Counter()
    for word in words:
        if len(word) > 3 and word.isascii() and (known := _shapes().get(_shape(word))):
            votes[(ord(known[0]) - ord(word[0])) % 26] += len(word)
    read = [word for word in words if len(word) > 2]
    for shift, letters in votes.most_common(2) if votes else ():
        if shift and letters >= _MIN_CIPHERED:
            known_words = [word for word in read if _rotated(word, shift) in _plain_words()]
            if len(known_words) > max(1, share * len(read)):
                return shift
    return 0


@cache
def _rotation(shift: int) -> dict[int, int]:
    return {base + i: base + (i + shift) % 26 for base in (65, 97) for i in range(26)}


def _rotated(text: str, shift: int) -> str:
    return text.translate(_rotation(shift))


def _is_backwards(run: _Run) -> bool:
    known = [word for word in run.lower if word in _backwards()]
    long = [word for word in run.lower if len(word) > 2]
    return (
        not _unlikely(run)
        and 2 * len(known) > len(long)
        and len(known) > 1
        and sum(map(len, known)) >= _MIN_CIPHERED
    )


def _reversed_order(text: str) -> Iterator[_Edit]:
    """Lines with the last word first. Only where the prompt speaks of it: the words tell nothing."""
    lower = text.lower()
    if not any(cue in lower for cue in _CUES) or not _BACKWARDS_WORDS.search(lower):
        return
    for line in re.finditer(r"[^\n:]+", text):
        words = list(re.finditer(r"\S+", line[0]))
        if len(words) > 1:
            pieces = [(line.start() + m.start(), m[0]) for m in reversed(words)]
            joined, origins = _joined_up(pieces, " ")
            yield _Edit(*line.span(), joined, origins)


def _joined_up(pieces: list[tuple[int, str]], between: str) -> tuple[str, list[tuple[int, int]]]:
    """The pieces, each with its start, as one text; what is put between belongs to the piece before."""
    origins: list[tuple[int, int]] = []
    for number, (start, piece) in enumerate(pieces):
        origins += _each(start, piece)
        if number + 1 < len(pieces):
            origins += [(start + len(piece) - 1, start + len(piece))] * len(between)
    return between.join(piece for _, piece in pieces), origins


# --- pieces ------------------------------------------------------------------------------------

_ROLE = re.compile(
    r"(?:<\|?[\w ]{1,20}\|?>)*\s*(user|assistant|system|model|human|ai)\b\s*:?\s*", re.IGNORECASE
)
_MARKER = re.compile(
    r"[ \t]*(?:[-*•+>–]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.):]"
    r"|(?:part|piece|line|step) ?\d*[:.)])[ \t]+",
    re.IGNORECASE,
)
_LINE = re.compile(r"[^\n]+")
_CONCATENATED = re.compile(r"""["'“‘]([^"'“”‘’\n]{1,20})["'”’](?:\s*\+\s*["'“‘]([^"'“”‘’\n]{1,20})["'”’])+""")
_QUOTED = re.compile(r"""["'“‘]([^"'“”‘’\n]{1,20})["'”’]""")
_MEAN_WORDS = 3
_MEAN_LETTERS = 16
_CHOICES = re.compile(
    r"(?:options|choices|answers?|optionen|opciones)\W*\n.{0,8}\Z|\?\s*\n\s*\(?[Aa][.):]\s*\Z", re.IGNORECASE
)
_MAX_PIECES = 16


def _joined(prompt: str, turns: list[tuple[int, int]] | None) -> list[_Edit]:
    """List items, turns and quoted pieces that are short enough to be one text cut up."""
    edits = [_concatenation(m) for m in _CONCATENATED.finditer(prompt)]
    for pieces in _lists(prompt, turns):
        words = sum(len(piece.split()) for _, piece in pieces)
        letters = sum(len(piece) for _, piece in pieces)
        if (
            1 < len(pieces) <= _MAX_PIECES
            and words <= _MEAN_WORDS * len(pieces)
            and letters <= _MEAN_LETTERS * len(pieces)
        ):
            fragments = any(len(p) > 1 for _, p in pieces) and _fragments([p for _, p in pieces])
            joined, origins = _joined_up(pieces, "" if fragments else " ")
            edits.append(_Edit(pieces[0][0], pieces[-1][0] + len(pieces[-1][1]), joined, origins))
    return list(_apart(edits))


def _concatenation(match: re.Match[str]) -> _Edit:
    pieces = [(match.start() + m.start(1), m[1]) for m in _QUOTED.finditer(match[0])]
    joined, origins = _joined_up(pieces, "")
    return _Edit(*match.span(), joined, origins)


def _lists(prompt: str, turns: list[tuple[int, int]] | None) -> Iterator[list[tuple[int, str]]]:
    """Runs of marked lines, and runs of short turns of the same speaker."""
    bodies: dict[str, list[tuple[int, str]]] = {}
    for start, end in turns or [(0, len(prompt))]:
        role = _ROLE.match(prompt, start, end) if turns else None
        speaker = role[1].lower() if role else ""
        bodies.setdefault(speaker, []).append(_stripped(prompt, role.end() if role else start, end))
        yield from _items(prompt, start, end)
    for pieces in bodies.values():
        yield from _short_runs(pieces)


def _short_runs(pieces: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    for short, run in groupby(pieces, lambda piece: 0 < len(piece[1].split()) <= _MEAN_WORDS):
        if short:
            yield list(run)


def _items(prompt: str, start: int, end: int) -> Iterator[list[tuple[int, str]]]:
    items: list[tuple[int, str]] = []
    offered = False
    for line in _LINE.finditer(prompt, start, end):
        if marker := _MARKER.match(prompt, line.start(), line.end()):
            offered = offered if items else _offered(prompt[max(start, line.start() - 40) : marker.end()])
            items.append(_stripped(prompt, marker.end(), line.end()))
        if items and (not marker or line.end() == end):
            yield [item for item in items if item[1] and not offered]
            items = []
    yield [item for item in items if item[1] and not offered]


def _offered(text: str) -> bool:
    """Whether a list, whose first marker ``text`` ends with, is the choice of answers to a question."""
    return bool(_CHOICES.search(text))


def _stripped(prompt: str, start: int, end: int) -> tuple[int, str]:
    text = prompt[start:end]
    return start + len(text) - len(text.lstrip()), text.strip()


def _fragments(pieces: list[str]) -> bool:
    """Whether most pieces are no words: then nothing stood between them."""
    words = [word for piece in pieces for word in _LETTERS.findall(piece.lower())]
    return sum(word in _plain_words() for word in words) * 2 < len(words)


_READINGS: tuple[tuple[Reading, Callable[[str], Iterator[_Edit]]], ...] = (
    ("homoglyphs", _homoglyphs),
    ("leetspeak", _leetspeak_i),
    ("leetspeak", _leetspeak_l),
    ("spaced", _spaced),
    ("base64", _base64),
    ("hex", _hex),
    ("escaped", _escaped),
    ("reversed", _reversed_order),
)
