"""Token ids in, text with its tokens' places out: chat prompts reach the engine as token ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer

from ..classifiers.text.list_markers import list_markers
from ..classifiers.text.segments import Sentences
from ..vocabulary import FlaggedToken, Match, Reach, Role, UserError
from .token_bytes import token_bytes


class TokenizerError(UserError, ValueError):
    """A model's tokenizer cannot be used; the message says what it lacks, and the remedy."""


class UnownedMatchError(RuntimeError):
    """A match touches nothing that could be corrupted or exchanged, so the request must not pass."""


@dataclass(frozen=True, slots=True)
class DecodedPrompt:
    """A prompt's text, the characters of each token, and the turns between special tokens.

    ``reply`` is the turn that is being written, where others stand before it; else nothing.
    """

    text: str
    spans: list[tuple[int, int]]
    turns: list[tuple[int, int]]
    reply: tuple[int, int] = (0, 0)

    def flag(self, matches: Sequence[Match], reach: Reach = "match") -> list[FlaggedToken]:
        """The tokens that ``matches`` touch, in their order; with a reach of ``sentence`` also the rest of
        the sentences that they stand in.

        A token in two matches belongs to the shorter one: the name, not the segment around it. What lists
        things stays around them: a question with choices is to be answered by one of their letters.
        Raises ``UnownedMatchError`` for a match that touches no token.
        """
        sentences = Sentences(self.text, self.turns)
        owners = self._owners(matches, sentences if reach == "sentence" else None)
        positions = self._leave_markers(matches, sorted(owners))
        roles = self._roles(matches, positions)
        tokens: list[FlaggedToken] = []
        for position, role in zip(positions, roles, strict=True):
            follows = bool(tokens) and tokens[-1].position == position - 1
            place = tokens[-1].place + 1 if follows else 0
            sentence = bisect_left(sentences.starts, self.spans[position][1])
            tokens.append(FlaggedToken(position, owners[position], role, sentence, place))
        return tokens

    def _owners(self, matches: Sequence[Match], sentences: Sentences | None) -> dict[int, str]:
        """The target of each flagged position."""
        ordered = sorted(matches, key=lambda m: (m.start - m.end, m.start, m.target_id))
        ranges: list[tuple[str, range]] = []
        if sentences:
            for match in ordered:
                for span in sentences.around(match.start, match.end):
                    ranges.append((match.target_id, self._positions(*span)))
        for match in ordered:
            ranges.append((match.target_id, self._find_owned(match)))
        return _paint(ranges)

    def _find_owned(self, match: Match) -> range:
        positions = self._positions(match.start, match.end)
        if not positions:
            raise UnownedMatchError("a match touches no token of its prompt")
        return positions

    def _leave_markers(self, matches: Sequence[Match], positions: Sequence[int]) -> list[int]:
        """Those of ``positions`` that are not of list markers alone; of a name, of a disguise and of a match
        that has nothing else all stay flagged."""
        markers: set[int] = set()
        for start, end in list_markers(self.text):
            touched = self._positions(start, end)
            markers.update(p for p in touched if start <= self.spans[p][0] and self.spans[p][1] <= end)
        kept = [position for position in positions if position not in markers]
        needed: set[int] = set()
        for match in matches if markers else ():
            own = self._positions(match.start, match.end)
            bare = bisect_left(kept, own.start) == bisect_left(kept, own.stop)
            if match.name or match.disguise or bare:
                needed.update(own)
        return [position for position in positions if position not in markers or position in needed]

    def _roles(self, matches: Sequence[Match], positions: Sequence[int]) -> list[Role]:
        """Those of flagged ``positions``. With any in the turn that is being written, the prompt gives a
        reply."""
        names: set[int] = set()
        for match in matches:
            if match.name:
                names.update(self._positions(match.start, match.end))
        reply = self._positions(*self.reply)
        if not any(p in reply for p in positions):
            return [Role.NAME if p in names else Role.TEXT for p in positions]
        roles = dict.fromkeys(reply, Role.REPLY) | dict.fromkeys(names, Role.NAME_GIVEN)
        return [roles.get(p, Role.TEXT_GIVEN) for p in positions]

    def _positions(self, start: int, end: int) -> range:
        """The tokens that ``text[start:end]`` touches; neither their starts nor their ends ever go back."""
        first = bisect_right(self.spans, start, key=lambda span: span[1])
        return range(first, bisect_left(self.spans, end, lo=first, key=lambda span: span[0]))


def _paint(ranges: Sequence[tuple[str, range]]) -> dict[int, str]:
    """Each position with the last of ``ranges`` that holds it; each is written once, however many do."""
    painted: dict[int, str] = {}
    free: dict[int, int] = {}  # from a painted position, one that is nearer to the next free one
    for owner, positions in reversed(ranges):
        place = positions.start
        while place < positions.stop:
            if place in painted:
                place = _next_free(free, place)
                continue
            painted[place] = owner
            free[place] = place = place + 1
    return painted


def _next_free(free: dict[int, int], place: int) -> int:
    passed = []
    while place in free:
        passed.append(place)
        place = free[place]
    free |= dict.fromkeys(passed, place)
    return place


def backend_of(tokenizer: Any) -> Tokenizer:
    """The fast (Rust) tokenizer behind ``tokenizer``. Raises ``TokenizerError`` where there is none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if isinstance(backend, Tokenizer):
        return backend
    raise TokenizerError(
        f"the guard needs a fast Hugging Face tokenizer to place tokens in the text, got "
        f"{type(tokenizer).__name__}; serve with `--tokenizer-mode hf`"
    )


class PromptDecoder:
    """Decodes with the served model's own vocabulary; safe to share by threads."""

    def __init__(self, tokenizer: Any) -> None:
        """Raises ``TokenizerError`` unless ``tokenizer`` is backed by a fast (Rust) one."""
        backend = backend_of(tokenizer)
        added = backend.get_added_tokens_decoder()
        self._special = {token for token, content in added.items() if content.special}
        self._added = set(added)
        self._end = tokenizer.eos_token_id
        self._bytes = token_bytes(backend)
        self._texts = [_decode_whole(code) for code in self._bytes]

    def is_text(self, token: int) -> bool:
        """Whether ``token`` is one of text, not one that was added for a purpose."""
        return token not in self._added

    def text_of(self, token: int) -> str | None:
        """What ``token`` reads by itself: U+FFFD for a part of a character, None for a special one."""
        if token in self._special or not 0 <= token < len(self._texts):
            return None
        text = self._texts[token]
        return "\ufffd" if text is None else text

    def bytes_of(self, token: int) -> bytes:
        """The bytes that ``token`` stands for."""
        return self._bytes[token] if 0 <= token < len(self._bytes) else b""

    @cached_property
    def tokens_of(self) -> dict[str, list[int]]:
        """The tokens that read each text."""
        tokens: dict[str, list[int]] = {}
        for token, text in enumerate(self._texts):
            if text and token not in self._added:
                tokens.setdefault(text, []).append(token)
        return tokens

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self._texts)

    def decode(self, token_ids: Sequence[int]) -> DecodedPrompt:
        """Decode ``token_ids``; a special token becomes a line break that belongs to no token.

        Every other token has the characters that its bytes are part of; bytes that complete no character
        are U+FFFD. Ids outside of the vocabulary decode to nothing (vLLM refuses them with a 400 of its own).
        """
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        turns: list[tuple[int, int]] = []
        length = turn = opened = 0
        partial = _Characters()
        for token in token_ids:
            if token in self._special:
                rest = partial.end()
                pieces += (rest, "\n")
                length += len(rest)
                turns.append((turn, length))
                opened = opened if token == self._end else length + 1
                spans.append((length, length))
                length += 1
                turn = length
                continue
            known = 0 <= token < len(self._texts)
            text = self._texts[token] if known else ""
            if text is None or partial.waiting:
                text = partial.read(self._bytes[token] if known else b"")
            spans.append((length, length + len(text) + partial.waiting))
            pieces.append(text)
            length += len(text)
        pieces.append(partial.end())
        turns.append((turn, length + len(pieces[-1])))
        text, turns = "".join(pieces), [t for t in turns if t[0] < t[1]]
        return DecodedPrompt(text, spans, turns, _find_reply(text, turns, opened))


class TokenReader:
    """Decodes the tokens of one text one by one."""

    def __init__(self, decoder: PromptDecoder) -> None:
        self._decoder = decoder
        self._partial = _Characters()

    def read(self, token: int) -> str:
        """The characters that ``token`` completes; a line break for a special one."""
        text = self._decoder.text_of(token)
        if text is None:
            return self._partial.end() + "\n"
        if "\ufffd" not in text and not self._partial.waiting:
            return text
        return self._partial.read(self._decoder.bytes_of(token))


class _Characters:
    """Bytes in, characters out as they are complete; ``waiting`` while one, and never more, is begun."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self.waiting = False

    def read(self, code: bytes) -> str:
        """The characters that ``code`` completes."""
        text = self._decoder.decode(code)
        self.waiting = bool(self._decoder.getstate()[0])
        return text

    def end(self) -> str:
        """What is left: U+FFFD for a character that was begun."""
        if not self.waiting:
            return ""
        self.waiting = False
        return self._decoder.decode(b"", final=True)


def _decode_whole(code: bytes) -> str | None:
    """A token's text, if it is one whatever stands around it."""
    try:
        return code.decode()
    except UnicodeDecodeError:
        return None


def _find_reply(text: str, turns: Sequence[tuple[int, int]], opened: int) -> tuple[int, int]:
    """The turn that the last special token other than the end of a turn ``opened``; none where that closed
    a question, as Mistral's ``[/INST]`` does, and nothing is given after it."""
    messages = [(start, end) for start, end in turns if text[start:end].strip()]
    return messages[-1] if len(messages) > 1 and messages[-1][0] >= opened else (0, 0)
