"""Other forms of English given names: Rob for Robert, Robert for Rob."""

from __future__ import annotations

from functools import cache

from nicknames import NickNamer

from ..text.word_cache import once_a_word


@once_a_word
def other_forms(name: str) -> frozenset[str]:
    """Of a folded given name: what it may be short for, and what it may be shortened to."""
    nicknames = _nicknames()
    return frozenset(nicknames.canonicals_of(name) | nicknames.nicknames_of(name)) - {name}


@cache
def _nicknames() -> NickNamer:
    return NickNamer()
