"""What the engine writes with stand-ins reaches the client in the client's own words.

Tokens are exchanged before vLLM's output processor sees them. So text, token ids, log-probabilities, stop
strings, usage and all that is made of them, streamed or not, are of one piece.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, FinishReason
from vllm.v1.outputs import LogprobsLists

from ..faults import place
from .alternatives import Alternatives
from .stand_ins import Replacement, Restoration, StandIns
from .steering import Swap

logger = logging.getLogger(__name__)

# Before the tokens of a word that another tokenizer would put a space before at the start of a text.
_ANCHORS = ("", "\n", ".")
# So many tokens before a place decide how those after it read.
_CONTEXT = 8
# So many characters before a place hold the word that it is in and the one before.
_WRITTEN = 512


@dataclass(slots=True)
class _Piece:
    """Tokens that make characters together, each with its row of log-probabilities."""

    text: str
    tokens: list[int] = field(default_factory=list)
    rows: list[LogprobsLists | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request's outputs are to be restored: the client's own parameters, and stand-ins for them."""

    params: SamplingParams
    stand_ins: StandIns | None
    swap: Swap | None
    tokenizer: Any

    def restorer(self, prompt: Sequence[int] | None) -> Restoring:
        """Of one of the request's sequences, which goes on from ``prompt``."""
        restorer: Restoring | None = None
        if self.stand_ins is not None:
            restorer = Restorer(self.params, self.stand_ins, self.tokenizer, prompt)
        elif self.params.trace_decode_token_ids:
            restorer = Replay(self.params.trace_decode_token_ids)
        return Swapped(self.swap, restorer)


class Restoring(Protocol):
    """What gives a client its own words."""

    def restore(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """What to go on with in place of ``output``; None while there is nothing."""


planned: ContextVar[Plan | None] = ContextVar("unlearn_planned", default=None)


class Restorer:
    """Restores one sequence's tokens, as they come."""

    def __init__(
        self, params: SamplingParams, stand_ins: StandIns, tokenizer: Any, prompt: Sequence[int] | None
    ) -> None:
        """``params`` are the client's own, ``prompt`` is what the sequence goes on from."""
        self._restoration = Restoration(stand_ins)
        self._alternatives = Alternatives(stand_ins, self._text_of, self._tokens)
        self._max_tokens = params.max_tokens
        self._min_tokens = params.min_tokens
        self._stops = set(params.stop_token_ids or ())
        backend: Tokenizer = tokenizer.backend_tokenizer
        added = backend.get_added_tokens_decoder()
        self._backend = backend
        self._special = {token for token, content in added.items() if content.special}
        self._stream = DecodeStream(ids=list(prompt or ()), skip_special_tokens=False)
        self._waiting: list[_Piece] = []
        self._unfinished = _Piece("")
        self._before = list(prompt or ())[-_CONTEXT:]
        # The end of what the model itself wrote before that.
        self._written = ""
        # Of the text that waits: how much is decided on, and what in it is to be replaced.
        self._known = 0
        self._found: list[Replacement] = []
        self._given = 0
        self._held: EngineCoreOutput | None = None

    def restore(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """What to go on with in place of ``output``; None while all of it may yet become a stand-in."""
        rows = split_rows(output.new_logprobs, len(output.new_token_ids))
        for token, row in zip(output.new_token_ids, rows, strict=True):
            self._read(token, row)
        pieces = self._decided(output.finish_reason is not None)
        tokens = [token for piece in pieces for token in piece.tokens]
        given = [row for piece in pieces for row in piece.rows]
        cut, reason, stop = self._limit(tokens)
        if reason is not None:
            output.finish_reason, output.stop_reason = reason, stop
        self._given += cut
        if not cut and output.finish_reason is None and not carries(output):
            self._held = self._held or output
            return None
        output.new_token_ids = tokens[:cut]
        output.new_logprobs = join_rows(given[:cut])
        return self._with_held(output)

    def _with_held(self, output: EngineCoreOutput) -> EngineCoreOutput:
        """What the first outputs alone tell of a request, when it began and what was cached."""
        if self._held is not None:
            output.events = [*(self._held.events or ()), *(output.events or ())] or None
            output.prefill_stats = self._held.prefill_stats or output.prefill_stats
            self._held = None
        return output

    def _read(self, token: int, row: LogprobsLists | None) -> None:
        piece = self._unfinished
        piece.tokens.append(token)
        piece.rows.append(row)
        if token in self._special:
            self._stream = DecodeStream(skip_special_tokens=False)
            piece.text = "\n"  # a special token is no text, and ends every word
        else:
            piece.text = self._decoded(token)
        if piece.text:
            self._waiting.append(piece)
            self._unfinished = _Piece("")

    def _decoded(self, token: int) -> str:
        try:
            return self._stream.step(self._backend, token) or ""
        except Exception:  # bytes that are no text: vLLM's own detokenizer begins anew, too
            self._stream = DecodeStream(skip_special_tokens=False)
            return "\ufffd"

    def _decided(self, final: bool) -> list[_Piece]:
        """The pieces that are decided on, restored; the others wait."""
        text = "".join(piece.text for piece in self._waiting)
        progress = self._restoration.decide(text[self._known :], final)
        self._found += [
            Replacement(r.start + self._known, r.end + self._known, r.text) for r in progress.replacements
        ]
        self._known += progress.done
        done: list[_Piece] = []
        taken = start = found = 0
        while taken < len(self._waiting):
            count, end = self._run(taken, start, found)
            # A space is of one token with the word behind it, so it waits for what that will be.
            if end > self._known or (end == self._known and text[end - 1] == " " and not final):
                break
            run, first = self._waiting[taken : taken + count], found
            while found < len(self._found) and self._found[found].end <= end:
                found += 1
            done += self._restored(run, text[start:end], start, self._found[first:found])
            taken, start = taken + count, end
        self._go_on(taken, start, found)
        return [*done, self._unfinished] if final and self._unfinished.tokens else done

    def _go_on(self, taken: int, start: int, found: int) -> None:
        self._waiting = self._waiting[taken:]
        self._known -= start
        self._found = [Replacement(r.start - start, r.end - start, r.text) for r in self._found[found:]]

    def _run(self, taken: int, start: int, found: int) -> tuple[int, int]:
        """How many pieces hang together by what is replaced in them or just behind a space, and where they
        end."""
        count, end = 1, start + len(self._waiting[taken].text)
        for replacement in self._found[found:]:
            spaced = self._waiting[taken + count - 1].text[-1] == " "
            if replacement.start > end - (not spaced):
                break
            while end < replacement.end:
                end += len(self._waiting[taken + count].text)
                count += 1
        return count, end

    def _restored(
        self, run: list[_Piece], text: str, start: int, replacements: Sequence[Replacement]
    ) -> list[_Piece]:
        """``run``, which reads ``text``, with the ``replacements``, whose places are ``start`` further on."""
        written: list[str] = []
        done = 0
        for r in replacements:
            written += [text[done : r.start - start], r.text]
            done = r.end - start
        tokens = self._encoded("".join([*written, text[done:]])) if replacements else None
        if tokens is not None:
            return [self._exchanged(run, tokens, text)]
        return [self._read_over(piece) for piece in run]

    def _exchanged(self, run: Sequence[_Piece], tokens: list[int], text: str) -> _Piece:
        """Other tokens in the place of ``run``'s, each with the row of one that stood about there."""
        old = [(token, row, text) for piece in run for token, row, text in self._places(piece)]
        rows = []
        for n, token in enumerate(tokens):
            was, row, written = old[n * len(old) // len(tokens)]
            rows.append(self._alternatives.exchanged(row, was, token, written, named=True))
        return self._gone_on(_Piece(text, tokens, rows))

    def _places(self, piece: _Piece) -> Iterator[tuple[int, LogprobsLists | None, str]]:
        """Each token, its row, and what was written before it."""
        for token, row in zip(piece.tokens, piece.rows, strict=True):
            yield token, row, self._written
        self._written = f"{self._written}{piece.text}"[-_WRITTEN:]

    def _read_over(self, piece: _Piece) -> _Piece:
        """``piece`` as it is, but for alternatives to it that begin a stand-in."""
        places = list(self._places(piece))
        if any(row is not None and row.logprob_token_ids.shape[1] > 1 for row in piece.rows):
            piece.rows = [self._alternatives.exchanged(r, t, t, text) for t, r, text in places]
        return self._gone_on(piece)

    def _gone_on(self, piece: _Piece) -> _Piece:
        self._before = [*self._before, *piece.tokens][-_CONTEXT:]
        return piece

    def _encoded(self, text: str) -> list[int] | None:
        """The tokens of ``text`` (``_tokens``); where there are none, it is logged that stand-ins stay."""
        if (tokens := self._tokens(text)) is None:
            logger.warning(
                "unlearn: this tokenizer cannot put a client's own words back; stand-ins are shown"
            )
        return tokens

    def _tokens(self, text: str) -> list[int] | None:
        """The tokens that read ``text`` after what was given; None if there are none."""
        for anchor in _ANCHORS:
            before = self._backend.encode(anchor, add_special_tokens=False).ids
            tokens = self._backend.encode(anchor + text, add_special_tokens=False).ids
            if tokens[: len(before)] == before and self._reads(tokens[len(before) :], text):
                return tokens[len(before) :]
        return None

    def _text_of(self, token: int) -> str:
        """What ``token`` reads after what was given."""
        try:
            return DecodeStream(ids=self._before, skip_special_tokens=False).step(self._backend, token) or ""
        except Exception:  # no text: see ``_decoded``
            return ""

    def _reads(self, tokens: list[int], text: str) -> bool:
        stream = DecodeStream(ids=self._before, skip_special_tokens=False)
        return "".join(stream.step(self._backend, token) or "" for token in tokens) == text

    def _limit(self, tokens: Sequence[int]) -> tuple[int, FinishReason | None, int | None]:
        """How many of ``tokens`` the client's own limits let through; the reason if its answer ends there."""
        for n, token in enumerate(tokens, 1):
            if token in self._stops and self._given + n >= self._min_tokens:
                return n, FinishReason.STOP, token
            if self._max_tokens is not None and self._given + n >= self._max_tokens:
                return n, FinishReason.LENGTH, None
        return len(tokens), None, None


class Swapped:
    """Gives a client its own tokens where others stood for them, before its own words."""

    def __init__(self, swap: Swap | None, then: Restoring | None) -> None:
        self._swap, self._then = swap, then

    def restore(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """What to go on with in place of ``output``."""
        if self._swap:
            self._swap.restore(output)
        return self._then.restore(output) if self._then else output


class Replay:
    """Gives a client its own tokens where the engine was given others to replay."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens
        self._given = 0

    def restore(self, output: EngineCoreOutput) -> EngineCoreOutput:
        """``output`` with the client's tokens."""
        count = len(output.new_token_ids)
        tokens = list(self._tokens[self._given : self._given + count])
        rows = split_rows(output.new_logprobs, count)
        output.new_logprobs = join_rows(
            _named(row, old, new) for row, old, new in zip(rows, output.new_token_ids, tokens, strict=True)
        )
        output.new_token_ids = tokens
        self._given += count
        return output


def _named(row: LogprobsLists | None, old: int, new: int) -> LogprobsLists | None:
    """A row of log-probabilities in which ``new`` stands for ``old``."""
    if row is None:
        return None
    ids = np.where(row.logprob_token_ids == old, new, row.logprob_token_ids)
    return row._replace(logprob_token_ids=ids)


def split_rows(logprobs: LogprobsLists | None, count: int) -> list[LogprobsLists | None]:
    """The rows of ``count`` tokens' log-probabilities, each by itself."""
    if logprobs is None:
        return [None] * count
    return (
        [logprobs.slice_request(0, count)]
        if count == 1
        else [
            LogprobsLists(
                logprobs.logprob_token_ids[n : n + 1],
                logprobs.logprobs[n : n + 1],
                logprobs.sampled_token_ranks[n : n + 1],
            )
            for n in range(count)
        ]
    )


def join_rows(rows: Iterable[LogprobsLists | None]) -> LogprobsLists | None:
    """The log-probabilities of several tokens, from a row of each."""
    given = [row for row in rows if row is not None]
    if not given:
        return None
    # A step's rows are as wide as its widest request wants them, and no narrower than this one's.
    width = min(row.logprobs.shape[1] for row in given)
    return LogprobsLists(
        np.concatenate([row.logprob_token_ids[:, :width] for row in given]),
        np.concatenate([row.logprobs[:, :width] for row in given]),
        np.concatenate([row.sampled_token_ranks for row in given]),
    )


def carries(output: EngineCoreOutput) -> bool:
    """Whether an output says something besides its tokens."""
    return output.new_prompt_logprobs_tensors is not None or output.prompt_token_id_logprobs is not None


def restore_added(original: Callable[..., None]) -> Callable[..., None]:
    """``OutputProcessor.add_request`` that remembers how a planned request's outputs are to be restored."""

    def add_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        original(self, request, *args, **kwargs)
        if (plan := planned.get()) is not None:
            state = self.request_states[request.request_id]
            state.unlearn_restorer = plan.restorer(request.prompt_token_ids)
            if plan.params.max_tokens is not None:
                state.max_tokens_param = plan.params.max_tokens  # counted is what the client asked for

    return add_request


def restored(restorer: Restoring, output: EngineCoreOutput) -> EngineCoreOutput | None:
    """``restorer.restore(output)``. What fails ends this one request, as an error of the engine does."""
    try:
        return restorer.restore(output)
    except Exception as error:
        logger.error("unlearn: an answer could not be restored: %s", place(error))
        output.new_token_ids, output.new_logprobs = [], None
        output.finish_reason, output.stop_reason = FinishReason.ERROR, None
        return output


def restore_processed(original: Callable[..., Any]) -> Callable[..., Any]:
    """``OutputProcessor.process_outputs`` that is given a planned request's outputs restored."""

    def process_outputs(self: Any, engine_core_outputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        ended: list[str] = []
        given = []
        for output in engine_core_outputs:
            restorer = getattr(self.request_states.get(output.request_id), "unlearn_restorer", None)
            if restorer is None:
                given.append(output)
                continue
            finished = output.finished
            if (words := restored(restorer, output)) is not None:
                given.append(words)
                ended += [output.request_id] if words.finished and not finished else []
        processed = original(self, given, *args, **kwargs)
        processed.reqs_to_abort.extend(ended)
        return processed

    return process_outputs
