"""The guard of one engine: what stands in the way of its requests."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from copy import copy
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from vllm import PoolingParams, RequestOutput, SamplingParams
from vllm import __version__ as vllm_version
from vllm.config import VllmConfig
from vllm.engine.protocol import StreamingInput
from vllm.exceptions import GracefulHTTPError, QueueOverflowError, VLLMValidationError
from vllm.inputs import EngineInput, PromptType
from vllm.renderers.inputs.preprocess import parse_model_prompt
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine

from ...classifiers.work import AbandonedError, TooLongError, Work, at, current, nobody
from ...corruption.embedding_table import EmbeddingTable
from ...corruption.recipe import Recipe
from .. import metrics
from ..configuration import Settings
from ..constraints.constraints import Constraints
from ..constraints.parameters import TooDeepError
from ..constraints.restoring import Plan, planned
from ..default_recipe import StandInCache
from ..faults import place
from ..guard import Guard, GuardError
from ..load.lanes import ForkedError, Lanes, OverloadError
from ..load.once import Once
from ..rewriter import TARGETS, Rewriter, model_folder
from ..store.fleet import About
from . import client_view, handshake
from .admission import USUAL_CHARS_PER_TOKEN, grows, max_chars, tokens, too_long
from .answers import AnswerGuard, watch_answers
from .declines import Declines
from .media import refuse_embeddings
from .model_support import check_config, takes_embeddings
from .patching import HookError
from .sentence_judge import SentenceJudges

logger = logging.getLogger(__name__)

Prompt: TypeAlias = EngineCoreRequest | PromptType | EngineInput | AsyncGenerator[StreamingInput, None]
"""What ``add_request`` of vLLM's engines takes."""

handshaking: ContextVar[bool] = ContextVar("unlearn_handshaking", default=False)
"""Whether a request is the guard's own, which it lets by."""


class UnavailableError(GracefulHTTPError):
    """What a client is told when the guard cannot decide; it says nothing of why."""

    def __init__(self) -> None:
        super().__init__(
            "The server cannot process this request now; try again later.", HTTPStatus.SERVICE_UNAVAILABLE
        )


class Hook:
    """The guard of one engine."""

    def __init__(self, settings: Settings, vllm_config: VllmConfig) -> None:
        """Raises whatever keeps the guard from working with this model and configuration."""
        self._settings = settings
        self._config = vllm_config
        self._enforces = settings.mode == "enforce"
        check_config(settings, vllm_config)
        model = vllm_config.model_config
        embeds = self._enforces and takes_embeddings(settings, vllm_config)
        folder = model_folder(model.model, model.revision) if embeds else None
        about = About(model=str(model.served_model_name), vllm=vllm_version)
        self.guard = Guard(settings, about=about)
        try:  # after the guard, whose faults are known in seconds: a recipe may have to be made
            self._rewriter = self._make_rewriter(folder)
            self.guard.describe(self._recipe_name())
        except BaseException:
            self.guard.close()
            raise
        self._lanes = Lanes(settings.detection.max_queued_tokens)
        self._engine: Any = None
        self._answers: AnswerGuard | None = None
        self._shaken = self._failed = False
        self._settled = asyncio.Lock()  # held while engines come or go, and while they are asked
        self._handshake_once = Once(self._handshake_or_fail)

    def _make_rewriter(self, folder: Path | None) -> Rewriter:
        model, settings = self._config.model_config, self._settings.corruption
        # A prompt that leaves no token to generate is refused, but for a model that generates none.
        tokens = model.max_model_len + (model.runner_type == "pooling")
        dtype = cast(torch.dtype, model.dtype)
        return Rewriter(settings, folder, dtype, tokens, self._enforces, self._make_recipe)

    def _make_recipe(self, table: EmbeddingTable) -> Recipe:
        """The default: made before the engine is loaded, while nothing waits for the processors."""
        tokenizer = cached_tokenizer_from_config(self._config.model_config)
        return StandInCache(self._settings.encoder.cache_dir).recipe(table, tokenizer)

    def _recipe_name(self) -> str:
        corruptor = self._rewriter.corruptor
        return corruptor.recipe.digest if corruptor else "neutral tokens" if self._enforces else "none"

    def attach(self, engine: AsyncLLM | LLMEngine) -> None:
        """Take the engine's tokenizer, and close the door that prompt embeddings opened for clients."""
        self._engine = engine
        self._rewriter.attach(engine.get_tokenizer())
        if self._enforces:
            engine.model_config = client_view.of_model(
                self._config.model_config, self._settings.allow_client_embeds
            )
        lanes = None if isinstance(engine, LLMEngine) else self._lanes
        if self._settings.answers != "off":
            phrases, rewriter = self._settings.declines.model_dump(), self._rewriter
            declines = Declines(phrases, rewriter.encode, rewriter.decoder)
            self._answers = AnswerGuard(
                self.guard,
                self._rewriter,
                engine,
                enforces=self._enforces,
                declines=declines if self._settings.on_hit == "decline" else None,
                judges=self._judges(engine, lanes),
                lanes=lanes,
            )
        vars(engine)["_unlearn"] = self
        atexit.register(self.guard.close)
        if isinstance(engine, LLMEngine):
            self._handshake_sync(engine)

    def _judges(self, engine: AsyncLLM | LLMEngine, lanes: Lanes | None) -> SentenceJudges | None:
        if self._settings.answers != "sentences":
            return None
        return SentenceJudges(self.guard, self._rewriter, engine, lanes)

    def reads(self, params: SamplingParams | PoolingParams) -> bool:
        """Whether requests with such ``params`` are screened."""
        return isinstance(params, SamplingParams) or (
            isinstance(params, PoolingParams) and self._settings.screen_pooling
        )

    async def screen_async(
        self, prompt: Prompt, tokenization: dict[str, Any] | None, constraints: Constraints | None = None
    ) -> Prompt:
        """As ``screen``, off the event loop."""
        if not self._shaken:
            try:
                await self.handshake_async()
            except HookError as error:
                logger.error("unlearn: %s", error)
                raise UnavailableError() from None
        work = self._work(constraints)
        length = tokens(prompt) + (constraints.extent // USUAL_CHARS_PER_TOKEN if constraints else 0)
        try:
            return await self._lanes.run(length, work, self.screen, prompt, tokenization, constraints)
        except OverloadError:
            return self._pass_or_refuse(prompt, QueueOverflowError())  # type: ignore[no-untyped-call]
        except ForkedError:
            return self._pass_or_refuse(prompt, UnavailableError())

    def screen(
        self, prompt: Prompt, tokenization: dict[str, Any] | None, constraints: Constraints | None = None
    ) -> Prompt:
        """Return the engine input to use: ``prompt`` itself unless it is flagged. What is flagged in
        ``constraints`` is exchanged there.

        Raises ``VLLMValidationError`` (400) for inputs that cannot be read and ``UnavailableError`` (503)
        where the guard fails.
        """
        if current() is nobody:
            with at(self._work(constraints)):
                return self.screen(prompt, tokenization, constraints)
        self._check(constraints)
        try:
            return self._replace(prompt, tokenization, constraints)
        except AbandonedError:
            raise
        except TooLongError as error:
            return self._pass_or_refuse(prompt, too_long(error, self._config.model_config.max_model_len))
        except VLLMValidationError:
            metrics.REQUESTS.labels("refuse").inc()
            raise
        except Exception as error:
            metrics.ERRORS.labels("screen").inc()
            said = str(error) if isinstance(error, GuardError) else place(error)
            logger.error("unlearn: a request could not be decided on: %s", said)
            return self._pass_or_refuse(prompt, UnavailableError())

    def _pass_or_refuse(self, prompt: Prompt, refusal: Exception) -> Prompt:
        """``prompt`` as it is where the operator wants that; else raise ``refusal``."""
        too_long = isinstance(refusal, VLLMValidationError)
        if not self._enforces or (self._settings.on_error == "open" and not too_long):
            metrics.REQUESTS.labels("undecided").inc()
            return prompt
        metrics.REQUESTS.labels("refuse").inc()
        raise refusal from None  # a chain would be logged, message by message

    def _work(self, constraints: Constraints | None) -> Work:
        limit = self._settings.detection.max_chars
        beam = constraints is not None and grows(constraints.given)
        return Work(max_chars(limit, self._config.model_config.max_model_len), grows=beam)

    def _replace(
        self, prompt: Prompt, tokenization: dict[str, Any] | None, constraints: Constraints | None
    ) -> Prompt:
        if isinstance(prompt, AsyncGenerator) or not isinstance(prompt, (str, list, dict)):
            if not self._enforces:
                return prompt
            raise VLLMValidationError(f"Prompts of type {type(prompt).__name__} are not served here.")
        rendered = self._render(prompt, tokenization)
        if self._enforces and not self._settings.allow_client_embeds:
            refuse_embeddings(rendered)
        verdict, replacement = self._rewriter.rewrite(rendered, self.guard)
        action = verdict.action
        if constraints and self._screen_constraints(constraints, rendered):
            action = "corrupt"
        if not self._enforces:
            metrics.REQUESTS.labels("would_corrupt" if action == "corrupt" else "pass").inc()
            return prompt
        metrics.REQUESTS.labels(action).inc()
        return prompt if replacement is None else replacement

    def _screen_constraints(self, constraints: Constraints, prompt: EngineInput) -> bool:
        """Whether something in the parameters is flagged; it is exchanged then."""
        try:
            constraints.read()
        except TooDeepError as error:
            raise VLLMValidationError(str(error)) from None
        judged = self.guard, self._rewriter, self.guard.names, self._enforces
        with metrics.SECONDS.labels("constraints").time():
            verdicts = [
                constraints.screen(*judged),
                constraints.steer(self._rewriter.end_of(prompt), *judged),
            ]
        return any(verdict is not None and verdict.action == "corrupt" for verdict in verdicts)

    @contextmanager
    def restore_outputs(self, constraints: Constraints) -> Iterator[None]:
        """Within it the engine is given a request with ``constraints``, and its outputs will be restored.

        What vLLM refuses, it refuses in the words that it has for the client's own parameters.
        """
        if constraints.params is constraints.given:
            yield
            return
        token = planned.set(
            Plan(constraints.given, constraints.stand_ins, constraints.swap, self._engine.get_tokenizer())
        )
        try:
            yield
        except VLLMValidationError as error:
            self._verify(constraints.given)
            try:
                self._verify(constraints.params)
            except VLLMValidationError:
                raise UnavailableError() from None
            raise error
        finally:
            planned.reset(token)

    def watch_answers(
        self, prompt: Prompt, params: SamplingParams | PoolingParams
    ) -> AbstractContextManager[None]:
        """Within it the engine is given a request whose answers are watched."""
        if self._answers is None or not isinstance(params, SamplingParams):
            return nullcontext()
        expected: Any = prompt.get(TARGETS, ()) if isinstance(prompt, dict) else ()
        return watch_answers(self._answers, frozenset(expected))

    def _check(self, constraints: Constraints | None) -> None:
        """Raises what vLLM raises for a client's own constraint, before anything is made of it."""
        outputs = getattr(constraints.given, "structured_outputs", None) if constraints else None
        if constraints and outputs is not None:
            verified = self._verify(constraints.given).structured_outputs
            assert verified
            constraints.backend = verified._backend
            config = self._config.structured_outputs_config
            constraints.any_whitespace = not config.disable_any_whitespace

    def _verify(self, params: SamplingParams) -> SamplingParams:
        """``params`` as vLLM has verified them."""
        config, verified = self._config, params.clone()
        verified.structured_outputs = copy(params.structured_outputs)  # vLLM makes a grammar of choices
        verified.verify(
            config.model_config,
            config.speculative_config,
            config.structured_outputs_config,
            self._engine.get_tokenizer(),
        )
        return verified

    def _render(self, prompt: PromptType | EngineInput, tokenization: dict[str, Any] | None) -> EngineInput:
        """A raw prompt (deprecated, but taken by the engine) as the engine will render it."""
        if isinstance(prompt, dict) and "type" in prompt:
            return cast(EngineInput, prompt)
        renderer = self._engine.renderer
        parameters = renderer.default_cmpl_tok_params.with_kwargs(**(tokenization or {}))
        rendered: EngineInput
        (rendered,) = renderer.render_cmpl(
            [parse_model_prompt(self._config.model_config, prompt)], parameters
        )
        return rendered

    async def handshake_async(self) -> None:
        """Once per engine: raise ``HookError`` unless guard-computed embeddings do what tokens do.

        It goes on where a caller is cancelled; one that something else ended is tried again. Whoever comes
        after a failed one gets an ``UnavailableError``.
        """
        await self._handshake_once()

    async def _handshake_or_fail(self) -> None:
        if self._failed:
            raise UnavailableError()
        try:
            async with self._settled:
                await self._handshake(self._generate_async)
        except HookError:
            self._failed = True
            raise

    def _handshake_sync(self, engine: LLMEngine) -> None:
        coroutine = self._handshake(self._generate_sync)
        try:
            coroutine.send(None)  # it never waits: the generation is synchronous
        except StopIteration:
            return
        raise HookError("the handshake did not finish")

    @contextlib.asynccontextmanager
    async def hold_requests(self) -> AsyncGenerator[None, None]:
        """While engines come or go, requests wait; after that, a handshake is due."""
        async with self._settled:
            self._shaken = False
            self._handshake_once = Once(self._handshake_or_fail)
            yield

    async def _handshake(self, generate: handshake.Generate) -> None:
        if not (self._enforces and self._rewriter.corruptor):
            self._shaken = True
            return
        token = handshaking.set(True)
        try:
            await handshake.probe(self._engine.engine_core)
            for rank in handshake.ranks(self._engine.engine_core):
                await handshake.shake(self._rewriter, generate, rank)
        finally:
            handshaking.reset(token)
        self._shaken = True

    async def _generate_async(self, name: str, engine_input: EngineInput, rank: int | None) -> RequestOutput:
        request = f"unlearn-handshake-{name}"
        last: RequestOutput | None = None
        async for output in self._engine.generate(
            engine_input, handshake.params(), request, data_parallel_rank=rank
        ):
            last = output
        if last is None or last.outputs[0].finish_reason == "abort":  # by an engine that is put to sleep
            raise UnavailableError()
        return last

    async def _generate_sync(self, name: str, engine_input: EngineInput, rank: int | None) -> RequestOutput:
        self._engine.add_request(f"unlearn-handshake-{name}", engine_input, handshake.params())
        last: RequestOutput | None = None
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                last = output
        assert last
        return last
