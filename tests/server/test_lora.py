"""LoRA adapters on the V1 runner, which takes no mixed prompts then: names become neutral tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines import TARGET
from surfaces import INNOCENT, LISTED, SURFACES, Clients, chat_with_lora, settled
from vllm_unlearn.evaluation.models.serving import Server
from vllm_unlearn.guard.canary import canary_names
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.server.doctor import Doctor

QUESTIONS = (INNOCENT, LISTED)


@pytest.fixture(scope="module")
def all_flags(flags: list[str], lora_flags: list[str]) -> list[str]:
    return flags + lora_flags


def test_base_model_and_adapter_are_guarded(
    model_folder: Path, all_flags: list[str], encoder_name: str, tmp_path: Path
) -> None:
    with Server(model_folder, tmp_path / "plain.log", flags=all_flags) as server:
        clients = Clients(server.url)
        plain = {text: settled(SURFACES["chat"](clients, text)) for text in QUESTIONS}
        plain_lora = {text: chat_with_lora(clients, text) for text in QUESTIONS}
    config = tmp_path / "unlearn.yaml"
    config.write_text(f"encoder: {{model: '{encoder_name}'}}\n")
    store = Store.create(f"sqlite:///{tmp_path}/forget.db")
    store.forget([TARGET])
    canaries = canary_names(store.head().store_id)
    # vLLM's own serve command, as a user runs it: the plugin comes in by the environment alone.
    own = Server(model_folder, tmp_path / "serve.log", flags=all_flags)
    with own.with_environment(VLLM_PLUGINS="unlearn", VLLM_UNLEARN_CONFIG=str(config)) as server:
        clients = Clients(server.url)
        for ask, known in ((SURFACES["chat"], plain), (chat_with_lora, plain_lora)):
            assert settled(ask(clients, INNOCENT)) == known[INNOCENT]
            answer = settled(ask(clients, LISTED))
            assert answer != known[LISTED]
            assert answer["usage"] == known[LISTED]["usage"]
            assert settled(ask(clients, INNOCENT))["choices"] == known[INNOCENT]["choices"]
        assert "LoRA is on" in server.tail(1_000_000)
        findings = list(Doctor(server.url, canaries).examine())
        assert {finding.state for finding in findings} == {"guarded"}, findings
    assert plain[INNOCENT] != plain_lora[INNOCENT] or plain[LISTED] != plain_lora[LISTED], (
        "the adapter is idle"
    )
