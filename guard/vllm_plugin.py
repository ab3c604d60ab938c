"""The hook: everything here, and nothing elsewhere, knows vLLM's internals.

Requests of every surface (chat, completions, responses, messages, batch, gRPC, offline) meet in
``AsyncLLM.add_request`` or ``LLMEngine.add_request``. There a flagged one gets another engine input;
an unflagged one passes on as the same object.
"""

from __future__ import annotations

import atexit
import functools
import inspect
import logging
import math
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import vllm
from packaging.specifiers import SpecifierSet
from vllm import SamplingParams, envs
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.launchers.api_server import entry
from vllm.exceptions import GracefulHTTPError, QueueOverflowError, VLLMValidationError
from vllm.inputs.engine import tokens_input
from vllm.renderers.inputs.preprocess import parse_model_prompt
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine

from ..classifiers.work import AbandonedError, TooLongError, Work, at, current, nobody
from ..corruption.corruptor import CorruptedPrompt
from . import metrics
from .admission import admit, grows, max_chars, tokens, too_long
from .configuration import Settings, is_disabled, load
from .guard import Guard
from .lanes import ForkedError, Lanes, OverloadError
from .once import Once
from .screen import Screen, model_folder

logger = logging.getLogger(__name__)

TESTED_VLLM = SpecifierSet(">=0.32,<0.33")
HANDSHAKE_PROMPT = (
    "Paris is the capital of France, Rome is the capital of Italy, and Madrid is the capital of"
)
# Equal inputs give equal numbers but for the order of a sum; a wrong scale or dtype is off by whole nats.
HANDSHAKE_TOLERANCE = 0.05

_handshaking: ContextVar[bool] = ContextVar("unlearn_handshaking", default=False)


class HookError(RuntimeError):
    """The guard cannot be put into this vLLM, which must then not serve."""


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
        metrics.DISABLED.set(1)
        logger.warning("unlearn: VLLM_UNLEARN_DISABLE is set: NOTHING IS GUARDED")
        return
    settings = load()
    if settings.mode == "off":
        logger.warning("unlearn: mode is off: nothing is guarded")
        return
    _check_release(settings)
    if settings.mode == "enforce" and settings.corruption.apply != "tokens":
        _patch(EngineArgs, "create_engine_config", ("self", "usage_context"), _enable_embeds)
    engine = functools.partial(_patch_engine, settings)
    _patch(AsyncLLM, "__init__", ("self", "vllm_config"), engine)
    _patch(LLMEngine, "__init__", ("self", "vllm_config"), engine)
    _patch(AsyncLLM, "add_request", ("self", "request_id", "prompt", "params"), _guard_async)
    _patch(LLMEngine, "add_request", ("self", "request_id", "prompt", "params"), _guard_sync)
    _patch(entry, "build_and_serve", ("engine_client",), _handshake_before_serving)


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


def _patch(owner: Any, name: str, parameters: tuple[str, ...], wrap: Callable[[Any], Any]) -> None:
    """Replace ``owner.name`` by its wrapped form. Raises ``HookError`` where it is not what we know."""
    original = getattr(owner, name, None)
    place = f"{owner.__name__}.{name}"
    if original is None:
        raise HookError(f"vLLM {vllm.__version__} has no {place}, where the guard must stand")
    found = tuple(inspect.signature(original).parameters)
    if found[: len(parameters)] != parameters:
        raise HookError(
            f"vLLM {vllm.__version__}: {place} takes ({', '.join(found)}), the guard knows it with "
            f"({', '.join(parameters)}, …)"
        )
    setattr(owner, name, functools.wraps(original)(wrap(original)))


def _enable_embeds(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_engine_config(self: EngineArgs, *args: Any, **kwargs: Any) -> Any:
        asked = self.enable_prompt_embeds
        self.enable_prompt_embeds = True
        try:
            return original(self, *args, **kwargs)
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
        if not _handshaking.get() and isinstance(params, SamplingParams):
            hook = _hook(self)
            admit(self, request_id, params)
            prompt = await hook.screen_async(prompt, kwargs.get("tokenization_kwargs"), grows(params))
        return await original(self, request_id, prompt, params, *args, **kwargs)

    return add_request


def _guard_sync(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_request(
        self: LLMEngine, request_id: str, prompt: Any, params: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if not _handshaking.get() and isinstance(params, SamplingParams):
            prompt = _hook(self).screen(prompt, kwargs.get("tokenization_kwargs"), grows(params))
        return original(self, request_id, prompt, params, *args, **kwargs)

    return add_request


def _handshake_before_serving(original: Callable[..., Any]) -> Callable[..., Any]:
    async def build_and_serve(engine_client: Any, *args: Any, **kwargs: Any) -> Any:
        await _hook(engine_client).handshake_async()
        return await original(engine_client, *args, **kwargs)

    return build_and_serve


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
        self._screen = Screen(settings.corruption, folder, model.dtype, model.max_model_len, self._enforces)
        self.guard = Guard(settings)
        self._lanes = Lanes(settings.detection.max_queued_tokens)
        self._engine: Any = None
        self._shaken = self._failed = False
        self._handshake_once = Once(self._handshake_or_fail)

    def attach(self, engine: Any) -> None:
        """Take the engine's tokenizer, and close the door that prompt embeddings opened for clients."""
        self._engine = engine
        self._screen.attach(engine.get_tokenizer())
        # The workers have read this by now; the frontend's copy is what admits clients' embeddings.
        self._config.model_config.enable_prompt_embeds = self._settings.allow_client_embeds
        engine._unlearn = self
        atexit.register(self.guard.close)
        if isinstance(engine, LLMEngine):
            self._handshake_sync(engine)

    async def screen_async(
        self, prompt: Any, tokenization: dict[str, Any] | None, grows: bool = False
    ) -> Any:
        """As ``screen``, off the event loop."""
        if not self._shaken:
            try:
                await self.handshake_async()
            except HookError as error:
                logger.error("unlearn: %s", error)
                raise UnavailableError() from None
        try:
            work = self._work(grows)
            return await self._lanes.run(tokens(prompt), work, self.screen, prompt, tokenization)
        except OverloadError:
            return self._undecided(prompt, QueueOverflowError())  # type: ignore[no-untyped-call]
        except ForkedError:
            return self._undecided(prompt, UnavailableError())

    def screen(self, prompt: Any, tokenization: dict[str, Any] | None, grows: bool = False) -> Any:
        """Return the engine input to use: ``prompt`` itself unless it is flagged.

        Raises ``VLLMValidationError`` (400) for inputs that cannot be read and ``UnavailableError`` (503)
        where the guard fails.
        """
        if current() is nobody:
            with at(self._work(grows)):
                return self.screen(prompt, tokenization)
        try:
            return self._replaced(prompt, tokenization)
        except AbandonedError:
            raise
        except TooLongError as error:
            return self._undecided(prompt, too_long(error, self._config.model_config.max_model_len))
        except VLLMValidationError:
            metrics.REQUESTS.labels("refuse").inc()
            raise
        except Exception as error:
            metrics.ERRORS.labels("screen").inc()
            # Without a traceback and its chain of messages: the less is logged here, the less of a prompt.
            logger.error("unlearn: a request could not be decided on: %s: %s", type(error).__name__, error)
            return self._undecided(prompt, UnavailableError())

    def _undecided(self, prompt: Any, refusal: Exception) -> Any:
        """``prompt`` as it is where the operator wants that; else raise ``refusal``."""
        too_long = isinstance(refusal, VLLMValidationError)
        if not self._enforces or (self._settings.on_error == "open" and not too_long):
            metrics.REQUESTS.labels("undecided").inc()
            return prompt
        metrics.REQUESTS.labels("refuse").inc()
        raise refusal from None  # a chain would be logged, message by message

    def _work(self, grows: bool) -> Work:
        limit = self._settings.detection.max_chars
        return Work(max_chars(limit, self._config.model_config.max_model_len), grows=grows)

    def _replaced(self, prompt: Any, tokenization: dict[str, Any] | None) -> Any:
        if isinstance(prompt, AsyncGenerator) or not isinstance(prompt, (str, list, dict)):
            if not self._enforces:
                return prompt
            raise VLLMValidationError(f"Prompts of type {type(prompt).__name__} are not served here.")
        rendered = self._rendered(prompt, tokenization)
        if rendered["type"] == "embeds" and self._enforces and not self._settings.allow_client_embeds:
            raise VLLMValidationError("`prompt_embeds` are not served here.", parameter="prompt_embeds")
        verdict, replacement = self._screen.replaced(rendered, self.guard)
        if not self._enforces:
            metrics.REQUESTS.labels("would_corrupt" if verdict.action == "corrupt" else "pass").inc()
            return prompt
        metrics.REQUESTS.labels(verdict.action).inc()
        return prompt if replacement is None else replacement

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

    async def _handshake(self, generate: Callable[[str, Any], Any]) -> None:
        if not (self._enforces and self._screen.corruptor):
            self._shaken = True
            return
        token = _handshaking.set(True)
        try:
            ids = self._screen.encode(HANDSHAKE_PROMPT)
            clean = self._screen.corruptor.clean(ids)
            lost = CorruptedPrompt(clean.embeddings * 0, clean.is_token_id, "lost")
            plain = await generate("tokens", tokens_input(ids, cache_salt="unlearn:handshake:tokens"))
            same = await generate("embeds", self._screen.engine_input(ids, clean, "unlearn:handshake:embeds"))
            other = await generate("lost", self._screen.engine_input(ids, lost, "unlearn:handshake:lost"))
        finally:
            _handshaking.reset(token)
        distance, change = _distance(plain, same), _distance(plain, other)
        if distance > HANDSHAKE_TOLERANCE or change <= HANDSHAKE_TOLERANCE:
            raise HookError(
                "the start-up handshake failed: the same prompt as tokens and as embeddings differs by "
                f"{distance:.3f} nats (at most {HANDSHAKE_TOLERANCE}), and by {change:.3f} with its "
                "embeddings zeroed (must be more); this model does something to its embeddings "
                "that the guard does not know: set `corruption.apply: tokens`"
            )
        logger.info(
            "unlearn: handshake passed: tokens and embeddings differ by %.4f nats, zeroed by %.4f",
            distance,
            change,
        )
        self._shaken = True

    async def _generate_async(self, name: str, engine_input: Any) -> Any:
        last = None
        async for output in self._engine.generate(
            engine_input, _handshake_params(), f"unlearn-handshake-{name}"
        ):
            last = output
        if last is None or last.outputs[0].finish_reason == "abort":  # by an engine that is put to sleep
            raise UnavailableError()
        return last

    async def _generate_sync(self, name: str, engine_input: Any) -> Any:
        self._engine.add_request(f"unlearn-handshake-{name}", engine_input, _handshake_params())
        last = None
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                last = output
        return last


def _handshake_params() -> SamplingParams:
    return SamplingParams(temperature=0.0, max_tokens=4, ignore_eos=True, logprobs=0)


def _distance(one: Any, other: Any) -> float:
    """The largest difference of two outputs' log-probabilities; infinite where their tokens differ."""
    first, second = one.outputs[0], other.outputs[0]
    if list(first.token_ids) != list(second.token_ids):
        return math.inf
    pairs = zip(first.token_ids, first.logprobs, second.logprobs, strict=True)
    return float(max(abs(a[token].logprob - b[token].logprob) for token, a, b in pairs))


def _takes_embeddings(settings: Settings, vllm_config: Any) -> bool:
    """Whether flagged prompts of this engine become embeddings, not neutral tokens."""
    if settings.corruption.apply == "auto" and _breaks_on_mixed_prompts(vllm_config):
        logger.warning("unlearn: LoRA is on under vLLM's V1 model runner: matches become neutral tokens")
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
            "honours cache_salt"
        )
    if settings.corruption.apply == "embeddings" and _breaks_on_mixed_prompts(vllm_config):
        raise HookError(
            "with LoRA on, vLLM's V1 model runner stops at the first prompt of tokens and embeddings; set "
            "`corruption.apply: auto` or `tokens`, or serve without --enable-lora"
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
