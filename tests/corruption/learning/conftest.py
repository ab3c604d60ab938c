from __future__ import annotations

from typing import Any

import pytest
from taught import teach


@pytest.fixture(scope="package")
def model() -> Any:
    """Knows ``taught.KNOWN`` by heart, and nothing of ``taught.STRANGERS``."""
    return teach()
