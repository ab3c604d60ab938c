from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from vllm_unlearn.server.serve import PLUGIN_GROUPS, allow_plugin


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("lora_resolver", "lora_resolver,unlearn"),
        ("unlearn", "unlearn"),
        ("unlearn,other", "unlearn,other"),
        ("a,,a,b,", "a,b,unlearn"),
        ("", "unlearn"),
    ],
)
def test_the_plugin_joins_those_that_are_allowed(given: str, expected: str) -> None:
    environment = {"VLLM_PLUGINS": given, "OTHER": "x"}
    allow_plugin(environment)
    assert environment == {"VLLM_PLUGINS": expected, "OTHER": "x"}


def test_without_a_list_every_plugin_stays_allowed() -> None:
    environment: dict[str, str] = {}
    allow_plugin(environment)
    allowed = environment["VLLM_PLUGINS"].split(",")
    installed = {entry.name for group in PLUGIN_GROUPS for entry in entry_points(group=group)}
    assert installed | {"unlearn"} == set(allowed)
    assert len(allowed) == len(set(allowed))
    assert len(installed) > 1  # vLLM brings plugins of its own


def test_both_of_our_entry_points_have_the_allowed_name() -> None:
    for group in ("vllm.general_plugins", "vllm.endpoint_plugins"):
        ours = [e.name for e in entry_points(group=group) if e.value.startswith("vllm_unlearn.")]
        assert ours == ["unlearn"]
