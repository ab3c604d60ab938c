"""Lets vLLM's V2 model runner start without a GPU: Triton runs in its interpreter, which needs no backend.

vLLM's CPU build switches Triton off where no backend is active; this one does nothing but say that it is.
"""

import os
from types import SimpleNamespace

if os.environ.get("TRITON_INTERPRET") == "1":
    from triton.backends import backends

    backends["cpu"] = SimpleNamespace(driver=SimpleNamespace(is_active=lambda: True), compiler=None)  # type: ignore[assignment]
