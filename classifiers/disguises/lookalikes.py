"""Letters that look like plain Latin ones: of other scripts, in other styles, struck through, or with
invisible characters between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from .edits import Edit, delete, drop_overlaps

# From Unicode's confusables.txt: letters of other scripts whose prototype is a Latin letter, those of
# Cyrillic, Greek, Armenian, Cherokee, Coptic, Lisu, Georgian, and some that only a reader takes for one.
_LOOKS = {
    "A": "ΑАᎪꓮᗅ", "B": "ΒВᏴꓐᗷ", "C": "ϹⲤСᏟꓚ", "D": "Ꭰᗞꓓ", "E": "ΕЕᎬꓰⴹ", "F": "Ϝꓝᖴ", "G": "ԌᏀꓖᏳ",
    "H": "ΗⲎНᎻꓧᕼ", "I": "ΙІӀⲒꓲᛁ", "J": "ͿЈᎫꓙ", "K": "ΚⲔКᏦꓗ", "L": "ⳐᏞꓡᒪ", "M": "ΜⲘМᎷꓟᗰ", "N": "ΝⲚꓠИ",
    "O": "ΟⲞОՕꓳ", "P": "ΡⲢРᏢꓑᑭ", "Q": "ⵕԚ", "R": "ᎡᏒꓣЯᖇ", "S": "ЅՏᏚꓢᏕ", "T": "ΤⲦТᎢꓔ", "U": "Սꓴᑌ",
    "V": "ѴᏙꓦᐯⴸ", "W": "ԜᎳᏔꓪ", "X": "ΧⲬХꓫⵝ", "Y": "ΥϒⲨҮУᎩꓬ", "Z": "ΖᏃꓜ",
    "a": "αа", "b": "ЬᏏьƅ", "c": "ϲⲥсꮯ", "d": "ԁᏧᑯ", "e": "еҽєε℮", "f": "քẝ", "g": "ɡցԍ", "h": "һհᏂн",
    "i": "ιіꙇᎥ", "j": "ϳј", "k": "κк", "l": "ӏⵏ", "m": "м", "n": "ոռηп",
    "o": "οσⲟоჿօ", "p": "ρⲣр", "q": "ԛզգ",
    "r": "ⲅгꮁ", "s": "ѕꮪ", "t": "τт", "u": "υսцʋ", "v": "νѵꮩ",
    "w": "ѡԝաω", "x": "хχ", "y": "γуүყ", "z": "ꮓ",
}  # fmt: skip
_LOOKALIKES: dict[str, str] = {}
for _letter, _looks in _LOOKS.items():
    _LOOKALIKES.update(dict.fromkeys(_looks, _letter))
_WORDS = re.compile(r"[^\W_]+")
_BETWEEN_LATIN = re.compile(
    r"(?<=[A-Za-z])[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufe00-\ufe0f]+(?=[A-Za-z])"
)
_OVERLAYS = "\u0334-\u0338\u035c-\u0362\u0488\u0489\u20d0-\u20e8"
_OVERLAID = re.compile(rf"(?<=[A-Za-z])(?:[{_OVERLAYS}][\u0300-\u036f{_OVERLAYS}]*|[\u0300-\u036f]{{3,}})")
_TAGS = re.compile(r"[\U000e0020-\U000e007e]{8,}")
_MIN_STYLED = 4


def lookalikes(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    edits = [*map(delete, _BETWEEN_LATIN.finditer(text)), *map(delete, _OVERLAID.finditer(text))]
    edits += map(_decode_tags, _TAGS.finditer(text))
    words = [match for match in _WORDS.finditer(text) if not match[0].isascii()]
    edits += _other_scripts(text, words)
    edits += _restyle(text)
    yield from drop_overlaps(edits)


def _decode_tags(match: re.Match[str]) -> Edit:
    return Edit(*match.span(), "".join(chr(ord(c) - 0xE0000) for c in match[0]))


def _other_scripts(text: str, words: list[re.Match[str]]) -> Iterator[Edit]:
    """Letters of words in mixed script, and wholly foreign ones if the rest of the text is Latin."""
    turned = list(filter(_looks_latin, words))
    mixed = list(filter(_is_mixed, turned))
    if sum(len(m[0]) for m in mixed) < _MIN_STYLED:
        mixed = []
    foreign = list(filter(_is_foreign, words))
    whole = [m for m in turned if _is_foreign(m) and (mixed or len(m[0]) > 3)]
    if len(turned) < len(words):
        mixed = list(filter(_is_mostly_latin, mixed))
    if len(whole) < len(foreign) or not (mixed or re.search("[A-Za-z]{3}", text)):
        whole = []
    yield from _letters(text, (*mixed, *whole), _LOOKALIKES.get)


def _letters(text: str, words: Sequence[re.Match[str]], plain: Callable[[str], str | None]) -> Iterator[Edit]:
    """Each character of the words for which ``plain`` has a letter, as that letter."""
    for word in words:
        for place in range(*word.span()):
            if letter := plain(text[place]):
                yield Edit(place, place + 1, letter)


def _looks_latin(word: re.Match[str]) -> bool:
    """Whether all letters are Latin or look so, and one is not."""
    others = set(word[0]) - _LOOKALIKES.keys()
    return len(others) < len(set(word[0])) and all(c.isascii() or _is_latin(c) for c in others)


def _is_mixed(word: re.Match[str]) -> bool:
    return len(word[0]) > 2 and re.search("[A-Za-z]", word[0]) is not None


def _is_mostly_latin(word: re.Match[str]) -> bool:
    return 2 * len(re.findall("[A-Za-z]", word[0])) > len(word[0])


def _is_foreign(word: re.Match[str]) -> bool:
    return not any(map(str.isascii, word[0])) and not _is_latin(word[0])


def _is_latin(word: str) -> bool:
    return any(unicodedata.name(c, "").startswith("LATIN") for c in word)


_STYLED = re.compile(
    "[\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\u249c-\u24b5\U0001d400-\U0001d6a3\U0001f110-\U0001f189"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ\u2100-\u2149]+"
)


def _restyle(text: str) -> Iterator[Edit]:
    """Letters in another style: full width, mathematical, circled, small capitals, superscript."""
    runs = list(_STYLED.finditer(text))
    if sum(len(run[0]) for run in runs) >= _MIN_STYLED:
        yield from _letters(text, runs, _plain_letter)


@cache
def _plain_letter(char: str) -> str:
    name = unicodedata.name(char, "")
    if name.startswith(("NEGATIVE", "LATIN LETTER SMALL CAPITAL", "SQUARED")):
        return name[-1].lower() if name[-2] == " " else ""
    plain = unicodedata.normalize("NFKC", char).strip("()")
    return plain if len(plain) == 1 and plain.isascii() and plain.isalpha() else ""
