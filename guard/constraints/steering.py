"""Tokens that a client brings up by their ids: it favours them, or forbids nearly all others.

With a penalty for what was written before, falling biases put such tokens in order, and where few are left
the model itself does. A listed name that they make is written with other tokens, of which the model knows
nothing, and the client gets its own back: two tokens change places in the whole request.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Protocol

from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput

from ...vocabulary import Action, Match, Verdict
from .letters import is_letter
from .plain_grammar import FEW_TOKENS, UnreadableError

# Of a name, so many letters at the least are of the tokens, and of each token on the average.
_LEAST, _EACH = 3, 2
# So many names are looked at, and so many tokens for one to stand for another.
_NAMES, _TRIES = 16, 2_000


class Judge(Protocol):
    """What of a ``Guard`` is needed here."""

    def screen(self, text: str, turns: list[tuple[int, int]] | None = None) -> Verdict: ...

    @property
    def key(self) -> str: ...


class Vocabulary(Protocol):
    """The served model's tokens."""

    def text_of(self, token: int) -> str | None: ...

    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Line:
    """A text that tokens may make behind the end of the prompt, and where each stands in it."""

    text: str
    places: list[tuple[int, int, int]]

    @classmethod
    def of(cls, before: str, tokens: Sequence[int], texts: Mapping[int, str]) -> _Line:
        """``tokens`` behind a text."""
        places: list[tuple[int, int, int]] = []
        for token in tokens:
            places.append((token, len(before), len(before) + len(texts[token])))
            before += texts[token]
        return cls(before, places)

    def under(self, start: int, end: int) -> Iterator[int]:
        """The tokens between two places."""
        return (token for token, low, high in self.places if low < end and start < high)


class Steering:
    """What a request's parameters favour."""

    def __init__(self, params: SamplingParams, vocabulary: Vocabulary) -> None:
        self._params, self._vocabulary = params, vocabulary
        self._texts: dict[int, str] = {}
        for token in _favoured(params, vocabulary.size):
            if any(map(is_letter, text := vocabulary.text_of(token) or "")):
                self._texts[token] = text

    def __bool__(self) -> bool:
        return bool(self._texts)

    def screen(self, before: str, guard: Judge, names: Sequence[str]) -> tuple[Verdict, list[int]]:
        """The verdict on what the tokens may make behind ``before``, and which of them it is about.

        ``names`` are those listed, in small letters.
        """
        lines = [_Line.of(before, list(self._texts)[:FEW_TOKENS], self._texts), *self._named(before, names)]
        text, turns = "", []
        for line in lines:
            turns.append((len(text), len(text) + len(line.text)))
            text += line.text + "\n\n"
        verdict = guard.screen(text, turns)
        told: list[Match] = []
        flagged: dict[int, None] = {}
        for match in verdict.matches:
            n = bisect_right(turns, match.start, key=lambda turn: turn[0]) - 1
            tokens = dict.fromkeys(lines[n].under(match.start - turns[n][0], match.end - turns[n][0]))
            told += [match] if tokens else []
            flagged |= tokens
        action: Action = "corrupt" if told else "pass"
        return Verdict(action, verdict.generation, tuple(told)), list(flagged)

    def _named(self, before: str, names: Sequence[str]) -> Iterator[_Line]:
        """The names that the tokens make in some order, though they begin ``before``."""
        tokens = {_letters(text): token for token, text in reversed(self._texts.items())}
        lengths = sorted({len(letters) for letters in tokens})
        written = _letters(before)
        found = 0
        for name in names:
            letters = _letters(name)
            if not any(letters[-length:] in tokens for length in lengths):
                continue
            pieces = _pieces(letters, tokens, lengths, written)
            if pieces and found < _NAMES:
                found += 1
                begun = len(letters) - sum(map(len, pieces))
                yield _Line.of(_first(name, begun).title(), [tokens[piece] for piece in pieces], self._texts)

    def swap(self, tokens: Sequence[int], key: str) -> Swap:
        """Rare tokens of the same kind for ``tokens``."""
        places: dict[int, int] = {}
        for token in tokens:
            drawn = random.Random(f"{key}:{token}")
            others = (
                drawn.randrange(self._vocabulary.size // 2, self._vocabulary.size) for _ in range(_TRIES)
            )
            free = (other for other in others if other not in self._texts and other not in places)
            kind = _kind(self._texts[token])
            alike = (other for other in free if _kind(self._vocabulary.text_of(other) or "") == kind)
            other = next(alike, None)
            if other is None:
                raise UnreadableError("no token is like one that is favoured")
            places |= {token: other, other: token}
        return Swap(places)


class Swap:
    """Tokens that have changed places."""

    def __init__(self, places: Mapping[int, int]) -> None:
        self._places = places

    def token(self, token: int) -> int:
        """The one that stands for ``token``, and so the other way round."""
        return self._places.get(token, token)

    def params(self, params: SamplingParams) -> SamplingParams:
        """``params`` for the engine."""
        changed = copy(params)
        if params.logit_bias:
            changed.logit_bias = {self.token(token): bias for token, bias in params.logit_bias.items()}
        for name in ("allowed_token_ids", "stop_token_ids", "logprob_token_ids"):
            if tokens := getattr(params, name):
                setattr(changed, name, [self.token(token) for token in tokens])
        return changed

    def restore(self, output: EngineCoreOutput) -> None:
        """Give the client its own tokens."""
        output.new_token_ids = [self.token(token) for token in output.new_token_ids]
        if (rows := output.new_logprobs) is not None:
            ids = rows.logprob_token_ids
            swapped = ids.copy()
            for token, other in self._places.items():
                swapped[ids == token] = other
            output.new_logprobs = rows._replace(logprob_token_ids=swapped)
        if isinstance(output.stop_reason, int):
            output.stop_reason = self.token(output.stop_reason)


def _favoured(params: SamplingParams, size: int) -> list[int]:
    """The tokens that ``params`` favour, in the order in which penalties bring them."""
    bias = params.logit_bias or {}
    tokens = sorted((token for token in bias if bias[token] > 0), key=lambda token: -bias[token])
    if params.allowed_token_ids and len(params.allowed_token_ids) <= FEW_TOKENS:
        tokens += sorted(params.allowed_token_ids, key=lambda token: -bias.get(token, 0))
    if size - sum(value < 0 for value in bias.values()) <= FEW_TOKENS:
        tokens += [token for token in range(size) if bias.get(token, 0) == 0]
    return list(dict.fromkeys(tokens))


def _letters(text: str) -> str:
    return "".join(char.lower() for char in text if is_letter(char))


def _first(name: str, letters: int) -> str:
    """``name`` as far as so many letters of it."""
    place = 0
    while letters:
        letters -= is_letter(name[place])
        place += 1
    return name[:place]


def _kind(text: str) -> tuple[bool, bool, bool]:
    return text[:1] == " ", text.strip().isalpha(), text.strip()[:1].isupper()


def _pieces(name: str, tokens: Mapping[str, int], lengths: Sequence[int], before: str) -> list[str] | None:
    """The fewest pieces that end a ``name`` of letters, the rest of which ``before`` ends with.

    They have two letters each on the average, and more than two together.
    """
    best: dict[int, list[str]] = {len(name): []}
    for end in range(len(name), 0, -1):
        for length in lengths if end in best else ():
            start, piece = end - length, name[max(end - length, 0) : end]
            if (
                start >= 0
                and piece in tokens
                and (start not in best or len(best[end]) + 1 < len(best[start]))
            ):
                best[start] = [piece, *best[end]]
    fit = (
        pieces
        for start, pieces in sorted(best.items())
        if before.endswith(name[:start]) and len(name) - start >= max(_LEAST, _EACH * len(pieces))
    )
    return next(fit, None)
