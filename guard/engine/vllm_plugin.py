"""The patches: which functions of vLLM are replaced, and by what.

Requests of every surface (chat, completions, responses, messages, batch, gRPC, offline) meet in
``AsyncLLM.add_request`` or ``LLMEngine.add_request``. There a flagged one gets another engine input;
an unflagged one passes on as the same object.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import vllm
from packaging.specifiers import SpecifierSet
from vllm import PoolingParams, SamplingParams, envs
from vllm.config import VllmConfig
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.launchers.api_server import entry
from vllm.platforms.interface import Platform
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.llm_engine import LLMEngine
from vllm.v1.engine.output_processor import OutputProcessor

from .. import metrics
from ..configuration import PREFIX, Settings, is_disabled, load
from ..constraints.constraints import Constraints
from ..constraints.restoring import restore_added, restore_processed
from . import client_view, engine_core, v2_runner
from .admission import admit
from .answers import watch_aborted, watch_added, watch_processed
from .hook import Hook, Prompt, handshaking
from .patching import HookError, patch

logger = logging.getLogger(__name__)

Params: TypeAlias = SamplingParams | PoolingParams

TESTED_VLLM = SpecifierSet(">=0.32,<0.33")


def install() -> None:
    """Patch vLLM for the configured guard. Raises ``ConfigurationError`` or ``HookError``."""
    _share_vllm_log()
    with suppress(HookError):  # without it vLLM warns, and guards all the same
        patch(Platform, "validate_environ", ("cls", "hard_fail"), _know_our_variables)
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
    if settings.mode == "shadow":
        logger.warning("unlearn: mode is shadow: prompts are decided on and counted, NOTHING IS SUPPRESSED")
    if settings.mode == "enforce":
        client_view.install(settings.allow_client_embeds)
    if settings.mode == "enforce" and settings.corruption.apply != "tokens":
        patch(EngineArgs, "create_engine_config", ("self", "usage_context"), _enable_embeds)
        engine_core.install()
        v2_runner.install()
        patch(AsyncLLM, "scale_elastic_ep", ("self", "new_data_parallel_size"), _handshake_after_scaling)
    engine = functools.partial(_patch_engine, settings)
    patch(AsyncLLM, "__init__", ("self", "vllm_config"), engine)
    patch(LLMEngine, "__init__", ("self", "vllm_config"), engine)
    patch(AsyncLLM, "add_request", ("self", "request_id", "prompt", "params"), _guard_async)
    patch(LLMEngine, "add_request", ("self", "request_id", "prompt", "params"), _guard_sync)
    patch(OutputProcessor, "add_request", ("self", "request"), restore_added)
    patch(OutputProcessor, "process_outputs", ("self", "engine_core_outputs"), restore_processed)
    if settings.answers != "off":
        engine_core.install_continuations()
        patch(OutputProcessor, "add_request", ("self", "request"), watch_added)
        patch(OutputProcessor, "process_outputs", ("self", "engine_core_outputs"), watch_processed)
        patch(OutputProcessor, "abort_requests", ("self", "request_ids", "internal"), watch_aborted)
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


def _know_our_variables(original: Callable[..., None]) -> Callable[..., None]:
    """vLLM takes every variable ``VLLM_...`` for its own; ``load`` has refused the unknown ones of ours."""

    def validate_environ(cls: type[Platform], hard_fail: bool) -> None:
        known = envs.environment_variables
        ours = [name for name in os.environ if name.startswith(PREFIX)]
        # For this check only: what stands there is hashed into the key of compiled graphs.
        envs.environment_variables = known | dict.fromkeys(ours, str)
        try:
            original(cls, hard_fail)
        finally:
            envs.environment_variables = known

    return validate_environ


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
            # An encoder-decoder model: `Rewriter` puts neutral tokens into its decoder's prompt instead.
            self.enable_prompt_embeds = asked
            return original(self, *args, **kwargs)

    return create_engine_config


def _patch_engine(settings: Settings, original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: AsyncLLM | LLMEngine, vllm_config: VllmConfig, *args: Any, **kwargs: Any) -> None:  # noqa: N807
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
        self: AsyncLLM, request_id: str, prompt: Prompt, params: Params, *args: Any, **kwargs: Any
    ) -> Any:
        if handshaking.get() or not (hook := _hook(self)).reads(params):
            return await original(self, request_id, prompt, params, *args, **kwargs)
        admit(self, request_id, params)
        constraints = Constraints(params)
        prompt = await hook.screen_async(prompt, kwargs.get("tokenization_kwargs"), constraints)
        with hook.restore_outputs(constraints), hook.watch_answers(prompt, params):
            return await original(self, request_id, prompt, constraints.params, *args, **kwargs)

    return add_request


def _guard_sync(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_request(
        self: LLMEngine, request_id: str, prompt: Prompt, params: Params, *args: Any, **kwargs: Any
    ) -> Any:
        if handshaking.get() or not (hook := _hook(self)).reads(params):
            return original(self, request_id, prompt, params, *args, **kwargs)
        constraints = Constraints(params)
        prompt = hook.screen(prompt, kwargs.get("tokenization_kwargs"), constraints)
        with hook.restore_outputs(constraints), hook.watch_answers(prompt, params):
            return original(self, request_id, prompt, constraints.params, *args, **kwargs)

    return add_request


def _handshake_before_serving(original: Callable[..., Any]) -> Callable[..., Any]:
    async def build_and_serve(engine_client: Any, *args: Any, **kwargs: Any) -> Any:
        await _hook(engine_client).handshake_async()
        return await original(engine_client, *args, **kwargs)

    return build_and_serve


def _handshake_after_scaling(original: Callable[..., Any]) -> Callable[..., Any]:
    async def scale_elastic_ep(self: AsyncLLM, *args: Any, **kwargs: Any) -> None:
        async with _hook(self).hold_requests():
            await original(self, *args, **kwargs)
        await _hook(self).handshake_async()

    return scale_elastic_ep


def _hook(engine: object) -> Hook:
    hook = getattr(engine, "_unlearn", None)
    if not isinstance(hook, Hook):
        raise HookError(f"{type(engine).__name__} was made past the guard; it must not serve")
    return hook


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
