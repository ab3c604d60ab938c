from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.serve.utils import fingerprint
from vllm.renderers import renderer_from_config
from vllm.renderers.registry import RendererRegistry
from vllm_unlearn.guard.engine import client_view

MARKER = "<prompt_embeds>"


@dataclass
class Config:
    max_model_len: int = 10
    enable_prompt_embeds: bool = True

    @property
    def doubled(self) -> int:
        return 2 * self.max_model_len


def test_a_view_is_the_configuration_itself_but_for_the_flag() -> None:
    config: Any = Config()
    view = client_view.of_model(config, False)
    config.max_model_len = 7  # as the engine does once it knows its memory
    assert isinstance(view, Config)
    assert (view.max_model_len, view.doubled, view.enable_prompt_embeds) == (7, 14, False)
    view.max_model_len = 5
    assert (config.max_model_len, config.enable_prompt_embeds) == (5, True)


@pytest.mark.parametrize("allowed", [False, True])
def test_the_tokenizer_knows_the_marker_only_where_clients_may_send_embeddings(
    allowed: bool, model_folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RendererRegistry, "load_renderer", RendererRegistry.load_renderer)
    plain = fingerprint.build_system_fingerprint
    monkeypatch.setattr(fingerprint, "build_system_fingerprint", plain)
    client_view.install(allowed)
    config = EngineArgs(
        str(model_folder), enable_prompt_embeds=True, max_model_len=512
    ).create_engine_config()
    renderer = renderer_from_config(config)
    assert renderer.model_config.enable_prompt_embeds is allowed
    assert config.model_config.enable_prompt_embeds, "the engine's flag was cleared"
    assert (len(renderer.get_tokenizer().encode(MARKER, add_special_tokens=False)) == 1) is allowed
    asked = EngineArgs(str(model_folder), enable_prompt_embeds=allowed, max_model_len=512)
    assert fingerprint.build_system_fingerprint(config) == plain(asked.create_engine_config())
