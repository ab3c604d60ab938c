from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from vllm_unlearn.guard.configuration import CorruptionSettings, Settings
from vllm_unlearn.guard.engine.model_support import check_config, takes_embeddings
from vllm_unlearn.guard.engine.patching import HookError

CONNECTOR = {"kv_connector": "ExampleConnector", "kv_role": "kv_both"}
EMBEDDINGS = Settings(corruption=CorruptionSettings(apply="embeddings"))


@pytest.mark.parametrize(
    "settings, options, named",
    [
        (Settings(), {"enable_prompt_embeds": True, "kv_transfer_config": CONNECTOR}, "ExampleConnector"),
        (EMBEDDINGS, {"enable_prompt_embeds": True, "enable_lora": True}, "enable-lora"),
        (EMBEDDINGS, {}, "takes no prompt embeddings"),
        (Settings(), {}, "enable_prompt_embeds=True"),
    ],
)
def test_what_the_guard_cannot_act_under_is_refused(
    settings: Settings, options: dict[str, Any], named: str, engine_config: Callable[..., Any]
) -> None:
    config = engine_config(**options)
    with pytest.raises(HookError, match=named):
        check_config(settings, config)
    check_config(settings.model_copy(update={"mode": "shadow"}), config)


@pytest.mark.parametrize(
    "apply, options, expected",
    [
        ("auto", {"enable_prompt_embeds": True}, True),
        ("tokens", {"enable_prompt_embeds": True}, False),
        ("auto", {}, False),
        ("auto", {"enable_prompt_embeds": True, "enable_lora": True}, False),
    ],
)
def test_where_embeddings_break_matches_become_neutral_tokens(
    apply: Any, options: dict[str, Any], expected: bool, engine_config: Callable[..., Any]
) -> None:
    settings = Settings(corruption=CorruptionSettings(apply=apply))
    assert takes_embeddings(settings, engine_config(**options)) is expected
