"""How a tokenizer's tokens are used: which are words, in which language, and which carry the grammar."""

from __future__ import annotations

from functools import cache
from typing import Any

from wordfreq import available_languages, get_frequency_dict

from ..corruption.operators.kin import Word

# One word of a million, and of a thousand: what is in use, and what carries the grammar.
USED = 1e-6
GRAMMAR = 1e-3
# A word of several languages is taken for one of this, as most tokens of most models are, unless another
# uses it so many times as often: "war" and "die" are English, "et" and "der" are not.
FIRST, FOREIGN = "en", 300


def words_of(tokenizer: Any, count: int, frequent: int) -> list[Word | None]:
    """Each token's word; None for control tokens, and for rows of the table that no token has.

    The ``frequent`` first tokens carry the grammar, and so do punctuation and each language's commonest
    words in small letters: some tokenizers number those last.
    """
    # Words that were added to a vocabulary are no control tokens: a name among them must not stay.
    added = tokenizer.added_tokens_decoder
    control = {*tokenizer.all_special_ids, *(token for token, content in added.items() if content.special)}
    every = range(min(count, len(tokenizer)))
    found: list[Word | None] = []
    for token, text in zip(every, tokenizer.batch_decode([[token] for token in every]), strict=True):
        word = _word(text, frequent=token < frequent, added=token in added)
        found.append(None if token in control else word)
    return found + [None] * (count - len(found))


def _word(text: str, *, frequent: bool, added: bool) -> Word:
    bare = text.strip()
    if not any(map(str.isalnum, bare)):
        return Word(text, grammar=frequent or "\ufffd" not in bare, added=added)
    language, frequency = _known_words().get(bare.casefold(), ("", 0.0))
    grammar = frequent or (bare.islower() and frequency >= GRAMMAR)
    return Word(text, language, frequency, grammar, added)


@cache
def _known_words() -> dict[str, tuple[str, float]]:
    """Words in use, each with its language and its frequency there, after wordfreq's lists."""
    found: dict[str, tuple[float, str, float]] = {}
    for language in available_languages("small"):
        for word, frequency in get_frequency_dict(language, "small").items():
            if frequency >= USED and word.isalpha():
                weight = frequency * (FOREIGN if language == FIRST else 1)
                found[word] = max(found.get(word, (0.0, "", 0.0)), (weight, language, frequency))
    return {word: (language, frequency) for word, (_, language, frequency) in found.items()}
