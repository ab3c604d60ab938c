"""vLLM's own server, with the guard on."""

from __future__ import annotations

import os
from collections.abc import MutableMapping, Sequence
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path
from typing import NoReturn

from ..guard.configuration import CONFIG_VARIABLE, is_disabled, load
from ..guard.store.store import Store

PLUGIN = "unlearn"
PLUGIN_GROUPS = (
    "vllm.general_plugins",
    "vllm.platform_plugins",
    "vllm.io_processor_plugins",
    "vllm.stat_logger_plugins",
)


def serve(model: str, arguments: Sequence[str], config: Path | None) -> None:
    """Serve ``model``, with vLLM's own serve flags in ``arguments``; returns when the server stops.

    Raises ``ConfigurationError`` or ``StoreError`` before anything is loaded.
    """
    if config:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    if not is_disabled():
        Store(load().store)
    allow_plugin(os.environ)
    from ..guard.engine.vllm_plugin import serve_command

    serve_command(["serve", model, *arguments])


def show_help(flag: str) -> NoReturn:
    """Print the help of vLLM's serve command, which ``flag`` asks for, and leave; nothing is configured."""
    from ..guard.engine.vllm_plugin import serve_command

    serve_command(["serve", flag])
    raise SystemExit


def allow_plugin(environment: MutableMapping[str, str]) -> None:
    """Name our plugin in ``VLLM_PLUGINS``, without which vLLM adds no admin routes.

    Where the variable was unset, vLLM would load every other plugin: so all of them are named.
    """
    if "VLLM_PLUGINS" in environment:
        names = [name for name in environment["VLLM_PLUGINS"].split(",") if name]
    else:
        groups = chain.from_iterable(entry_points(group=group) for group in PLUGIN_GROUPS)
        names = sorted({entry.name for entry in groups})
    environment["VLLM_PLUGINS"] = ",".join(dict.fromkeys([*names, PLUGIN]))
