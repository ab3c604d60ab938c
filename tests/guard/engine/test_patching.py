from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from vllm_unlearn.guard.engine.patching import HookError, patch


class Base:
    def inherited(self) -> str:
        return "base"


@pytest.fixture
def owner() -> type[Base]:
    class Owner(Base):
        def method(self, one: str, two: str = "") -> str:
            """What it does."""
            return one + two

        @classmethod
        def made(cls, one: str) -> str:
            return cls.__name__ + one

    return Owner


def twice(original: Callable[..., str]) -> Callable[..., str]:
    return lambda *arguments: 2 * original(*arguments)


def test_a_method_stays_what_it_was_but_for_what_it_does(owner: Any) -> None:
    patch(owner, "method", ("self", "one"), twice)
    patch(owner, "made", ("cls", "one"), twice)
    assert owner().method("a", "b") == "abab"
    assert owner.made("a") == "OwneraOwnera"
    assert owner.method.__doc__ == "What it does."


@pytest.mark.parametrize(
    "name, parameters, told",
    [
        ("absent", ("self",), "has no Owner.absent"),
        ("inherited", ("self",), "has no Owner.inherited"),
        ("method", ("self", "two"), r"takes \(self, one, two\)"),
    ],
)
def test_what_is_not_as_it_is_known_is_refused(
    name: str, parameters: tuple[str, ...], told: str, owner: Any
) -> None:
    with pytest.raises(HookError, match=told):
        patch(owner, name, parameters, twice)
