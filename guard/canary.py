"""Names that are always listed, for `doctor`: each deployment's own, which nobody else can guess."""

from __future__ import annotations

import hashlib
import hmac

# Of as many tokens each in common tokenizers; in front, so that answers differ from the first token on.
NUMBERS = ("48213", "73596")
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
SYLLABLES = 11


def canary_names(store_id: str) -> tuple[str, str]:
    """The canaries of the store of this id, which is random and known to whoever may read the list.

    One word of 66 bits, which both share: tokens then differ in the numbers alone. A name of two words is
    found by nothing less than both.
    """
    first, second = NUMBERS
    word = _word(store_id, "canary")
    return f"{first} {word}", f"{second} {word}"


def answer_canary(store_id: str) -> str:
    """The name of the store of this id that no answer says, though the prompt does; prompts are not read for
    it."""
    return f"{NUMBERS[0]} {_word(store_id, 'answer')}"


def canaries(store_id: str, answers: bool) -> tuple[str, ...]:
    """What `doctor` asks about: the canary names, and the one of answers where ``answers`` are read."""
    return (*canary_names(store_id), answer_canary(store_id)) if answers else canary_names(store_id)


def control_names(store_id: str) -> tuple[str, str]:
    """Two names of the same form that are never listed."""
    first, second = NUMBERS
    word = _word(store_id, "control")
    return f"{first} {word}", f"{second} {word}"


def _word(store_id: str, purpose: str) -> str:
    """A pronounceable word, two letters for each six bits."""
    digest = hmac.digest(store_id.encode(), f"vllm-unlearn {purpose}".encode(), hashlib.sha256)
    syllables = (CONSONANTS[byte & 15] + VOWELS[byte >> 4 & 3] for byte in digest[:SYLLABLES])
    return "".join(syllables)
