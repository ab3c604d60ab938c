"""Sentences of answers are judged beside the event loop; what is decided comes as the engine's outputs do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, EngineCoreRequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine

from ...classifiers.answers.sentences import Sentence
from ...classifiers.detector import Detector
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.work import Work
from .. import metrics
from ..guard import Guard
from ..load.lanes import Lanes
from ..rewriter import Rewriter

# A pronoun stands for one of so many who were named last: of more, a sentence would cost too much.
_RECENT = 8
_TOKENS = 64
# Several answers to one prompt come close to one another.
_PROMPTS = 32


class Decided(EngineCoreOutput):
    """Comes among the engine's outputs for an answer of which sentences were judged; of no tokens."""


@dataclass(slots=True)
class Judgement:
    """What was decided on ``sentences``, once it is ``done``: the place among them of the first that tells
    what is listed, and its target."""

    sentences: Sequence[Sentence]
    done: bool = False
    told: tuple[int, str] | None = None
    error: Exception | None = None


class SentenceJudges:
    """Judges the sentences of one engine's answers."""

    def __init__(
        self, guard: Guard, rewriter: Rewriter, engine: AsyncLLM | LLMEngine, lanes: Lanes | None
    ) -> None:
        """``lanes`` are for an engine that an event loop asks."""
        self.guard, self.rewriter, self.engine, self.lanes = guard, rewriter, engine, lanes
        self.tasks: set[asyncio.Task[None]] = set()
        self._named: LRUCache[tuple[int, ...], list[str]] = LRUCache(_PROMPTS)
        self._index: ForgetIndex | None = None
        self._lock = threading.Lock()

    def named_in(self, detector: Detector, prompt: Sequence[int]) -> list[str]:
        """The scoped targets that a prompt names: read once for all answers to it."""
        if not detector.index.scopes:
            return []
        key = tuple(prompt)
        with self._lock:
            if self._index is not detector.index:
                self._named.clear()
                self._index = detector.index
            elif (known := self._named.get(key)) is not None:
                return known
        named = list(detector.find_scoped(self.rewriter.decode(key).text))
        with self._lock:
            if self._index is detector.index:
                self._named[key] = named
        return named

    def needed(self) -> bool:
        """Whether anything is listed that sentences are judged for."""
        index = self.guard.detector.index
        return bool(index.scopes) or index.lines.size > 0


class SentenceJudge:
    """Judges the sentences of one answer, in their order."""

    def __init__(
        self, judges: SentenceJudges, request: EngineCoreRequest, expected: Collection[str] = ()
    ) -> None:
        """Of the targets ``expected`` the prompt was corrupted: what is said of them is invented."""
        self._judges, self._request, self._expected = judges, request, expected
        self._index: ForgetIndex | None = None
        self._named: list[str] = []

    def begin(self, sentences: Sequence[Sentence]) -> Judgement:
        """Judge these next. Where there is an event loop, it is done later, and a ``Decided`` tells so."""
        judgement = Judgement(sentences)
        if self._judges.lanes is None:
            judgement.told = self._judge(sentences)
            judgement.done = True
            return judgement
        run = self._run(judgement, self._judges.lanes)
        task = asyncio.get_running_loop().create_task(run)
        self._judges.tasks.add(task)
        task.add_done_callback(self._judges.tasks.discard)
        return judgement

    async def _run(self, judgement: Judgement, lanes: Lanes) -> None:
        tokens = _TOKENS * len(judgement.sentences)
        if self._index is None:
            tokens += len(self._request.prompt_token_ids or ())
        try:
            judgement.told = await lanes.run(tokens, Work(), self._judge, judgement.sentences)
        except Exception as error:
            judgement.error = error
        judgement.done = True
        core: Any = self._judges.engine.engine_core
        decided = Decided(self._request.request_id, [])
        core.outputs_queue.put_nowait(EngineCoreOutputs(core.engine_ranks_managed[0], [decided]))

    def _judge(self, sentences: Sequence[Sentence]) -> tuple[int, str] | None:
        with metrics.SECONDS.labels("sentences").time():
            detector = self._judges.guard.detector
            if detector.index is not self._index:
                self._read_prompt(detector)
            for place, sentence in enumerate(sentences):
                named = self._note(detector.find_scoped(sentence.whole))
                if target_id := detector.find_told(sentence.whole, named, self._expected):
                    return place, target_id
        return None

    def _read_prompt(self, detector: Detector) -> None:
        """Who is named in the prompt, on a new list; who was named in the answer stays so."""
        named = self._named
        self._index, self._named = detector.index, []
        if detector.index.scopes:
            self._note(self._judges.named_in(detector, self._request.prompt_token_ids or ()))
            self._note(named)

    def _note(self, named: Sequence[str]) -> Sequence[str]:
        """Remember who is named; returns whom a sentence may be about."""
        self._named = list(dict.fromkeys([*self._named, *named][::-1]))[:_RECENT][::-1]
        return self._named
