"""Names that are always listed, for `doctor`: each deployment's own, which nobody else can guess."""

from __future__ import annotations

import hashlib
import hmac

# Of as many tokens each in common tokenizers; in front, so that answers differ from the first token on.
NUMBERS = ("48213", "73596")
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
SYLLABLES = 11
# What any model can repeat, of which six make 36 bits.
# fmt: off
WORDS = (
    "apple", "arrow", "bear", "bell", "bird", "boat", "book", "bridge", "butter", "candle", "carpet",
    "castle", "chair", "chess", "cloud", "coat", "copper", "corn", "desert", "diamond", "dragon",
    "drum", "eagle", "engine", "feather", "field", "flower", "forest", "garden", "glass", "gold",
    "hammer", "harbor", "honey", "horse", "island", "jacket", "kitchen", "ladder", "lamp", "lemon",
    "lion", "market", "mirror", "mountain", "needle", "ocean", "orange", "paper", "pencil", "piano",
    "pillow", "planet", "rabbit", "river", "rocket", "salt", "silver", "spoon", "sugar", "tiger",
    "tower", "violin", "window",
)
# fmt: on
PHRASE = 6


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
    return _phrase(store_id, "answer")


def canaries(store_id: str, answers: bool) -> tuple[str, ...]:
    """What `doctor` asks about: the canary names, and the one of answers where ``answers`` are read."""
    return (*canary_names(store_id), answer_canary(store_id)) if answers else canary_names(store_id)


def control_names(store_id: str) -> tuple[str, str]:
    """Two names of the same form that are never listed."""
    first, second = NUMBERS
    word = _word(store_id, "control")
    return f"{first} {word}", f"{second} {word}"


def answer_control(store_id: str) -> str:
    """A name of the same form as ``answer_canary`` that is never listed."""
    return _phrase(store_id, "answer control")


def _phrase(store_id: str, purpose: str) -> str:
    """A few common words: what a small model repeats without a slip."""
    return " ".join(WORDS[byte % len(WORDS)] for byte in _digest(store_id, purpose)[:PHRASE])


def _word(store_id: str, purpose: str) -> str:
    """A pronounceable word, two letters for each six bits."""
    digest = _digest(store_id, purpose)
    syllables = (CONSONANTS[byte & 15] + VOWELS[byte >> 4 & 3] for byte in digest[:SYLLABLES])
    return "".join(syllables)


def _digest(store_id: str, purpose: str) -> bytes:
    return hmac.digest(store_id.encode(), f"vllm-unlearn {purpose}".encode(), hashlib.sha256)
