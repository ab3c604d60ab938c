"""Letters that look like plain Latin ones: of other scripts, in other styles, struck through, or with
invisible characters between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from .edits import Edit, apart

# From Unicode's confusables.txt: letters of other scripts whose prototype is a Latin letter, those of
# Cyrillic, Greek, Armenian, Cherokee, Coptic, Lisu, Georgian, and some that only a reader takes for one.
_LOOKALIKES = {
    look: latin
    for latin, looks in {
        "A": "ΑАᎪꓮᗅ", "B": "ΒВᏴꓐᗷ", "C": "ϹⲤСᏟꓚ", "D": "Ꭰᗞꓓ", "E": "ΕЕᎬꓰⴹ", "F": "Ϝꓝᖴ", "G": "ԌᏀꓖᏳ",
        "H": "ΗⲎНᎻꓧᕼ", "I": "ΙІӀⲒꓲᛁ", "J": "ͿЈᎫꓙ", "K": "ΚⲔКᏦꓗ", "L": "ⳐᏞꓡᒪ", "M": "ΜⲘМᎷꓟᗰ", "N": "ΝⲚꓠИ",
        "O": "ΟⲞОՕꓳ", "P": "ΡⲢРᏢꓑᑭ", "Q": "ⵕԚ", "R": "ᎡᏒꓣЯᖇ", "S": "ЅՏᏚꓢᏕ", "T": "ΤⲦТᎢꓔ", "U": "Սꓴᑌ",
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


def lookalikes(text: str) -> Iterator[Edit]:
    if text.isascii():
        return
    edits = [Edit(*m.span(), "", []) for mark in (_BETWEEN_LATIN, _OVERLAID) for m in mark.finditer(text)]
    edits += [Edit(*m.span(), "".join(chr(ord(c) - 0xE0000) for c in m[0])) for m in _TAGS.finditer(text)]
    words = [match for match in _WORDS.finditer(text) if not match[0].isascii()]
    edits += _other_scripts(text, words)
    edits += _styled(text)
    yield from apart(edits)


def _other_scripts(text: str, words: list[re.Match[str]]) -> list[Edit]:
    """Letters of words in mixed script, and wholly foreign ones if the rest of the text is Latin."""
    turned = [
        m
        for m in words
        if any(c in _LOOKALIKES for c in m[0])
        and all(c.isascii() or c in _LOOKALIKES or _latin(c) for c in m[0])
    ]
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
    return [Edit(i, i + 1, _LOOKALIKES[text[i]])
            for m in (*mixed, *whole) for i in range(*m.span()) if text[i] in _LOOKALIKES]  # fmt: skip


def _latin(word: str) -> bool:
    return any(unicodedata.name(c, "").startswith("LATIN") for c in word)


_STYLED = re.compile(
    "[\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\u249c-\u24b5\U0001d400-\U0001d6a3\U0001f110-\U0001f189"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ\u2100-\u2149]+"
)


def _styled(text: str) -> list[Edit]:
    """Letters in another style: full width, mathematical, circled, small capitals, superscript."""
    runs = list(_STYLED.finditer(text))
    if sum(len(run[0]) for run in runs) < _MIN_STYLED:
        return []
    return [Edit(i, i + 1, plain) for m in runs for i in range(*m.span()) if (plain := _unstyled(text[i]))]


@cache
def _unstyled(char: str) -> str:
    name = unicodedata.name(char, "")
    if name.startswith(("NEGATIVE", "LATIN LETTER SMALL CAPITAL", "SQUARED")):
        return name[-1].lower() if name[-2] == " " else ""
    plain = unicodedata.normalize("NFKC", char).strip("()")
    return plain if len(plain) == 1 and plain.isascii() and plain.isalpha() else ""
