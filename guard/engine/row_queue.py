"""What the engine says of a prompt is cleared beside the event loop; the answer waits behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, EngineCoreRequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine

from ...classifiers.answers.answer import Answer
from ...classifiers.answers.recitals import Recitals
from ...classifiers.work import Work
from ..guard import Guard
from ..load.lanes import Lanes
from ..rewriter import Rewriter
from ..written_answer import WrittenAnswer
from .prompt_rows import clear_prompt_rows, has_prompt_rows


class Cleared(EngineCoreOutput):
    """Comes among the engine's outputs for a request whose prompt's rows are cleared; of no tokens."""


@dataclass(slots=True)
class _Waiting:
    """The outputs of a request, from the one with its prompt's rows on."""

    outputs: list[EngineCoreOutput]
    work: Work = field(default_factory=Work)
    error: Exception | None = None
    released: bool = False


class RowQueue:
    """Clears the rows of one engine's prompts: 8,000 tokens with 20 alternatives each take seconds."""

    def __init__(
        self, guard: Guard, rewriter: Rewriter, engine: AsyncLLM | LLMEngine, lanes: Lanes | None
    ) -> None:
        """``lanes`` are for an engine that an event loop asks."""
        self._guard, self._rewriter, self._engine, self._lanes = guard, rewriter, engine, lanes
        self._waiting: dict[str, _Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def holds(self, output: EngineCoreOutput, request: EngineCoreRequest) -> bool:
        """Whether ``output`` waits until a ``Cleared`` comes for ``request``. Raises what the clearing of
        its rows has raised."""
        waiting = self._waiting.get(output.request_id)
        if waiting is None:
            return has_prompt_rows(output) and self._begin(output, request)
        if not waiting.released:
            waiting.outputs.append(output)
        elif waiting.error:
            raise waiting.error
        return not waiting.released

    def release(self, cleared: Cleared) -> list[EngineCoreOutput]:
        """What has waited for ``cleared``, in order; ``holds`` lets it by until ``drop``."""
        waiting = self._waiting[cleared.request_id]
        waiting.released = True
        return waiting.outputs

    def drop(self, request_ids: Iterable[str]) -> None:
        """Forget what waits for these requests."""
        for request_id in request_ids:
            if waiting := self._waiting.pop(request_id, None):
                waiting.work.abandoned = True

    def _begin(self, output: EngineCoreOutput, request: EngineCoreRequest) -> bool:
        if self._lanes is None:
            self._clear(output, request)
            return False
        waiting = self._waiting[output.request_id] = _Waiting([output])
        run = self._run(waiting, output, request, self._lanes)
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _run(
        self, waiting: _Waiting, output: EngineCoreOutput, request: EngineCoreRequest, lanes: Lanes
    ) -> None:
        tokens = len(request.prompt_token_ids or ())
        try:
            await lanes.run(tokens, waiting.work, self._clear, output, request)
        except Exception as error:
            waiting.error = error
        core: Any = self._engine.engine_core
        cleared = Cleared(output.request_id, [])
        core.outputs_queue.put_nowait(EngineCoreOutputs(core.engine_ranks_managed[0], [cleared]))

    def _clear(self, output: EngineCoreOutput, request: EngineCoreRequest) -> None:
        reader = Answer(self._guard.detector.index.watched, Recitals(()))
        clear_prompt_rows(output, WrittenAnswer(reader, self._rewriter.decoder), request, self._guard.key)
