"""Characters as codes: base64, hexadecimal, binary and decimal numbers, escapes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from .edits import Edit, apart

_MIN_BASE64 = 12
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_BASE64_LINE = re.compile(r"[^\r\n]{12,}")
_PREFIX = r"(?:0[xX]|\\x|%|#)?"
_HEX = re.compile(
    rf"(?<![\w%\\])(?:{_PREFIX}[0-9A-Fa-f]{{2}}[ \t,:;.-]{{0,2}}){{5,}}{_PREFIX}[0-9A-Fa-f]{{2}}(?!\w)"
)
_HEX_PAIR = re.compile(rf"{_PREFIX}([0-9A-Fa-f]{{2}})[ \t,:;.-]{{0,2}}")
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}[ \t,]{0,2}){4,}(?!\d)")
_DECIMAL = re.compile(r"(?<!\d)(?:(?:[4-9]\d|1[012]\d|32)[ \t,;]{1,2}){5,}(?:[4-9]\d|1[012]\d)(?!\d)")
_ESCAPED = re.compile(
    r"(?:\\u\{?[0-9A-Fa-f]{4}\}?|\\x[0-9A-Fa-f]{2}|&#x[0-9A-Fa-f]{1,5};|&#\d{1,6};|%[0-9A-Fa-f]{2}){3,}"
)
_ESCAPE = re.compile(
    r"\\u\{?(?P<unicode>[0-9A-Fa-f]{4})\}?|&#[xX](?P<hex>[0-9A-Fa-f]{1,5});|&#(?P<decimal>\d{1,6});"
    r"|(?:%|\\x)(?P<byte>[0-9A-Fa-f]{2})"
)
_VOWEL = re.compile(r"[aeiouyAEIOUY].*[a-zA-Z]")
_MIN_DECODED = 5

_CODES: tuple[tuple[re.Pattern[str], Callable[[str], bytes]], ...] = (
    (_HEX, lambda run: bytes.fromhex("".join(_HEX_PAIR.findall(run)))),
    (_BINARY, lambda run: bytes(int(byte, 2) for byte in re.findall("[01]{8}", run))),
    (_DECIMAL, lambda run: bytes(map(int, re.findall(r"\d+", run)))),
)


def base64_runs(text: str) -> Iterator[Edit]:
    for match in _BASE64.finditer(text):
        if decoded := _from_base64(match[0]):
            yield Edit(*match.span(), decoded)
            continue
        for line in _BASE64_LINE.finditer(text, *match.span()) if "\n" in match[0] else ():
            if decoded := _from_base64(line[0]):
                yield Edit(*line.span(), decoded)


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


def character_codes(text: str) -> Iterator[Edit]:
    """Hexadecimal, binary and decimal character codes."""
    if re.search(r"\d\d", text):
        yield from apart(
            Edit(*match.span(), decoded)
            for pattern, read in _CODES
            for match in pattern.finditer(text)
            if (decoded := _language(read(match[0])))
        )


def escapes(text: str) -> Iterator[Edit]:
    """Percent encoding, character references and escapes, of three characters or more in a row."""
    for match in _ESCAPED.finditer(text):
        if decoded := _language(b"".join(map(_unescaped, _ESCAPE.finditer(match[0]))), 3):
            yield Edit(*match.span(), decoded)


def _unescaped(escape: re.Match[str]) -> bytes:
    if byte := escape["byte"]:
        return bytes.fromhex(byte)
    number = int(escape["decimal"] or escape["unicode"] or escape["hex"], 10 if escape["decimal"] else 16)
    return chr(number).encode("utf-8", "ignore") if number < 0x110000 else b""


def _language(code: bytes, shortest: int = _MIN_DECODED, digits: bool = False) -> str:
    """``code`` as text, if it is that: UTF-8, four in five characters letters (or ``digits``, which
    another encoding is full of) and spaces, and a vowel in what is not very short."""
    try:
        text = code.decode()
    except UnicodeDecodeError:
        return ""
    letters = sum(char.isalpha() or char in " \n" or (digits and char.isdigit()) for char in text)
    plausible = (
        len(text) >= shortest
        and letters * 10 >= len(text) * 8
        and all(c.isprintable() or c in "\n\t\r" for c in text)
        and (shortest < _MIN_DECODED or not text.isascii() or _VOWEL.search(text))
    )
    return text if plausible else ""
