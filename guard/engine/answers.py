"""The answer guard: what the engine writes is read before vLLM's output processor sees it.

What could become a listed name waits. Where one is complete that the client did not write, the engine's
request ends, and another goes on from before the name: prompt and answer so far are its prompt, and the
first token may not begin the name again. To vLLM's frontend it is one request, one stream of tokens; so
text, log-probabilities, usage, stop strings and ``n`` answers are made as ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest, FinishReason
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine

from .. import metrics
from ..faults import place
from ..guard import Guard
from ..load.lanes import Lanes
from ..rewriter import Rewriter
from .declines import Declines
from .row_queue import Cleared, RowQueue
from .sentence_judge import Decided, SentenceJudge, SentenceJudges
from .watched_answer import WatchedAnswer

logger = logging.getLogger(__name__)

Engine: TypeAlias = AsyncLLM | LLMEngine


class AnswerGuard:
    """Watches the answers of one engine."""

    def __init__(
        self,
        guard: Guard,
        rewriter: Rewriter,
        engine: Engine,
        *,
        enforces: bool,
        declines: Declines | None = None,
        judges: SentenceJudges | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        """With ``declines`` one of them takes the place of a name, where it can. Where there are ``judges``,
        answers are read by sentences, too. ``lanes`` are for an engine that an event loop asks."""
        self.guard, self.rewriter, self.enforces, self.declines = guard, rewriter, enforces, declines
        self.max_model_len = engine.model_config.max_model_len
        self._engine, self._judges = engine, judges
        self._rows = RowQueue(guard, rewriter, engine, lanes)
        self._watches: dict[str, WatchedAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, request: EngineCoreRequest, expected: Iterable[str]) -> None:
        """Watch the answer to ``request``, whose prompt is about the targets ``expected``."""
        index, params = self.guard.detector.index, request.sampling_params
        if params is None or params.trace_decode_token_ids:  # what is replayed is the client's own
            return
        targets, judges = frozenset(expected), self._judges
        judge = SentenceJudge(judges, request, targets) if judges and judges.needed() else None
        if index.watched or index.recitals or judge:
            self._watches[request.request_id] = WatchedAnswer(self, request, targets, judge)

    def read(self, outputs: Iterable[EngineCoreOutput]) -> tuple[list[EngineCoreOutput], list[str]]:
        """What to go on with in place of ``outputs``, and the engine's requests that are given up."""
        given: list[EngineCoreOutput] = []
        ended: list[str] = []
        for output in outputs:
            if isinstance(output, Cleared):
                given += self._release(output, ended)
            else:
                given += self._take(output, ended)
        return given, ended

    def _release(self, cleared: Cleared, ended: list[str]) -> Iterator[EngineCoreOutput]:
        """What has waited for the prompt's rows, unless the answer was left meanwhile."""
        if cleared.request_id in self._watches:
            for output in self._rows.release(cleared):
                yield from self._take(output, ended)
            self._rows.drop([cleared.request_id])

    def _take(self, output: EngineCoreOutput, ended: list[str]) -> Iterator[EngineCoreOutput]:
        watch = self._watches.get(output.request_id)
        if watch is None:
            if not isinstance(output, Decided):  # on an answer that has ended
                yield output
        elif (words := self._read(watch, output, ended)) is not None:
            yield words

    def _read(
        self, watch: WatchedAnswer, output: EngineCoreOutput, ended: list[str]
    ) -> EngineCoreOutput | None:
        if isinstance(output, Decided):
            output.request_id = watch.engine_id
        if output.request_id != watch.engine_id:
            return None  # of what was given up
        finished, number = output.finished, len(watch.engine_ids)
        try:
            if self.enforces and self._rows.holds(output, watch.request):
                return None
            words = watch.read(output)
        except Exception as error:
            logger.error("unlearn: an answer could not be read: %s", place(error))
            metrics.ERRORS.labels("answer").inc()
            if not self.enforces:
                self._forget(watch)
                return None if isinstance(output, Decided) else output
            words = watch.fail(output)
        is_over = watch.has_end or (words is not None and words.finished)
        if not finished and (watch.engine_id != output.request_id or is_over):
            ended.append(output.request_id)
        ended += watch.engine_ids[number:-1]  # gone on with, and given up at once
        if words is not None:
            words.request_id = watch.request_id
        if watch.is_over:
            self._forget(watch)
        return words

    def in_engine(self, request_ids: Iterable[str]) -> list[str]:
        """The engine's ids of requests that the frontend gives up, which are watched no longer."""
        ids: list[str] = []
        for request_id in request_ids:
            watch = self._watches.get(request_id)
            ids.append(watch.engine_id if watch else request_id)
            if watch:
                self._forget(watch)
        return ids

    def _forget(self, watch: WatchedAnswer) -> None:
        for engine_id in watch.engine_ids:
            self._watches.pop(engine_id, None)
        self._rows.drop(watch.engine_ids)

    def go_on(self, watch: WatchedAnswer, request: EngineCoreRequest) -> None:
        """Give the engine another request for a watched answer."""
        self._watches[request.request_id] = watch
        if isinstance(self._engine, LLMEngine):
            self._engine.engine_core.add_request(request)
            return
        task = asyncio.get_running_loop().create_task(self._send(watch, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, watch: WatchedAnswer, request: EngineCoreRequest) -> None:
        core = self._engine.engine_core
        try:
            if self._is_watched(request):
                await core.add_request_async(request)
            if not self._is_watched(request):  # the client left meanwhile, or the answer ended
                await core.abort_requests_async([request.request_id])
        except Exception as error:
            logger.error("unlearn: an answer could not be gone on with: %s", place(error))
            metrics.ERRORS.labels("answer").inc()
            end = EngineCoreOutput(request.request_id, [], finish_reason=FinishReason.LENGTH)
            self._engine.output_processor.process_outputs([end])

    def _is_watched(self, request: EngineCoreRequest) -> bool:
        watch = self._watches.get(request.request_id)
        return watch is not None and watch.engine_id == request.request_id


watching: ContextVar[tuple[AnswerGuard, frozenset[str]] | None] = ContextVar("unlearn_watching", default=None)
"""Who watches the answer to the request that is being added, and what its prompt is about."""


@contextmanager
def watch_answers(answers: AnswerGuard | None, expected: frozenset[str]) -> Iterator[None]:
    """Within it the engine is given a request whose answers are watched, unless ``answers`` is None."""
    token = watching.set((answers, expected) if answers else None)
    try:
        yield
    finally:
        watching.reset(token)


def watch_added(original: Callable[..., None]) -> Callable[..., None]:
    """``OutputProcessor.add_request`` that has a request's answer watched."""

    def add_request(self: Any, request: EngineCoreRequest, *args: Any, **kwargs: Any) -> None:
        original(self, request, *args, **kwargs)
        if (watched := watching.get()) is not None:
            answers, expected = watched
            self.unlearn_answers = answers
            if request.request_id in self.request_states:
                answers.watch(request, expected)

    return add_request


def watch_processed(original: Callable[..., Any]) -> Callable[..., Any]:
    """``OutputProcessor.process_outputs`` that is given what may be sent."""

    def process_outputs(
        self: Any, engine_core_outputs: list[EngineCoreOutput], *args: Any, **kwargs: Any
    ) -> Any:
        answers: AnswerGuard | None = getattr(self, "unlearn_answers", None)
        if answers is None:
            return original(self, engine_core_outputs, *args, **kwargs)
        given, ended = answers.read(engine_core_outputs)
        processed = original(self, given, *args, **kwargs)
        processed.reqs_to_abort = [*answers.in_engine(processed.reqs_to_abort), *ended]
        return processed

    return process_outputs


def watch_aborted(original: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """``OutputProcessor.abort_requests`` that names the engine's own requests."""

    def abort_requests(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        ids = original(self, *args, **kwargs)
        answers: AnswerGuard | None = getattr(self, "unlearn_answers", None)
        return answers.in_engine(ids) if answers else ids

    return abort_requests
