"""How a function of vLLM's is replaced, and what is said where it is not the one that we know."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import vllm

from ...vocabulary import UserError


class HookError(UserError, RuntimeError):
    """The guard cannot be put into this vLLM, which must then not serve."""


def patch(owner: Any, name: str, parameters: tuple[str, ...], wrap: Callable[[Any], Any]) -> None:
    """Replace ``owner.name`` by its wrapped form. Raises ``HookError`` where it is not what we know."""
    method = vars(owner).get(name)  # its own, not what it would inherit
    original = method.__func__ if isinstance(method, classmethod) else method
    place = f"{owner.__name__}.{name}"
    if original is None:
        raise HookError(f"vLLM {vllm.__version__} has no {place}, where the guard must stand")
    names = tuple(inspect.signature(original).parameters)
    if names[: len(parameters)] != parameters:
        raise HookError(
            f"vLLM {vllm.__version__}: {place} takes ({', '.join(names)}), the guard knows it with "
            f"({', '.join(parameters)}, …)"
        )
    wrapped = functools.wraps(original)(wrap(original))
    setattr(owner, name, classmethod(wrapped) if isinstance(method, classmethod) else wrapped)
