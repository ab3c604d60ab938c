"""Characters written as escapes: of URLs, JSON, programs, HTML, CSS, mail, domain names and LaTeX.

One alone is enough: "J\\u00f6rg", "Stephen%20King", "M&uuml;ller".
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

from .edits import Edit, Place, delete, drop_overlaps, places_of_bytes

_HEX = "[0-9A-Fa-f]"
# An escape may itself be escaped: "%2520", "\\\\u00f6", "&amp;nbsp;".
_ESCAPE = re.compile(
    rf"\\{{1,8}}(?:u(?P<unit>{_HEX}{{4}})|u\{{(?P<braced>0{{0,2}}{_HEX}{{2,6}})\}}|U(?P<long>0{{2}}{_HEX}{{6}})"
    rf"|x(?P<byte>{_HEX}{{2}})|x\{{(?P<point>{_HEX}{{1,6}})\}}|(?P<octal>[0-3][0-7]{{2}})"
    rf"|N\{{(?P<name>[A-Z0-9 -]{{2,80}})\}}"
    rf"|(?<=\w\\)0{{0,4}}(?P<css>{_HEX}{{2}})(?:\s(?={_HEX})|(?!{_HEX}) ?)"
    r"|(?<=[^\W\d_]\\)(?P<white>[nrtfv]0?)(?=[^\W\d_]))"
    rf"|%(?:25){{0,4}}(?:u(?P<url>{_HEX}{{4}})|(?P<percent>{_HEX}{{2}}))"
    rf"|&(?:amp;){{0,4}}(?:\#[xX](?P<hex>0{{0,2}}{_HEX}{{1,6}})|\#(?P<decimal>\d{{1,7}})|(?P<entity>[A-Za-z][A-Za-z0-9]{{1,31}})(?P<closed>;)?);?"
    rf"|(?P<quoted>=[2-7]{_HEX}(?:=[2-7]{_HEX}){{2,}}|(?<=\w)=20(?=\w)|=[C-Fc-f]{_HEX}(?:=[89ABab]{_HEX}){{1,3}})"
    rf"|(?<![0-9A-Fa-f])[uU](?:\+|(?<=[^\W\d_]u))(?P<bare>0[0-9a-fA-F]{{3}})"
)
_BYTES = ("byte", "octal", "percent")
_QUOTED = re.compile(rf"=({_HEX}{{2}})")
_SOFT_BREAK = re.compile(r"(?<=\w)=\r?\n(?=\w)")
_ANSI = re.compile("\x1b\\[[0-9;]{0,20}[A-Za-z]")
_PUNYCODE = re.compile(r"(?<![A-Za-z0-9-])xn--[A-Za-z0-9-]{1,59}(?![A-Za-z0-9-])", re.IGNORECASE)
# Programs put characters together: "chr(83)+chr(0x74)".
_CHR = re.compile(
    r"\b(?:chr|CHR|char|CHAR|Char|Chr|chrw|ChrW)\$?\(\s{0,4}(?:0x(?P<hex>[0-9A-Fa-f]{2,6})|(?P<decimal>\d{2,7}))\s{0,4}\)"
)
_CONCATENATED = re.compile(r"\s{0,8}(?:\+|\.|&|\|\||,|\.\.|<>)\s{0,8}")
# Of LaTeX: an accent before its letter, which may stand in braces, and letters by name.
_ACCENT = re.compile(
    r"\{?\\(?:(?P<sign>[\"'`^~=.])\s?|(?P<letter>[cvHkrubd])(?=\s*\{|\s+[A-Za-z]\b))\s*"
    r"(?:\{\\?(?P<braced>[A-Za-z])\}|\\?(?P<bare>[A-Za-z]))\}?"
)
_NAMED = re.compile(r"\{?\\(ss|ae|AE|oe|OE|aa|AA|dh|DH|dj|DJ|th|TH|[oOlLij])(?![A-Za-z])(?:\{\}|\}|\s)?")
_MARKS = dict(zip("\"'`^~=.cvHkrubd", "\u0308\u0301\u0300\u0302\u0303\u0304\u0307\u0327\u030c\u030b\u0328"
                  "\u030a\u0306\u0331\u0323", strict=True))  # fmt: skip
_LETTERS = {"ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "dh": "ð", "DH": "Ð",
            "dj": "đ", "DJ": "Đ", "th": "þ", "TH": "Þ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "i": "ı",
            "j": "ȷ"}  # fmt: skip
# Two letters ("cr\\'eation") are LaTeX where they can be.
_RTF = re.compile(rf"\\'({_HEX}{{2}})")

# A code of a character: a byte, a UTF-16 unit or a whole character, and where it is written.
_Byte = tuple[int, Place]


def escapes(text: str) -> Iterator[Edit]:
    edits: list[Edit] = []
    if any(sign in text for sign in "\\%&=") or "u00" in text or "U+" in text:
        edits += _unescape(text)
        edits += map(delete, _SOFT_BREAK.finditer(text))
    if "\\" in text:
        edits += _decode_latex(text)
    if "(" in text:
        edits += _decode_calls(text)
    if "\x1b" in text:
        edits += map(delete, _ANSI.finditer(text))
    for match in _PUNYCODE.finditer(text):
        edits += _decode_domain(match)
    yield from drop_overlaps(edit for edit in edits if _is_visible(edit.text))


def _decode_calls(text: str) -> Iterator[Edit]:
    """Characters by their codes, without the signs that join them."""
    last = -1
    for match in _CHR.finditer(text):
        number = int(match["hex"], 16) if match["hex"] else int(match["decimal"])
        if last >= 0 and _CONCATENATED.fullmatch(text, last, match.start()):
            yield Edit(last, match.start(), "", [])
        last = match.end()
        if number < 0x110000:
            yield Edit(*match.span(), chr(number))


def _is_visible(text: str) -> bool:
    """No control characters, no halves of characters."""
    return all(c in "\n\t\r\f\v" or unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co") for c in text)


def _unescape(text: str) -> Iterator[Edit]:
    """Byte escapes that touch are one text, and so are the halves of a character in UTF-16."""
    touching: list[re.Match[str]] = []
    for match in _ESCAPE.finditer(text):
        if touching and (touching[-1].end() != match.start() or _kind(touching[-1]) != _kind(match)):
            yield from _decode_run(touching)
            touching = []
        touching.append(match)
    yield from _decode_run(touching)


def _kind(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    return "byte" if kind in _BYTES else "unit" if kind in ("unit", "url") else kind


def _decode_run(matches: list[re.Match[str]]) -> Iterator[Edit]:
    if not matches:
        return
    if _kind(matches[0]) == "byte":
        yield from _decode_bytes([(_byte(match), match.span()) for match in matches])
    elif _kind(matches[0]) == "unit":
        yield from _decode_units([(int(match[match.lastgroup or 0], 16), match.span()) for match in matches])
    else:
        for match in matches:
            yield from _decode_one(match)


def _byte(match: re.Match[str]) -> int:
    return int(match["octal"], 8) if match["octal"] else int(match["byte"] or match["percent"], 16)


def _decode_bytes(codes: list[_Byte]) -> Iterator[Edit]:
    code = bytes(number for number, _ in codes)
    origins = [place for _, place in codes]
    try:
        text = code.decode()
        origins = places_of_bytes(text, origins)
    except UnicodeDecodeError:
        text = code.decode("latin-1")
    for place, char in zip(origins, text, strict=True):
        yield Edit(*place, char)


def _decode_units(units: list[_Byte]) -> Iterator[Edit]:
    high: _Byte | None = None
    for unit, (start, end) in units:
        if high and 0xDC00 <= unit < 0xE000:
            yield Edit(high[1][0], end, chr(0x10000 + ((high[0] - 0xD800) << 10) + unit - 0xDC00))
        elif not 0xD800 <= unit < 0xE000:
            yield Edit(start, end, chr(unit))
        high = (unit, (start, end)) if 0xD800 <= unit < 0xDC00 else None


def _decode_one(match: re.Match[str]) -> Iterator[Edit]:
    kind = match.lastgroup or ""
    if match["entity"]:
        yield from _decode_entity(match)
    elif kind == "quoted":
        pairs = _QUOTED.finditer(match.string, *match.span())
        yield from _decode_bytes([(int(pair[1], 16), pair.span()) for pair in pairs])
    elif kind == "name":
        try:
            yield Edit(*match.span(), unicodedata.lookup(match["name"]))
        except KeyError:
            return
    elif kind == "white":
        yield Edit(*match.span(), " ")
    else:
        number = int(match[kind], 10 if kind == "decimal" else 16)
        char = chr(number) if number < 0x110000 else ""
        # "\deg" and "C:\data" are no escapes of a style sheet, and "u0041" is a name.
        if char and (kind not in ("css", "bare") or (number > 0x7F and char.isalpha())):
            yield Edit(*match.span(), char)


def _decode_entity(match: re.Match[str]) -> Iterator[Edit]:
    written = f"&{match['entity']}{match['closed'] or ''}"
    char = html.unescape(written)
    if char != written and (match["closed"] or char[0].isalpha()):
        # Without its semicolon an entity may be the beginning of what was matched.
        rest = next((n for n in range(1, len(char)) if written.endswith(char[n:])), len(char))
        yield Edit(match.start(), match.end() - (len(char) - rest), char[:rest])


def _decode_latex(text: str) -> Iterator[Edit]:
    for match in _ACCENT.finditer(text):
        mark, letter = _MARKS[match["sign"] or match["letter"]], match["braced"] or match["bare"]
        char = unicodedata.normalize("NFC", letter + mark)
        code = _RTF.match(text, match.start())
        if code and (len(char) > 1 or not (code[1].isalpha() or code[1].isdigit())):
            yield Edit(*code.span(), bytes.fromhex(code[1]).decode("cp1252", "replace"))
        # A quote in JSON in JSON looks like a diaeresis, but at the beginning of a word.
        elif len(char) == 1 and (match["sign"] != '"' or match[0][0] == "{" or _after_letter(match)):
            yield Edit(*match.span(), char)
    for match in _NAMED.finditer(text):
        yield Edit(*match.span(), _LETTERS[match[1]])


def _after_letter(match: re.Match[str]) -> bool:
    return match.string[max(0, match.start() - 1) : match.start()].isalpha()


def _decode_domain(match: re.Match[str]) -> Iterator[Edit]:
    try:
        name = match[0][4:].encode().decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return
    if name and _is_visible(name):
        yield Edit(*match.span(), name)
