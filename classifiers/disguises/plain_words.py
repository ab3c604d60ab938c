"""The words that tell plain text from a cipher or from pieces: common English ones, and of other languages
those that join the rest."""

from __future__ import annotations

import re
from functools import cache

from ..text.word_frequency import common_words

WORD = re.compile(r"[^\W\d_]+")
_COMMON_RANK = 20_000
_OTHER_LANGUAGES = (
    "html http www le la les des une est qui que dans pour sur avec par quel quelle quand comment livre "
    "der die das und ist wer wie was ein eine mit von auf nicht wann welche el los las una por con "
    "quien como cuando cual para del libro chi che sono nel della quando come dove quem qual uma não "
    "foi onde são het een van wie wat"
)


@cache
def plain_words() -> frozenset[str]:
    common = (word for word, rank in common_words().items() if rank < _COMMON_RANK)
    return frozenset((*common, *_OTHER_LANGUAGES.split()))
