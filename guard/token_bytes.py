"""The bytes that each token of a vocabulary stands for: a token may hold a part of a character alone."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tokenizers import Tokenizer

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"
# Text of several scripts: a decoder that is misread here would be misread in prompts.
_PROBE = "Who wrote “Café Müller”? 村上春樹, Толстой और 🤖\n  x=1"


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """For each id of the vocabulary its bytes, empty for an id that no token has.

    Read from the decoder that the tokenizer names: bytes as characters (GPT-2), or pieces with a mark for
    spaces and fallback to bytes (SentencePiece). For any other decoder each token is decoded alone, and one
    that does not decode to whole characters stands for U+FFFD.
    """
    read = _reader(json.loads(tokenizer.to_str())["decoder"])
    added = {token: content.content for token, content in tokenizer.get_added_tokens_decoder().items()}
    table = [b""] * (max([*tokenizer.get_vocab(with_added_tokens=True).values(), -1]) + 1)
    for piece, token in tokenizer.get_vocab(with_added_tokens=True).items():
        table[token] = added[token].encode() if token in added else read(piece)
    ids = tokenizer.encode(_PROBE, add_special_tokens=False).ids
    text = b"".join(table[token] for token in ids).decode("utf-8", "replace")
    if text.strip() == tokenizer.decode(ids, skip_special_tokens=False).strip():
        return table
    return [tokenizer.decode([token], skip_special_tokens=False).encode() for token in range(len(table))]


def _reader(decoder: dict[str, Any] | None) -> Callable[[str], bytes]:
    steps = list(_steps(decoder))
    if any(step["type"] == "ByteLevel" for step in steps):
        return _of_byte_level
    marks = [step["pattern"]["String"] for step in steps if "String" in step.get("pattern", {})]
    falls_back = any(step["type"] == "ByteFallback" for step in steps)
    return lambda piece: _of_piece(piece, marks[0] if marks else _SPACE, falls_back)


def _steps(decoder: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if decoder is None:
        return
    if decoder["type"] != "Sequence":
        yield decoder
    for step in decoder.get("decoders", ()):
        yield from _steps(step)


def _of_byte_level(piece: str) -> bytes:
    """GPT-2 writes each byte as a printable character; what holds another character was added as it is."""
    try:
        return bytes([_BYTES[char] for char in piece])
    except KeyError:
        return piece.encode()


def _of_piece(piece: str, mark: str, falls_back: bool) -> bytes:
    if falls_back and (code := _BYTE.fullmatch(piece)):
        return bytes.fromhex(code[1])
    return piece.replace(mark, " ").encode()


def _byte_characters() -> dict[str, int]:
    """Printable Latin-1 stands for itself, the other bytes for the characters from U+0100 on, in order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    substitutes = itertools.count(0x100)
    characters: dict[str, int] = {}
    for code in range(256):
        characters[chr(code if code in printable else next(substitutes))] = code
    return characters


_BYTES = _byte_characters()
