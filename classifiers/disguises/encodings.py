"""Characters as codes, a whole text of them: base64, hexadecimal, binary, decimal and octal numbers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from .edits import Edit, Place, drop_overlaps, places_of_bytes

_MIN_BASE64 = 12
_BASE64 = re.compile(
    r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}"
    r"|(?<![\w+/=-])(?:[A-Za-z0-9]{4}){1,2}(?:[A-Za-z0-9]{3}=|[A-Za-z0-9]{2}==)(?![\w=])"
)
_BASE64_PIECE = re.compile(r"[A-Za-z0-9]{12,}={0,2}")
_BASE64_CODE = re.compile(r"[^\r\n=]")
_URL_SAFE = str.maketrans("-_", "+/")
_PREFIX = r"(?:0[xX]|\\x|%|#)?"
_HEX = re.compile(
    rf"(?<![\w%\\])(?:{_PREFIX}[0-9A-Fa-f]{{2}}[ \t,:;.-]{{0,2}}){{5,}}{_PREFIX}[0-9A-Fa-f]{{2}}(?!\w)"
)
_HEX_PAIR = re.compile(rf"{_PREFIX}([0-9A-Fa-f]{{2}})")
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}[ \t,]{0,2}){4,}(?!\d)")
_OCTET = re.compile("[01]{8}")
_DECIMAL = re.compile(r"(?<!\d)(?:(?:[4-9]\d|1[012]\d|32)[ \t,;]{1,2}){5,}(?:[4-9]\d|1[012]\d)(?!\d)")
_NUMBER = re.compile(r"\d+")
_OCTAL_BYTE = r"(?:0o?)?(?:[4-7][0-7]|[1-3][0-7]{2})"
_OCTAL = re.compile(rf"(?<!\d)(?:{_OCTAL_BYTE}[ \t,;]{{1,2}}){{5,}}{_OCTAL_BYTE}(?!\d)")
_OCTAL_NUMBER = re.compile(r"(?:0o?)?([1-7][0-7]{1,2})")
_VOWEL = re.compile(r"[aeiouyAEIOUY].*[a-zA-Z]")
_MIN_DECODED = 5
# Of other bytes it stands out by its length.
_TEXT = re.compile(
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){8,}"
)
# So many bytes are a text by chance so seldom that half of it may be signs: JSON, markup, escapes.
_SURELY_TEXT = 16
# Of so many characters one may be one that is not shown.
_TEXT_FOR_ONE_UNSEEN = 5

# A pattern, what in it is one byte, and that byte.
_Code = tuple[re.Pattern[str], re.Pattern[str], Callable[[re.Match[str]], int]]
_CODES: tuple[_Code, ...] = (
    (_HEX, _HEX_PAIR, lambda pair: int(pair[1], 16)),
    (_BINARY, _OCTET, lambda octet: int(octet[0], 2)),
    (_DECIMAL, _NUMBER, lambda number: int(number[0])),
    (_OCTAL, _OCTAL_NUMBER, lambda number: int(number[1], 8)),
)


def base64_runs(text: str) -> Iterator[Edit]:
    for match in _BASE64.finditer(text):
        if whole := list(_from_base64(text, *match.span())):
            yield from whole
            continue
        # Glued to other text by what base64 may hold: lines, a path, an underscore.
        for piece in _BASE64_PIECE.finditer(text, *match.span()):
            if piece.span() != match.span():
                yield from _from_base64(text, *piece.span())


def _from_base64(text: str, start: int, end: int) -> Iterator[Edit]:
    run = text[start:end]
    at = [start + match.start() for match in _BASE64_CODE.finditer(run)]
    plain = run.isalpha() and (run.islower() or run.istitle())
    for order in (at,) if plain else (at, at[::-1]):  # it may be written backwards
        code = "".join(text[place] for place in order).translate(_URL_SAFE)
        code = code[: len(code) - (len(code) % 4 == 1)]
        try:
            decoded = base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
        except binascii.Error:
            return
        # Each byte has eight bits, each character of the code six.
        ends = [(order[8 * i // 6], order[(8 * i + 7) // 6]) for i in range(len(decoded))]
        decoded, ends = _narrow(decoded, ends)
        if texts := list(_texts(decoded)):
            places = [(min(pair), max(pair) + 1) for pair in ends]
            last = -1 if order is at else 0
            places[last] = (places[last][0], end)
            # A word of twelve letters can decode to a few letters of a far script by chance.
            far = len(code) < 2 * _MIN_BASE64
            for first, plain_text in texts:
                if plain_text.isascii() or not far:
                    yield _edit(first, plain_text, places)
            return


def _narrow(code: bytes, places: list[Place]) -> tuple[bytes, list[Place]]:
    """UTF-16 of Latin letters, in which nearly every second byte is 0, as UTF-8; other codes as they are."""
    first = 2 if code[:2] in (b"\xff\xfe", b"\xfe\xff") else 0
    for low in (first, first + 1):
        units, zeros = code[low::2], code[2 * first + 1 - low :: 2]
        if zeros and 8 * zeros.count(0) >= 7 * len(units):
            whole = [(min(map(min, pair)), max(map(max, pair))) for pair in _pairs(places[first:])]
            chars = units.decode("latin-1")[: len(whole)]
            origins: list[Place] = []
            for char, place in zip(chars, whole, strict=True):
                origins += [place] * len(char.encode())
            return chars.encode(), origins
    return code, places


def _pairs(places: list[Place]) -> list[tuple[Place, Place]]:
    return list(zip(places[::2], places[1::2], strict=False))


def character_codes(text: str) -> Iterator[Edit]:
    """Hexadecimal, binary, decimal and octal character codes."""
    if re.search(r"[0-9A-Fa-f]{2}", text):
        yield from drop_overlaps(_from_all_codes(text))


def _from_all_codes(text: str) -> Iterator[Edit]:
    for pattern, piece, read in _CODES:
        for match in pattern.finditer(text):
            yield from _from_codes(list(piece.finditer(text, *match.span())), read)


def _from_codes(pieces: list[re.Match[str]], read: Callable[[re.Match[str]], int]) -> Iterator[Edit]:
    places = [piece.span() for piece in pieces]
    for first, text in _texts(bytes(map(read, pieces))):
        yield _edit(first, text, places)


def _edit(first: int, text: str, places: list[Place]) -> Edit:
    """``text`` for the bytes from ``first`` on."""
    own = places[first : first + len(text.encode())]
    return Edit(min(own)[0], max(place[1] for place in own), text, places_of_bytes(text, own))


def _texts(code: bytes) -> Iterator[tuple[int, str]]:
    """``code`` as text, or what in it is text among other bytes, and at which byte it starts."""
    if text := _decode(code):
        yield 0, text
        return
    for match in _TEXT.finditer(code):
        if text := _decode(match[0]):
            yield match.start(), text


def _count_unseen(text: str) -> int:
    """How many of its characters are not shown; some are put between letters to hide a text."""
    return sum(not (char.isprintable() or char in "\n\t\r") for char in text)


def _decode(code: bytes) -> str:
    """``code`` as text, if it is that: UTF-8, four in five characters letters, digits (which another
    encoding is full of) and spaces, or half of them in a long one, and two letters, one a vowel."""
    try:
        text = code.decode()
    except UnicodeDecodeError:
        return ""
    letters = sum(char.isalnum() or char in " \n" for char in text)
    plausible = (
        len(text) >= _MIN_DECODED
        and (letters * 10 >= len(text) * 8 or (len(text) >= _SURELY_TEXT and letters * 2 >= len(text)))
        and _count_unseen(text) * _TEXT_FOR_ONE_UNSEEN <= len(text)
        and (not text.isascii() or _VOWEL.search(text))
    )
    return text if plausible else ""
