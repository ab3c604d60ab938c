"""Token ids in, text with its tokens' places out: chat prompts reach the engine as token ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from ..classifiers.segments import around, starts
from ..vocabulary import Match, Reach, Role

_MAX_ID = 2**32
# UTF-8 has at most four bytes a character: tokens that complete none by then never will, and the
# decoder would go over them again with each that follows.
_CHARACTER_TOKENS = 4


@dataclass(frozen=True, slots=True)
class DecodedPrompt:
    """A prompt's text, the characters of each token, and the turns between special tokens.

    ``written`` is the turn that is being written, where others stand before it; else nothing.
    """

    text: str
    spans: list[tuple[int, int]]
    turns: list[tuple[int, int]]
    written: tuple[int, int] = (0, 0)

    def owners(self, matches: Sequence[Match], reach: Reach = "match") -> dict[int, str]:
        """The token positions that ``matches`` touch, each with its target's id; with a reach of
        ``sentence`` also the rest of the sentences that they stand in.

        A token in two matches belongs to the shorter one: the name, not the segment around it.
        """
        owners: dict[int, str] = {}
        ordered = sorted(matches, key=lambda m: (m.start - m.end, m.start, m.target_id))
        for match in ordered if reach == "sentence" else ():
            for start, end in around(self.text, self.turns, match.start, match.end):
                owners |= dict.fromkeys(self._positions(start, end), match.target_id)
        for match in ordered:
            owners |= dict.fromkeys(self._positions(match.start, match.end), match.target_id)
        return owners

    def roles(self, matches: Sequence[Match], owners: Iterable[int]) -> dict[int, Role]:
        """What the token at each position of ``owners`` is of. With any in the turn that is being written,
        the prompt gives a reply."""
        named = {p for match in matches if match.name for p in self._positions(match.start, match.end)}
        reply = self._positions(*self.written)
        if not any(p in reply for p in owners):
            return {p: "name" if p in named else "text" for p in owners}
        return {p: "name-given" if p in named else "reply" if p in reply else "text-given" for p in owners}

    def sentences(self, owners: Iterable[int]) -> dict[int, int]:
        """Which sentence of the prompt the token at each position of ``owners`` ends in, counted from 1."""
        begun = starts(self.text, self.turns)
        return {p: bisect_left(begun, self.spans[p][1]) for p in owners}

    def _positions(self, start: int, end: int) -> range:
        """The tokens that ``text[start:end]`` touches; neither their starts nor their ends ever go back."""
        first = bisect_right(self.spans, start, key=lambda span: span[1])
        return range(first, bisect_left(self.spans, end, lo=first, key=lambda span: span[0]))


class PromptDecoder:
    """Decodes with the served model's own tokenizer; safe to share by threads."""

    def __init__(self, tokenizer: Any) -> None:
        """Raises ``ValueError`` unless ``tokenizer`` is backed by a fast (Rust) one."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ValueError(
                f"the guard needs a fast Hugging Face tokenizer to place tokens in the text, got "
                f"{type(tokenizer).__name__}; serve with `--tokenizer-mode hf`"
            )
        self._backend = backend
        added = backend.get_added_tokens_decoder()
        self._special = {token for token, content in added.items() if content.special}
        self._added = set(added)
        self._end = tokenizer.eos_token_id

    def is_text(self, token: int) -> bool:
        """Whether ``token`` is one of text, not one that was added for a purpose."""
        return token not in self._added

    def decode(self, token_ids: Sequence[int]) -> DecodedPrompt:
        """Decode ``token_ids``; a special token becomes a line break that belongs to no token.

        Tokens that are part of one character share its span. Ids outside of the vocabulary decode
        to nothing (vLLM refuses them with a 400 of its own).
        """
        stream = DecodeStream(skip_special_tokens=False)
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        turns: list[tuple[int, int]] = []
        length = turn = opened = 0
        for token in token_ids:
            if token in self._special:
                turns.append((turn, length))
                opened = opened if token == self._end else length + 1
                pieces.append("\n")
                spans.extend([(length, length)] * (len(pieces) - len(spans)))
                length += 1
                turn = length
                stream = DecodeStream(skip_special_tokens=False)
                continue
            piece = stream.step(self._backend, token) if 0 <= token < _MAX_ID else None
            pieces.append(piece or "")
            if len(pieces) - len(spans) > _CHARACTER_TOKENS:
                stream = DecodeStream(skip_special_tokens=False)
                spans.extend([(length, length)] * (len(pieces) - len(spans)))
            if piece:  # the tokens before that waited for this one to complete a character
                spans.extend([(length, length + len(piece))] * (len(pieces) - len(spans)))
                length += len(piece)
        spans.extend([(length, length)] * (len(pieces) - len(spans)))
        turns.append((turn, length))
        text, turns = "".join(pieces), [t for t in turns if t[0] < t[1]]
        return DecodedPrompt(text, spans, turns, _written(text, turns, opened))


def _written(text: str, turns: Sequence[tuple[int, int]], opened: int) -> tuple[int, int]:
    """The turn that the last special token other than the end of a turn ``opened``; none where that closed
    a question, as Mistral's ``[/INST]`` does, and nothing is given after it."""
    told = [(start, end) for start, end in turns if text[start:end].strip()]
    return told[-1] if len(told) > 1 and told[-1][0] >= opened else (0, 0)
