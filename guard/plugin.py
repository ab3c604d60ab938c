"""The entry point that vLLM loads in each of its processes.

vLLM only logs a plugin whose module fails to import, and serves on; an exception inside of
``register`` stops it. So nothing of ours is imported here until ``register`` runs.
"""

import os


def register() -> None:
    """Put the guard into vLLM, if any ``VLLM_UNLEARN_*`` variable configures one."""
    if any(name.startswith("VLLM_UNLEARN_") for name in os.environ):
        from .engine.vllm_plugin import install

        install()
