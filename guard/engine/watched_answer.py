"""One answer that is watched as it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from copy import copy
from typing import Protocol

import numpy as np
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm.v1.outputs import LogprobsLists

from ...classifiers.answers.answer import Answer, Mention
from ...classifiers.answers.sentences import AnswerSentences
from ...classifiers.answers.watched_names import CANARY_ID
from ...classifiers.text.folding import normalise
from .. import metrics
from ..constraints.restoring import carries, join_rows, split_rows
from ..guard import Guard
from ..rewriter import Rewriter
from ..written_answer import WrittenAnswer
from .admission import grows
from .continuation import continuation
from .declines import Declines, ends_sentence
from .logprob_rows import certain, with_made_up, without
from .sentence_judge import Decided, Judgement, SentenceJudge

# So often something listed is taken back at one place, and in one answer. Then the answer ends, as that of a
# model which has nothing more to say.
MOST_AT_ONE_PLACE = 8
MOST = 24
_VARIED = 8
_BROKEN_OFF = (FinishReason.ABORT, FinishReason.ERROR)
# So many tokens behind an answer's last tell whether it ends within a name.
AHEAD = 8


class Watcher(Protocol):
    """Who watches answers."""

    guard: Guard
    rewriter: Rewriter
    enforces: bool
    max_model_len: int
    declines: Declines | None

    def go_on(self, watch: WatchedAnswer, request: EngineCoreRequest) -> None:
        """Give the engine another request for a watched answer."""


class WatchedAnswer:
    """The engine's requests that write one answer, as one request to the frontend."""

    def __init__(
        self,
        watcher: Watcher,
        request: EngineCoreRequest,
        expected: frozenset[str],
        judge: SentenceJudge | None = None,
    ) -> None:
        """The prompt of ``request`` is about the targets ``expected``. Where there is a ``judge``, each
        sentence waits for it."""
        assert request.sampling_params
        self.request_id = request.request_id
        self.engine_ids = [request.request_id]
        self._watcher, self.request = watcher, request
        self._params: SamplingParams = request.sampling_params
        self._index = watcher.guard.detector.index
        before = watcher.rewriter.last_line(request.prompt_token_ids or ())
        self._answer = Answer(self._index.watched, self._index.recitals, before, expected)
        sentences = AnswerSentences(before) if judge else None
        self._written = WrittenAnswer(self._answer, watcher.rewriter.decoder, sentences)
        self._judge = judge
        self._judgement: Judgement | None = None
        # What the engine ended the answer with, while its last sentences are judged.
        self._last: EngineCoreOutput | None = None
        self._over = False
        self._rows: list[LogprobsLists | None] = []
        self._banned: dict[int, set[int]] = {}
        self._taken_back: Counter[int] = Counter()
        # What the engine's request of one token must not begin with; empty while it writes freely.
        self._kept_out: set[int] = set()
        self._in_place: list[int] = []
        # Behind so many tokens something was said last in a name's place.
        self._declined: int | None = None
        # How long the answer is, while what follows is only looked at.
        self._beyond: int | None = None
        self._withheld: EngineCoreOutput | None = None
        self._prompt: str | None = None

    @property
    def engine_id(self) -> str:
        """The engine's request that writes now."""
        return self.engine_ids[-1]

    @property
    def has_end(self) -> bool:
        """Whether the answer has its end, and waits for what is judged."""
        return self._last is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be read."""
        return self._over and self._judgement is None

    def read(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """What the frontend is given in place of ``output``; None while all of it may become listed."""
        self._renew()
        if isinstance(output, Decided):
            last, self._last = self._last, None
            return self._passed_on(last or output)
        if self._last is not None:  # the answer has its end: what the engine writes on is not of it
            return None
        if len(self.engine_ids) > 1:  # the frontend was told when the request began
            output.events = output.prefill_stats = output.spec_decode_metrics = None
        kept_out, self._kept_out = self._kept_out, set()
        if output.finish_reason in _BROKEN_OFF:
            return self._break_off(output, bool(kept_out))
        goes_on = bool(kept_out) and self._ends_step(output)
        rows = split_rows(output.new_logprobs, len(output.new_token_ids))
        for token, row in zip(output.new_token_ids, rows, strict=True):
            if kept_out:
                self._in_place.append(token)
            self._rows.append(self._without_names(row, token, kept_out))
            kept_out = set()
            if mention := self._first(self._written.read(token)):
                return self._take_back(mention, output)
            if self._beyond is not None and self._written.free >= self._beyond:
                break
        if self._beyond is not None:
            return self._end_beyond(output)
        if self._looks_beyond(output):
            return self._passed_on(output)
        if output.finished and (mention := self._first(self._written.go_on(final=True), final=True)):
            return self._take_back(mention, output)
        if goes_on:
            self._go_on()
        return self._passed_on(output)

    def _break_off(self, output: EngineCoreOutput, banned: bool) -> EngineCoreOutput | None:
        """End the answer where the engine ends it before its time; what waits is not sent."""
        self._judgement = None
        self._written.take_back(self._written.ready)
        del self._rows[len(self._written.tokens) :]
        if banned and output.finish_reason is FinishReason.ERROR:  # a constraint allows nothing else
            metrics.ANSWERS.labels("end").inc()
            self._end(output)
        return self._passed_on(output)

    def fail(self, output: EngineCoreOutput) -> EngineCoreOutput:
        """End the answer: what could not be read is not sent."""
        output.new_token_ids, output.new_logprobs = [], None
        output.new_prompt_logprobs_tensors = output.prompt_token_id_logprobs = None
        output.finish_reason, output.stop_reason = FinishReason.ERROR, None
        self._over, self._judgement = True, None
        return output

    def _renew(self) -> None:
        """Take the newest list: it holds for answers under way, too."""
        index = self._watcher.guard.detector.index
        if index is not self._index:
            self._index = index
            self._answer.renew(index.watched, index.recitals)

    def _ends_step(self, output: EngineCoreOutput) -> bool:
        """Whether this is the end of a request of one token, and not of the answer."""
        if output.finish_reason is not FinishReason.LENGTH:
            return False
        length = len(self._written.tokens) + len(output.new_token_ids)
        if self._params.max_tokens is not None and length >= self._params.max_tokens:
            return False
        if len(self.request.prompt_token_ids or ()) + length >= self._watcher.max_model_len:
            return False
        output.finish_reason = None
        return True

    def _looks_beyond(self, output: EngineCoreOutput) -> bool:
        """Whether the answer has its length within what may become a name: then a few tokens more, which are
        not sent, tell whether it does."""
        length, limit = len(self._written.tokens), self._params.max_tokens
        if output.finish_reason is not FinishReason.LENGTH or length != limit or self._written.free == length:
            return False
        if not self._watcher.enforces:
            return False
        prompt = self.request.prompt_token_ids
        if prompt is None or len(prompt) + length + AHEAD >= self._watcher.max_model_len:
            return False
        self._beyond = length
        output.finish_reason = None
        self._go_on(more=AHEAD)
        return True

    def _end_beyond(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """End the answer where it has its length, once it is known that no name begins before."""
        assert self._beyond is not None
        if self._written.free < self._beyond and not output.finished:
            return None
        if output.finished and (mention := self._first(self._written.go_on(final=True), final=True)):
            return self._take_back(mention, output)
        return self._end_at_length(output)

    def _end_at_length(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        self._written.take_back(self._beyond or 0)
        del self._rows[len(self._written.tokens) :]
        output.finish_reason, output.stop_reason = FinishReason.LENGTH, None
        return self._passed_on(output)

    def _first(self, mention: Mention | None, final: bool = False) -> Mention | None:
        """The first mention, from this one on, that the client did not write; in shadow mode none."""
        while mention is not None:
            if self._watcher.enforces and not self._is_clients(mention):
                return mention
            if not self._watcher.enforces:
                metrics.ANSWERS.labels("would_take_back").inc()
            self._written.allow(mention)
            mention = self._written.go_on(final)
        return None

    def _is_clients(self, mention: Mention) -> bool:
        if mention.recited or mention.target_id == CANARY_ID:
            return False
        if self._prompt is None:
            self._prompt = self._watcher.rewriter.fold(self.request.prompt_token_ids or [])
        return f" {normalise(mention.text)[0].strip()} " in self._prompt

    def _take_back(self, mention: Mention, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """Go on from before ``mention``, or end the answer there."""
        keep = self._written.before(mention)
        if self._beyond is not None and keep >= self._beyond:
            return self._end_at_length(output)
        self._beyond = None
        # What stood in for another name is not said for this one, too: a list would be one name.
        banned = self._banned.setdefault(keep, set() if mention.told else set(self._in_place[-_VARIED:]))
        banned |= {self._written.tokens[keep], *self._written.beginnings(mention, keep)}
        decline = self._find_decline(mention, keep)
        self._cut(keep)
        if not mention.told:
            self._written.remember(mention.target_id)
        self._taken_back[keep] += 1
        at_end = self._taken_back[keep] > MOST_AT_ONE_PLACE or self._taken_back.total() > MOST
        at_end = at_end or self.request.prompt_token_ids is None  # embeddings alone: nothing to go on from
        metrics.ANSWERS.labels("end" if at_end else "decline" if decline else "take_back").inc()
        output.finish_reason = output.stop_reason = None
        if at_end:
            self._end(output)
        elif decline:
            self._say(decline, output)
        else:
            self._go_on(banned)
        return self._passed_on(output)

    def _cut(self, keep: int) -> None:
        """Go back to the first ``keep`` tokens."""
        self._written.take_back(keep)
        del self._rows[keep:]
        if self._declined is not None:
            self._declined = min(self._declined, keep)

    def _find_decline(self, mention: Mention, keep: int) -> Sequence[int] | None:
        """What may stand for ``mention``: nothing for a second name of a sentence, or where the client
        constrains what is written."""
        declines, params = self._watcher.declines, self._params
        if declines is None or mention.recited or mention.told or params.structured_outputs is not None:
            return None
        if params.bad_words_token_ids or params.allowed_token_ids is not None or grows(params):
            return None
        if (around := self._written.around(mention, keep)) is None:
            return None
        before, gap = around
        if self._declined is not None and not ends_sentence(self._written.said(self._declined, keep) + gap):
            return None
        target = self._index.targets.get(mention.target_id)
        tokens = declines.at(target.kind, before, gap, self._index.watched) if target else None
        return None if tokens and params.all_stop_token_ids.intersection(tokens) else tokens

    def _say(self, tokens: Sequence[int], output: EngineCoreOutput) -> None:
        """Go on behind ``tokens`` that the model did not choose, as far as there is room for them."""
        prompt, length = self.request.prompt_token_ids or (), len(self._written.tokens)
        room = self._watcher.max_model_len - len(prompt) - length
        if self._params.max_tokens is not None:
            room = min(room, self._params.max_tokens - length)
        asked = self._params.num_logprobs
        for token in tokens[:room]:
            if self._first(self._written.read(token)):  # with what stands before it
                self._cut(length)
                return self._go_on(self._banned[length])
            self._rows.append(None if asked is None else certain(token, 1 + max(0, asked)))
        self._declined = len(self._written.tokens)
        if room > len(tokens):
            self._go_on()
        else:
            output.finish_reason = FinishReason.LENGTH

    def _end(self, output: EngineCoreOutput) -> None:
        """End the answer as a model ends its own: with the token for it, unless the client will not have
        that."""
        end = self._params.eos_token_id
        if end is None or self._params.ignore_eos:
            output.finish_reason = FinishReason.LENGTH
            return
        output.finish_reason = FinishReason.STOP
        self._written.read(end)
        asked = self._params.num_logprobs
        self._rows.append(None if asked is None else certain(end, 1 + max(0, asked)))

    def _go_on(self, banned: Collection[int] = (), more: int = 0) -> None:
        self._kept_out = set(banned)
        number = len(self.engine_ids)
        request = continuation(self.request, number, self._written.tokens, banned=banned, more=more)
        self.engine_ids.append(request.request_id)
        self._watcher.go_on(self, request)

    def _passed_on(self, output: EngineCoreOutput) -> EngineCoreOutput | None:
        """``output`` with the tokens that may be sent now."""
        if mention := self._find_told(output.finished or self._over):
            return self._take_back(mention, output)
        if output.finished and self._judgement and self._watcher.enforces:
            self._last, output = _part_end(output)
        self._over = self._over or output.finished
        first = self._written.sent
        waits = self._watcher.enforces and not output.finished
        last = self._written.ready if waits else len(self._written.tokens)
        self._written.sent = last
        if first == last and not output.finished and not carries(output):
            self._withheld = self._withheld or output
            return None
        output.new_token_ids = self._written.tokens[first:last]
        output.new_logprobs = join_rows(self._rows[first:last])
        if self._withheld is not None:  # the first output alone tells when a request began
            output.events = [*(self._withheld.events or ()), *(output.events or ())] or None
            output.prefill_stats = self._withheld.prefill_stats or output.prefill_stats
            self._withheld = None
        return output

    def _find_told(self, final: bool) -> Mention | None:
        """The first sentence that tells what is listed, of those that are judged; the others are let by."""
        while self._judge:
            if self._judgement is None:
                waiting = list(self._written.waiting(final))
                self._judgement = self._judge.begin(waiting) if waiting else None
            if self._judgement is None or not self._judgement.done:
                return None
            judged, self._judgement = self._judgement, None
            if judged.error:
                raise judged.error
            if mention := self._apply(judged):
                return mention
        return None

    def _apply(self, judged: Judgement) -> Mention | None:
        """Let by what was judged and still waits."""
        place, target_id = judged.told or (len(judged.sentences), "")
        for number, sentence in enumerate(judged.sentences):
            if next(self._written.waiting(final=True), None) != sentence:  # it was taken back meanwhile
                return None
            if number == place:
                mention = Mention(target_id, sentence.text, sentence.start, sentence.end, told=True)
                if self._watcher.enforces and not self._is_clients(mention):
                    return mention
                if not self._watcher.enforces:
                    metrics.ANSWERS.labels("would_take_back").inc()
                self._written.let_by(sentence)
                return None
            self._written.let_by(sentence)
        return None

    def _without_names(
        self, row: LogprobsLists | None, token: int, kept_out: Collection[int]
    ) -> LogprobsLists | None:
        """A row of log-probabilities as if no alternative to ``token`` completed a name, or was kept out."""
        if row is None or not self._watcher.enforces:
            return row
        hidden = [
            other != token and (other in kept_out or self._written.would_say(other))
            for other in row.logprob_token_ids[0].tolist()
        ]
        if self._params.logprob_token_ids is not None:
            return with_made_up(row, np.array(hidden), self._watcher.guard.key)
        asked = self._params.num_logprobs or 0
        known = set(row.logprob_token_ids[0].tolist())
        spare = self._written.find_spare(token, known, sum(hidden))
        return without(row, np.array(hidden), len(hidden) if asked < 0 else 1 + asked, spare)


def _part_end(output: EngineCoreOutput) -> tuple[EngineCoreOutput, EngineCoreOutput]:
    """The end of an answer, and what ``output`` says besides."""
    end = copy(output)
    end.events = end.prefill_stats = end.new_prompt_logprobs_tensors = end.prompt_token_id_logprobs = None
    output.finish_reason = output.stop_reason = output.routed_experts = output.spec_decode_metrics = None
    output.kv_transfer_params = output.ec_transfer_params = None
    return end, output
