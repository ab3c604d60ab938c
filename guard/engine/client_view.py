"""What vLLM's frontend is shown of its configuration.

The engine takes prompt embeddings, because the guard's are such; its flag stays true wherever engines are
made of it, also later. Clients must find a server that takes none: the frontend's code asks a view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from vllm.config import ModelConfig, VllmConfig
from vllm.entrypoints.serve.utils import fingerprint
from vllm.renderers.registry import RendererRegistry

from .patching import patch

Config = TypeVar("Config")


def install(client_embeds: bool) -> None:
    """Patch this process, so that renderers take clients' embeddings only if told, and the fingerprint in
    each answer is that of a server which was asked for no more. Raises ``HookError``."""

    def wrap_loader(original: Callable[..., Any]) -> Callable[..., Any]:
        def load_renderer(self: Any, renderer_mode: str, config: VllmConfig, tokenizer: Any) -> Any:
            model = of_model(config.model_config, client_embeds)
            return original(self, renderer_mode, _view(config, model_config=model), tokenizer)

        return load_renderer

    def wrap_fingerprint(original: Callable[..., Any]) -> Callable[..., Any]:
        def build_system_fingerprint(vllm_config: VllmConfig, *args: Any, **kwargs: Any) -> Any:
            model = of_model(vllm_config.model_config, client_embeds)
            return original(_view(vllm_config, model_config=model), *args, **kwargs)

        return build_system_fingerprint

    patch(RendererRegistry, "load_renderer", ("self", "renderer_mode", "config", "tokenizer"), wrap_loader)
    patch(fingerprint, "build_system_fingerprint", ("vllm_config",), wrap_fingerprint)


def of_model(config: ModelConfig, client_embeds: bool) -> ModelConfig:
    """The model's configuration as the frontend is to see it."""
    return _view(config, enable_prompt_embeds=client_embeds)


def _view(config: Config, **values: object) -> Config:
    """``config`` itself, now and later, but for ``values``: properties stand before an object's own."""
    kind = type(config)
    view: Any = object.__new__(type(kind.__name__, (kind,), {n: _always(v) for n, v in values.items()}))
    object.__setattr__(view, "__dict__", config.__dict__)
    return cast(Config, view)


def _always(value: object) -> property:
    return property(lambda _: value)
