"""What an answer says in the place of a listed name where the operator wants no invention there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import StructuredOutputsParams

from ...classifiers.answers.watched_names import WatchedNames

# A full stop behind "Dr" or an initial ends no sentence; one of CJK needs no space behind it.
_STOP = r"(?<!\b(?:\p{Lu}|Dr|Jr|Mme|Mrs?|Ms|Prof|Sr|Sra|St))[.!?…؟।]"
_WIDE_STOP = "[。！？]"
# What may stand before the first word of a sentence: white space, opening signs, the marker of a list.
_OPENING = r"""[\s\p{Ps}\p{Pi}\p{Pd}"'*_#>•]|\d+[.)]"""
_CLOSING = r"""[\p{Pe}\p{Pf}"'*_]"""
_END = rf"\n|{_STOP}{_CLOSING}*\s|{_WIDE_STOP}"
_BEGINS_SENTENCE = regex.compile(rf"(?:^|{_END})(?:{_OPENING})*+$")
_ENDS_SENTENCE = regex.compile(_END)


@dataclass(frozen=True, slots=True)
class Decline:
    """One of ``texts`` is written next; ``outputs`` makes the engine write nothing else."""

    texts: tuple[str, ...]
    outputs: StructuredOutputsParams

    def is_whole(self, text: str) -> bool:
        """Whether ``text`` is one of them."""
        return text in self.texts

    def may_become(self, text: str) -> bool:
        """Whether ``text`` begins one of them."""
        return any(one.startswith(text) for one in self.texts)


class Declines:
    """The phrases that stand for a name. Which of them fits its place, the model chooses."""

    def __init__(self, phrases: Sequence[str], verify: Callable[[SamplingParams], SamplingParams]) -> None:
        """``verify`` is the engine's: it makes a grammar of choices, or raises ``VLLMValidationError``."""
        self._phrases, self._verify = tuple(phrases), verify
        self._made = lru_cache(64)(self._make)

    def at(self, before: str, gap: str, names: WatchedNames) -> Decline | None:
        """What may be written behind the text ``before`` and a ``gap``, and holds none of ``names``; None
        where nothing may, or the engine takes no choices."""
        begins = begins_sentence(before + gap)
        fit = (phrase[:1].upper() + phrase[1:] if begins else phrase for phrase in self._phrases)
        texts = tuple(gap + phrase for phrase in fit if not any(names.find(f"{phrase} ", 0)))
        return self._made(texts) if texts else None

    def _make(self, texts: tuple[str, ...]) -> Decline | None:
        params = SamplingParams(structured_outputs=StructuredOutputsParams(choice=list(texts)))
        try:
            outputs = self._verify(params).structured_outputs
        except VLLMValidationError:
            return None
        return Decline(texts, outputs) if outputs else None


def begins_sentence(before: str) -> bool:
    """Whether a sentence begins behind the text ``before``."""
    return bool(_BEGINS_SENTENCE.search(before))


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends within ``text``."""
    return bool(_ENDS_SENTENCE.search(text))
