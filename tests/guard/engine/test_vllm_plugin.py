"""Whatever keeps the guard from working keeps the server from starting, and says why."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import vllm
from prometheus_client import REGISTRY
from vllm import envs
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.launchers.api_server import entry
from vllm.entrypoints.serve.utils import fingerprint
from vllm.platforms import current_platform
from vllm.platforms.interface import Platform
from vllm.renderers.registry import RendererRegistry
from vllm.v1.core import kv_cache_utils
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.core import EngineCore
from vllm.v1.engine.input_processor import InputProcessor
from vllm.v1.engine.llm_engine import LLMEngine
from vllm.v1.engine.output_processor import OutputProcessor
from vllm.v1.serial_utils import MsgpackDecoder
from vllm.v1.worker.gpu.model_states.default import DefaultModelState
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.encoder_export import export_once
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.guard import metrics, plugin
from vllm_unlearn.guard.configuration import ConfigurationError, load
from vllm_unlearn.guard.engine import vllm_plugin
from vllm_unlearn.guard.engine.patching import HookError
from vllm_unlearn.guard.engine.vllm_plugin import install
from vllm_unlearn.guard.store.store import StoreError

PATCHED = [
    (EngineArgs, "create_engine_config"),
    (AsyncLLM, "__init__"),
    (AsyncLLM, "add_request"),
    (AsyncLLM, "scale_elastic_ep"),
    (LLMEngine, "__init__"),
    (LLMEngine, "add_request"),
    (OutputProcessor, "add_request"),
    (OutputProcessor, "process_outputs"),
    (entry, "build_and_serve"),
    (InputProcessor, "process_inputs"),
    (MsgpackDecoder, "dec_hook"),
    (EngineCore, "preprocess_add_request"),
    (kv_cache_utils, "_gen_prompt_embeds_extra_hash_keys"),
    (DefaultModelState, "add_request"),
    (DefaultModelState, "remove_request"),
    (DefaultModelState, "prepare_inputs_embeds"),
    (RendererRegistry, "load_renderer"),
    (fingerprint, "build_system_fingerprint"),
]


Configure = Callable[..., Path]


@pytest.fixture(autouse=True)
def vllm_as_it_was() -> Iterator[None]:
    originals = [(owner, name, getattr(owner, name)) for owner, name in PATCHED]
    log = logging.getLogger("vllm_unlearn")
    handlers, propagate = log.handlers, log.propagate
    checked = vars(Platform)["validate_environ"]
    yield
    Platform.validate_environ = checked  # type: ignore[method-assign]
    log.handlers, log.propagate = handlers, propagate
    for owner, name, original in originals:
        setattr(owner, name, original)


def test_unconfigured_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    original = AsyncLLM.add_request
    plugin.register()
    assert AsyncLLM.add_request is original


def test_the_kill_switch_is_logged(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    configure()
    monkeypatch.setenv("VLLM_UNLEARN_DISABLE", "1")
    monkeypatch.setattr(vllm_plugin, "_share_vllm_log", lambda: None)
    original = AsyncLLM.add_request
    plugin.register()
    assert AsyncLLM.add_request is original
    assert "NOTHING IS GUARDED" in caplog.text
    assert REGISTRY.get_sample_value("vllm_unlearn_disabled") == 1


def test_mode_off_is_metered_as_what_it_is(configure: Configure) -> None:
    configure("mode: shadow", "public_metrics: true")
    install()
    assert REGISTRY.get_sample_value("vllm_unlearn_disabled") == 0
    assert metrics.PUBLIC_PAGE.everything
    configure("mode: off")
    install()
    assert REGISTRY.get_sample_value("vllm_unlearn_disabled") == 1
    assert not metrics.PUBLIC_PAGE.everything


def test_vllm_knows_our_variables_and_no_other(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("mode: off")
    monkeypatch.setenv("VLLM_UNLEARN_ADMIN_KEY", "0123456789abcdef")
    keys = envs.compile_factors()
    with pytest.raises(ValueError, match="VLLM_UNLEARN_"):
        current_platform.validate_environ(True)
    install()
    current_platform.validate_environ(True)
    assert envs.compile_factors() == keys, "graphs would be compiled anew"
    monkeypatch.setenv("VLLM_UNKNOWN", "1")
    with pytest.raises(ValueError, match="VLLM_UNKNOWN"):
        current_platform.validate_environ(True)


def test_shadow_mode_is_logged(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    configure("mode: shadow")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vllm_plugin, "_share_vllm_log", lambda: None)
        install()
    assert "mode is shadow" in caplog.text and "NOTHING IS SUPPRESSED" in caplog.text


def test_a_failing_import_stops_registration(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM stops where `register` raises; a plugin whose module does not import it only logs."""
    configure()
    monkeypatch.delitem(sys.modules, "vllm_unlearn.guard.engine.vllm_plugin")
    monkeypatch.setitem(sys.modules, "vllm_unlearn.guard.engine.hook", None)
    with pytest.raises(ImportError):
        plugin.register()


def test_the_entry_point_imports_nothing_that_can_fail() -> None:
    code = "import sys, vllm_unlearn.guard.plugin; print(sorted(m for m in sys.modules if m[:4] == 'vllm'))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['vllm_unlearn', 'vllm_unlearn.guard', 'vllm_unlearn.guard.plugin']"


@pytest.mark.parametrize("owner, name", PATCHED)
def test_a_renamed_patch_point_is_refused(
    owner: Any, name: str, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    if name == "__init__":
        monkeypatch.setattr(owner, name, lambda self, settings: None)
    else:
        monkeypatch.delattr(owner, name)
    with pytest.raises(HookError, match=name):
        install()


def test_another_signature_is_refused(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure()

    async def add_request(self: Any, prompt: Any, request_id: str, params: Any) -> None: ...

    monkeypatch.setattr(AsyncLLM, "add_request", add_request)
    with pytest.raises(HookError, match="request_id"):
        install()


def test_an_untested_release_is_refused(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure()
    monkeypatch.setattr(vllm, "__version__", "0.99.0")
    with pytest.raises(HookError, match=r"0\.99\.0.*allow_untested_vllm"):
        install()


def test_the_rust_frontend_is_refused(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure()
    monkeypatch.setenv("VLLM_USE_RUST_FRONTEND", "1")
    with pytest.raises(HookError, match="Rust"):
        install()


def test_an_unknown_setting_is_refused(configure: Configure) -> None:
    configure("thresold: 3")
    with pytest.raises(ConfigurationError, match="thresold"):
        install()


def test_a_missing_store_is_refused(configure: Configure, engine_config: Callable[..., Any]) -> None:
    configure(store=False)
    install()
    with pytest.raises(StoreError, match="vllm-unlearn init"):
        AsyncLLM.from_vllm_config(engine_config())


def test_a_truncated_store_is_refused(configure: Configure, engine_config: Callable[..., Any]) -> None:
    database = configure().parent / "forget.db"
    database.write_bytes(database.read_bytes()[:5000])
    install()
    with pytest.raises(StoreError, match=r"forget\.db"):
        AsyncLLM.from_vllm_config(engine_config())


def _write_recipe(path: Path, model_folder: Path, **other: Any) -> Path:
    table = EmbeddingTable(model_folder)
    fields = {"fingerprint": table.fingerprint, "hidden": table.hidden, **other}
    Recipe(Noise(), **fields).save(path)
    return path


@pytest.mark.parametrize("other", [{"fingerprint": "0" * 64}, {"hidden": 2048}])
def test_a_recipe_of_another_model_is_refused(
    other: dict[str, Any],
    configure: Configure,
    engine_config: Callable[..., Any],
    model_folder: Path,
    tmp_path: Path,
) -> None:
    _write_recipe(tmp_path / "other.safetensors", model_folder, **other)
    configure("corruption: {recipe: other.safetensors}")
    install()
    with pytest.raises(RecipeError, match="another model"):
        AsyncLLM.from_vllm_config(engine_config())


def test_a_truncated_encoder_is_refused(
    configure: Configure,
    engine_config: Callable[..., Any],
    encoder: OnnxEncoder,
    encoder_name: str,
    tmp_path: Path,
) -> None:
    folder = export_once(encoder_name, load(configure()).encoder.cache_dir)
    copy = tmp_path / "cache" / folder.name
    shutil.copytree(folder, copy)
    graph = copy / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:1_000_000])
    configure().write_text(f"encoder: {{model: '{encoder_name}', cache_dir: '{tmp_path}/cache'}}")
    install()
    with pytest.raises(Exception, match=r"model\.onnx"):
        AsyncLLM.from_vllm_config(engine_config())


def test_an_engine_made_past_the_hook_does_not_serve(configure: Configure) -> None:
    configure()
    install()
    engine = AsyncLLM.__new__(AsyncLLM)
    with pytest.raises(HookError, match="past the guard"):
        asyncio.run(AsyncLLM.add_request(engine, "id", "Hello", vllm.SamplingParams()))
    engine.shutdown = lambda timeout=None: None  # type: ignore[method-assign]


def test_serve_says_what_is_wrong_and_stops(configure: Configure, model_folder: Path, tmp_path: Path) -> None:
    """The whole command, as a user runs it: a status other than 0, and the reason at the end."""
    _write_recipe(tmp_path / "other.safetensors", model_folder, fingerprint="0" * 64)
    config = configure("corruption: {recipe: other.safetensors}")
    command = [sys.executable, "-m", "vllm_unlearn.server.cli", "serve", str(model_folder), "-c", str(config)]
    command += ["--host", "127.0.0.1", "--port", "0", "--enforce-eager"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert run.returncode != 0
    assert "the recipe was made for another model" in run.stderr + run.stdout
