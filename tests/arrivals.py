"""A request as an engine has it, without an engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from vllm.utils.hashing import sha256
from vllm.v1.core import kv_cache_utils
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.core import EngineCore
from vllm.v1.engine.input_processor import InputProcessor
from vllm.v1.request import Request
from vllm.v1.serial_utils import MsgpackDecoder, MsgpackEncoder

BLOCK = 4
PATCHED = [
    (InputProcessor, "process_inputs"),
    (MsgpackDecoder, "dec_hook"),
    (EngineCore, "preprocess_add_request"),
    (kv_cache_utils, "_gen_prompt_embeds_extra_hash_keys"),
    (KVCacheManager, "get_computed_blocks"),
    (KVCacheManager, "record_prefix_cache_stats"),
]


def remember_vllms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back at the end of a test what the guard replaces of the engine."""
    for owner, name in PATCHED:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    kv_cache_utils.init_none_hash(sha256)


def arrived(request: EngineCoreRequest, takes_embeddings: bool = True) -> Request:
    """The request as the engine has it."""
    core: Any = EngineCore.__new__(EngineCore)
    core.vllm_config = SimpleNamespace(model_config=SimpleNamespace(enable_prompt_embeds=takes_embeddings))
    core.mm_receiver_cache = None
    core.request_block_hasher = kv_cache_utils.get_request_block_hasher(BLOCK, sha256)
    decoded = MsgpackDecoder(EngineCoreRequest).decode(MsgpackEncoder().encode(request))
    return core.preprocess_add_request(decoded)[0]  # type: ignore[no-any-return]
