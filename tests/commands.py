"""What a test's ``run`` fixture is: the command line, in this process."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

Run = Callable[..., Result]
