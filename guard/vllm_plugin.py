"""The hook: everything here, and nothing elsewhere, knows vLLM's internals.

Requests of every surface (chat, completions, responses, messages, batch, gRPC, offline) meet in
``AsyncLLM.add_request`` or ``LLMEngine.add_request``. There a flagged one gets another engine input;
an unflagged one passes on as the same object.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import vllm
from packaging.specifiers import SpecifierSet
from vllm import PoolingParams, SamplingParams, envs
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.launchers.api_server import entry
from vllm.exceptions import GracefulHTTPError, QueueOverflowError, VLLMValidationError
from vllm.renderers.inputs.preprocess import parse_model_prompt
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine
from vllm.v1.engine.output_processor import OutputProcessor

from ..classifiers.work import AbandonedError, TooLongError, Work, at, current, nobody
from . import client_view, engine_core, handshake, metrics, v2_runner
from .admission import admit, grows, max_chars, tokens, too_long
from .configuration import Settings, is_disabled, load
from .constraints import Constraints
from .faults import place
from .guard import Guard, GuardError
from .lanes import ForkedError, Lanes, OverloadError
from .media import refuse_embeddings
from .once import Once
from .parameters import TooDeepError
from .patching import HookError, patch
from .restoring import Plan, planned, restore_added, restore_processed
from .screen import Screen, model_folder

logger = logging.getLogger(__name__)

TESTED_VLLM = SpecifierSet(">=0.32,<0.33")

_handshaking: ContextVar[bool] = ContextVar("unlearn_handshaking", default=False)


class UnavailableError(GracefulHTTPError):
    """What a client is told when the guard cannot decide; it says nothing of why."""

    def __init__(self) -> None:
        super().__init__(
            "The server cannot process this request now; try again later.", HTTPStatus.SERVICE_UNAVAILABLE
        )


def install() -> None:
    """Patch vLLM for the configured guard. Raises ``ConfigurationError`` or ``HookError``."""
    _share_vllm_log()
    if is_disabled():
        metrics.set_mode("off")
        logger.warning("unlearn: VLLM_UNLEARN_DISABLE is set: NOTHING IS GUARDED")
        return
    settings = load()
    metrics.set_mode(settings.mode)
    metrics.PUBLIC_PAGE.everything = settings.public_metrics
    if settings.mode == "off":
        logger.warning("unlearn: mode is off: nothing is guarded")
        return
    _check_release(settings)
    if settings.mode == "enforce":
        client_view.install(settings.allow_client_embeds)
    if settings.mode == "enforce" and settings.corruption.apply != "tokens":
        patch(EngineArgs, "create_engine_config", ("self", "usage_context"), _enable_embeds)
        engine_core.install(settings.corruption.max_bytes)
        v2_runner.install()
        patch(AsyncLLM, "scale_elastic_ep", ("self", "new_data_parallel_size"), _handshake_after_scaling)
    engine = functools.partial(_patch_engine, settings)
    patch(AsyncLLM, "__init__", ("self", "vllm_config"), engine)
    patch(LLMEngine, "__init__", ("self", "vllm_config"), engine)
    patch(AsyncLLM, "add_request", ("self", "request_id", "prompt", "params"), _guard_async)
    patch(LLMEngine, "add_request", ("self", "request_id", "prompt", "params"), _guard_sync)
    patch(OutputProcessor, "add_request", ("self", "request"), restore_added)
    patch(OutputProcessor, "process_outputs", ("self", "engine_core_outputs"), restore_processed)
    patch(entry, "build_and_serve", ("engine_client",), _handshake_before_serving)


def _share_vllm_log() -> None:
    ours, theirs = logging.getLogger("vllm_unlearn"), logging.getLogger("vllm")
    ours.handlers, ours.propagate = theirs.handlers, not theirs.handlers
    ours.setLevel(theirs.level or logging.INFO)


def _check_release(settings: Settings) -> None:
    if (
        not TESTED_VLLM.contains(vllm.__version__.split("+")[0], prereleases=True)
        and not settings.allow_untested_vllm
    ):
        raise HookError(
            f"vLLM {vllm.__version__} is outside of the range that the guard was tested with "
            f"({TESTED_VLLM}); install one inside, or set `allow_untested_vllm: true`"
        )
    if envs.VLLM_USE_RUST_FRONTEND:
        raise HookError("the Rust frontend sends requests past the guard; unset VLLM_USE_RUST_FRONTEND")


def _enable_embeds(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_engine_config(self: EngineArgs, *args: Any, **kwargs: Any) -> Any:
        asked = self.enable_prompt_embeds
        self.enable_prompt_embeds = True
        try:
            config = original(self, *args, **kwargs)
            if config.model_config.runner_type == "pooling":
                config.model_config.enable_prompt_embeds = asked
            return config
        except ValueError as error:
            if "prompt_embeds" not in str(error).replace("-", "_"):
                raise
            # An encoder-decoder model: `Screen` puts neutral tokens into its decoder's prompt instead.
            self.enable_prompt_embeds = asked
            return original(self, *args, **kwargs)

    return create_engine_config


def _patch_engine(settings: Settings, original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: Any, vllm_config: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        hook = Hook(settings, vllm_config)  # before the engine: what is wrong is known in seconds
        try:
            original(self, vllm_config, *args, **kwargs)
            hook.attach(self)
        except BaseException:
            hook.guard.close()
            raise

    return __init__


def _guard_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def add_request(
        self: AsyncLLM, request_id: str, prompt: Any, params: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if _handshaking.get() or not (hook := _hook(self)).reads(params):
            return await original(self, request_id, prompt, params, *args, **kwargs)
        admit(self, request_id, params)
        constraints = Constraints(params)
        prompt = await hook.screen_async(prompt, kwargs.get("tokenization_kwargs"), constraints)
        with hook.restoring(constraints):
            return await original(self, request_id, prompt, constraints.params, *args, **kwargs)

    return add_request


def _guard_sync(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_request(
        self: LLMEngine, request_id: str, prompt: Any, params: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if _handshaking.get() or not (hook := _hook(self)).reads(params):
            return original(self, request_id, prompt, params, *args, **kwargs)
        constraints = Constraints(params)
        prompt = hook.screen(prompt, kwargs.get("tokenization_kwargs"), constraints)
        with hook.restoring(constraints):
            return original(self, request_id, prompt, constraints.params, *args, **kwargs)

    return add_request


def _handshake_before_serving(original: Callable[..., Any]) -> Callable[..., Any]:
    async def build_and_serve(engine_client: Any, *args: Any, **kwargs: Any) -> Any:
        await _hook(engine_client).handshake_async()
        return await original(engine_client, *args, **kwargs)

    return build_and_serve


def _handshake_after_scaling(original: Callable[..., Any]) -> Callable[..., Any]:
    async def scale_elastic_ep(self: AsyncLLM, *args: Any, **kwargs: Any) -> None:
        async with _hook(self).unshaken():
            await original(self, *args, **kwargs)
        await _hook(self).handshake_async()

    return scale_elastic_ep


def _hook(engine: Any) -> Hook:
    hook = getattr(engine, "_unlearn", None)
    if not isinstance(hook, Hook):
        raise HookError(f"{type(engine).__name__} was made past the guard; it must not serve")
    return hook


class Hook:
    """The guard of one engine."""

    def __init__(self, settings: Settings, vllm_config: Any) -> None:
        """Raises whatever keeps the guard from working with this model and configuration."""
        self._settings = settings
        self._config = vllm_config
        self._enforces = settings.mode == "enforce"
        _check_config(settings, vllm_config)
        model = vllm_config.model_config
        embeds = self._enforces and _takes_embeddings(settings, vllm_config)
        folder = model_folder(model.model, model.revision) if embeds else None
        # A prompt that leaves no token to generate is refused, but for a model that generates none.
        tokens = model.max_model_len + (model.runner_type == "pooling")
        self._screen = Screen(settings.corruption, folder, model.dtype, tokens, self._enforces)
        self.guard = Guard(settings)
        self._lanes = Lanes(settings.detection.max_queued_tokens)
        self._engine: Any = None
        self._shaken = self._failed = False
        self._settled = asyncio.Lock()  # held while engines come or go, and while they are asked
        self._handshake_once = Once(self._handshake_or_fail)

    def attach(self, engine: Any) -> None:
        """Take the engine's tokenizer, and close the door that prompt embeddings opened for clients."""
        self._engine = engine
        self._screen.attach(engine.get_tokenizer())
        if self._enforces:
            engine.model_config = client_view.of_model(
                self._config.model_config, self._settings.allow_client_embeds
            )
        engine._unlearn = self
        atexit.register(self.guard.close)
        if isinstance(engine, LLMEngine):
            self._handshake_sync(engine)

    def reads(self, params: Any) -> bool:
        """Whether requests with such ``params`` are screened."""
        return isinstance(params, SamplingParams) or (
            isinstance(params, PoolingParams) and self._settings.screen_pooling
        )

    async def screen_async(
        self, prompt: Any, tokenization: dict[str, Any] | None, constraints: Constraints | None = None
    ) -> Any:
        """As ``screen``, off the event loop."""
        if not self._shaken:
            try:
                await self.handshake_async()
            except HookError as error:
                logger.error("unlearn: %s", error)
                raise UnavailableError() from None
        work = self._work(constraints)
        try:
            return await self._lanes.run(tokens(prompt), work, self.screen, prompt, tokenization, constraints)
        except OverloadError:
            return self._undecided(prompt, QueueOverflowError())  # type: ignore[no-untyped-call]
        except ForkedError:
            return self._undecided(prompt, UnavailableError())

    def screen(
        self, prompt: Any, tokenization: dict[str, Any] | None, constraints: Constraints | None = None
    ) -> Any:
        """Return the engine input to use: ``prompt`` itself unless it is flagged. What is flagged in
        ``constraints`` is exchanged there.

        Raises ``VLLMValidationError`` (400) for inputs that cannot be read and ``UnavailableError`` (503)
        where the guard fails.
        """
        if current() is nobody:
            with at(self._work(constraints)):
                return self.screen(prompt, tokenization, constraints)
        try:
            return self._replaced(prompt, tokenization, constraints)
        except AbandonedError:
            raise
        except TooLongError as error:
            return self._undecided(prompt, too_long(error, self._config.model_config.max_model_len))
        except VLLMValidationError:
            metrics.REQUESTS.labels("refuse").inc()
            raise
        except Exception as error:
            metrics.ERRORS.labels("screen").inc()
            said = str(error) if isinstance(error, GuardError) else place(error)
            logger.error("unlearn: a request could not be decided on: %s", said)
            return self._undecided(prompt, UnavailableError())

    def _undecided(self, prompt: Any, refusal: Exception) -> Any:
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

    def _replaced(
        self, prompt: Any, tokenization: dict[str, Any] | None, constraints: Constraints | None
    ) -> Any:
        if isinstance(prompt, AsyncGenerator) or not isinstance(prompt, (str, list, dict)):
            if not self._enforces:
                return prompt
            raise VLLMValidationError(f"Prompts of type {type(prompt).__name__} are not served here.")
        rendered = self._rendered(prompt, tokenization)
        if self._enforces and not self._settings.allow_client_embeds:
            refuse_embeddings(rendered)
        verdict, replacement = self._screen.replaced(rendered, self.guard)
        action = verdict.action
        if constraints and self._constrained(constraints):
            action = "corrupt"
        if not self._enforces:
            metrics.REQUESTS.labels("would_corrupt" if action == "corrupt" else "pass").inc()
            return prompt
        metrics.REQUESTS.labels(action).inc()
        return prompt if replacement is None else replacement

    def _constrained(self, constraints: Constraints) -> bool:
        """Whether something in the parameters is flagged; it is exchanged then."""
        try:
            constraints.read()
        except TooDeepError as error:
            raise VLLMValidationError(str(error)) from None
        with metrics.SECONDS.labels("constraints").time():
            verdict = constraints.screen(self.guard, self._screen, self._enforces)
        return verdict is not None and verdict.action == "corrupt"

    @contextmanager
    def restoring(self, constraints: Constraints) -> Iterator[None]:
        """Within it the engine is given a request with ``constraints``, and its outputs will be restored.

        What vLLM refuses, it refuses in the words that it has for the client's own parameters.
        """
        if constraints.params is constraints.given:
            yield
            return
        token = planned.set(Plan(constraints.given, constraints.stand_ins, self._engine.get_tokenizer()))
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

    def _verify(self, params: Any) -> None:
        config = self._config
        params.clone().verify(
            config.model_config,
            config.speculative_config,
            config.structured_outputs_config,
            self._engine.get_tokenizer(),
        )

    def _rendered(self, prompt: Any, tokenization: dict[str, Any] | None) -> Any:
        """A raw prompt (deprecated, but taken by the engine) as the engine will render it."""
        if isinstance(prompt, dict) and "type" in prompt:
            return prompt
        renderer = self._engine.renderer
        parameters = renderer.default_cmpl_tok_params.with_kwargs(**(tokenization or {}))
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
    async def unshaken(self) -> AsyncGenerator[None, None]:
        """While engines come or go, requests wait; after that, a handshake is due."""
        async with self._settled:
            self._shaken = False
            self._handshake_once = Once(self._handshake_or_fail)
            yield

    async def _handshake(self, generate: handshake.Generate) -> None:
        if not (self._enforces and self._screen.corruptor):
            self._shaken = True
            return
        token = _handshaking.set(True)
        try:
            await handshake.probe(self._engine.engine_core)
            for rank in handshake.ranks(self._engine.engine_core):
                await handshake.shake(self._screen, generate, rank)
        finally:
            _handshaking.reset(token)
        self._shaken = True

    async def _generate_async(self, name: str, engine_input: Any, rank: int | None) -> Any:
        request, last = f"unlearn-handshake-{name}", None
        async for output in self._engine.generate(
            engine_input, handshake.params(), request, data_parallel_rank=rank
        ):
            last = output
        if last is None or last.outputs[0].finish_reason == "abort":  # by an engine that is put to sleep
            raise UnavailableError()
        return last

    async def _generate_sync(self, name: str, engine_input: Any, rank: int | None) -> Any:
        self._engine.add_request(f"unlearn-handshake-{name}", engine_input, handshake.params())
        last = None
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                last = output
        return last


def _takes_embeddings(settings: Settings, vllm_config: Any) -> bool:
    """Whether flagged prompts of this engine become embeddings, not neutral tokens."""
    if settings.corruption.apply == "auto" and _breaks_on_mixed_prompts(vllm_config):
        logger.warning("unlearn: LoRA is on under vLLM's V1 model runner: matches become neutral tokens")
        return False
    if settings.corruption.apply == "auto" and vllm_config.model_config.requires_raw_input_tokens:
        logger.warning("unlearn: the model reads token ids beside embeddings: matches become neutral tokens")
        return False
    if vllm_config.model_config.runner_type == "pooling":
        return False
    return settings.corruption.apply != "tokens" and bool(vllm_config.model_config.enable_prompt_embeds)


def _breaks_on_mixed_prompts(vllm_config: Any) -> bool:
    """The V1 runner embeds a batch's token positions alone, while LoRA's embedding layer expects all
    positions: the engine dies on the first mixed prompt. V2 embeds all of them first."""
    return vllm_config.lora_config is not None and not vllm_config.use_v2_model_runner


def _check_config(settings: Settings, vllm_config: Any) -> None:
    if settings.mode != "enforce":
        return
    model = vllm_config.model_config
    if vllm_config.kv_transfer_config is not None and not settings.allow_kv_connector:
        raise HookError(
            f"the KV connector {vllm_config.kv_transfer_config.kv_connector} may share corrupted blocks "
            "with clean prompts; serve without it, or set `allow_kv_connector: true` once you know that it "
            "knows blocks by vLLM's own hashes (which cover what is corrupted), not by their tokens"
        )
    if model.runner_type == "pooling":
        _check_pooling(settings, model)
        return
    if settings.corruption.apply == "embeddings" and _breaks_on_mixed_prompts(vllm_config):
        raise HookError(
            "with LoRA on, vLLM's V1 model runner stops at the first prompt of tokens and embeddings; set "
            "`corruption.apply: auto` or `tokens`, or serve without --enable-lora"
        )
    if settings.corruption.apply == "embeddings" and model.requires_raw_input_tokens:
        raise HookError(
            f"{model.model} reads token ids beside embeddings, and would know what is corrupted; "
            "set `corruption.apply: auto` or `tokens`"
        )
    if settings.corruption.apply == "embeddings" and not model.enable_prompt_embeds:
        raise HookError(
            f"{model.model} takes no prompt embeddings in this vLLM; set `corruption.apply: auto` or `tokens`"
        )
    if settings.corruption.apply == "auto" and not (model.enable_prompt_embeds or model.is_encoder_decoder):
        raise HookError(
            "the engine was configured past EngineArgs.create_engine_config, without prompt embeddings; pass "
            "enable_prompt_embeds=True, or set `corruption.apply: tokens`"
        )


def _check_pooling(settings: Settings, model: Any) -> None:
    if settings.corruption.apply == "embeddings":
        raise HookError(
            f"{model.model} is served as a pooling model, whose matches become neutral tokens; set "
            "`corruption.apply: auto` or `tokens`"
        )
    if settings.screen_pooling:
        logger.info("unlearn: a pooling model: matches become neutral tokens before it scores or embeds them")
    else:
        logger.warning("unlearn: screen_pooling is false: scores, classes and embeddings are NOT GUARDED")


def serve_command(arguments: list[str]) -> None:
    """Run vLLM's serve command: what its console script does, which asks for a distribution named vllm."""
    from vllm.entrypoints.cli.serve import ServeSubcommand
    from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
    from vllm.logger import configure_logging_from_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    cli_env_setup()  # type: ignore[no-untyped-call]
    parser: Any = FlexibleArgumentParser(  # type: ignore[no-untyped-call]
        prog="vllm-unlearn", description="vLLM's server, guarded"
    )
    command = ServeSubcommand()
    command.subparser_init(parser.add_subparsers(required=True, dest="subparser"))
    parsed = parser.parse_args(arguments)
    configure_logging_from_args(parsed)
    command.validate(parsed)
    command.cmd(parsed)
