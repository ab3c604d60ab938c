"""``python -m vllm_unlearn.server.cli``."""

from __future__ import annotations

from . import main

main()
