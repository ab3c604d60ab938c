"""The way of a corrupted prompt from the frontend into the engine: patched in every process of vLLM.

To vLLM's frontend a flagged request is one of tokens, like any other; beside them it carries a
``CorruptedPrompt``. That one goes over the wire as the few rows that it is, and its type alone marks the
guard's requests in the engine: nothing that a client can send becomes one.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left
from collections.abc import Callable
from inspect import isclass
from typing import Any

import torch
from vllm.inputs import EngineInput, PromptType
from vllm.v1.core import kv_cache_utils
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.core import EngineCore
from vllm.v1.engine.input_processor import InputProcessor
from vllm.v1.request import Request
from vllm.v1.serial_utils import MsgpackDecoder
from vllm.v1.structured_output import StructuredOutputManager

from ...corruption.corrupted_prompt import CorruptedPrompt
from ..rewriter import CORRUPTED
from .continuation import answer_length, is_continuation
from .patching import HookError, patch
from .twins import Twins, look_up, record

PROBE = "unlearn_takes_embeddings"
"""The method of an ``EngineCore`` that our patches are in: whether its workers take embeddings."""

_TAG = "unlearn"  # of what is ours in a block's key
# The ``n`` copies of a request arrive one by one, and hold their rows together.
_arrived: weakref.WeakValueDictionary[tuple[int, bytes | None], CorruptedPrompt] = (
    weakref.WeakValueDictionary()
)


class _Carrier(torch.Tensor):
    """A tensor that carries a corrupted prompt: vLLM's decoder must return a tensor."""

    prompt: CorruptedPrompt


def install() -> None:
    """Patch this process. Raises ``HookError``."""
    patch(InputProcessor, "process_inputs", ("self", "request_id", "prompt", "params"), _attach)
    patch(MsgpackDecoder, "dec_hook", ("self", "t", "obj"), _decode)
    twins = Twins()
    patch(EngineCore, "preprocess_add_request", ("self", "request"), lambda original: _mark(original, twins))
    patch(
        kv_cache_utils,
        "_gen_prompt_embeds_extra_hash_keys",
        ("request", "start_token_idx", "end_token_idx"),
        _key,
    )
    patch(
        KVCacheManager,
        "get_computed_blocks",
        ("self", "request"),
        lambda original: look_up(original, twins),
    )
    patch(KVCacheManager, "record_prefix_cache_stats", ("self", "request", "num_hits"), record)
    setattr(EngineCore, PROBE, _takes_embeddings)


def install_continuations() -> None:
    """Patch this process so that a constraint goes on within an answer. Raises ``HookError``."""
    patch(StructuredOutputManager, "_create_grammar", ("self", "request"), _advance)
    patch(KVCacheManager, "record_prefix_cache_stats", ("self", "request", "num_hits"), _record_once)


def _record_once(original: Callable[..., None]) -> Callable[..., None]:
    """A prompt counts once in the public metrics, however often its answer was gone on with."""

    def record_prefix_cache_stats(self: KVCacheManager, request: Request, num_hits: int) -> None:
        if not is_continuation(request.request_id):
            original(self, request, num_hits)

    return record_prefix_cache_stats


def _advance(original: Callable[..., Any]) -> Callable[..., Any]:
    def _create_grammar(self: StructuredOutputManager, request: Request) -> Any:
        """The grammar of a request that goes on with an answer, past what is written."""
        grammar = original(self, request)
        length = answer_length(request.request_id)
        if length and request.prompt_token_ids is not None:
            written = request.prompt_token_ids[-length:]
            start = _end_of_reasoning(self, request, written)
            if not grammar.accept_tokens(request.request_id, written[start:]):
                raise ValueError("the answer so far does not fit its grammar")
        return grammar

    return _create_grammar


def _end_of_reasoning(manager: StructuredOutputManager, request: Request, written: list[int]) -> int:
    """How many tokens of an answer are reasoning, which no grammar binds."""
    reasoner = None if manager.enable_in_reasoning else manager._get_reasoner(request)
    before = (request.prompt_token_ids or [])[: -len(written)]
    if reasoner is None or reasoner.is_reasoning_end(before):
        return 0
    if not reasoner.is_reasoning_end(written):
        return len(written)
    return bisect_left(range(len(written)), True, key=lambda end: reasoner.is_reasoning_end(written[:end]))


def _attach(original: Callable[..., Any]) -> Callable[..., Any]:
    def process_inputs(
        self: InputProcessor, request_id: str, prompt: PromptType | EngineInput, *args: Any, **kwargs: Any
    ) -> Any:
        request = original(self, request_id, prompt, *args, **kwargs)
        corrupted = prompt.get(CORRUPTED) if isinstance(prompt, dict) else None
        if isinstance(corrupted, CorruptedPrompt):
            request.prompt_embeds = corrupted
        return request

    return process_inputs


def _decode(original: Callable[..., Any]) -> Callable[..., Any]:
    def dec_hook(self: MsgpackDecoder, t: type, obj: Any) -> Any:
        # A plain tensor comes as a list; a dataclass is sent as a mapping of its fields.
        if isclass(t) and issubclass(t, torch.Tensor) and isinstance(obj, dict):
            positions = self._decode_ndarray(obj["positions"]).copy()  # else it keeps the message alive
            prompt = CorruptedPrompt(self._decode_tensor(obj["rows"]), positions, obj["tokens"])
            carrier = prompt.rows.as_subclass(_Carrier)
            carrier.prompt = _arrived.setdefault((prompt.tokens, prompt.digest(0, prompt.tokens)), prompt)
            return carrier
        return original(self, t, obj)

    return dec_hook


def _mark(original: Callable[..., Any], twins: Twins) -> Callable[..., Any]:
    def preprocess_add_request(self: EngineCore, request: EngineCoreRequest) -> tuple[Request, int]:
        if isinstance(request.prompt_embeds, _Carrier):
            request.prompt_embeds = request.prompt_embeds.prompt  # type: ignore[assignment]
        if isinstance(request.prompt_embeds, CorruptedPrompt) and not _takes_embeddings(self):
            raise HookError("this engine's workers take no prompt embeddings, and would read the tokens")
        # Without a mask, vLLM keeps the ids of all tokens; with one it would forget those of the masked.
        made: Request
        made, wave = original(self, request)
        if isinstance(made.prompt_embeds, CorruptedPrompt):
            if made.prompt_is_token_ids is None:  # beside a client's own embeddings, its tokens are not all
                twins.follow(made)
            made.prompt_is_token_ids = made.prompt_embeds.is_token
        return made, wave

    return preprocess_add_request


def _key(original: Callable[..., Any]) -> Callable[..., Any]:
    """The part of a block's key that is ours: blocks without an embedding have none, and so are shared with
    clean prompts; all after one differ by the chain."""

    def extra_keys(request: Request, start_token_idx: int, end_token_idx: int) -> list[tuple[str, bytes]]:
        if not isinstance(request.prompt_embeds, CorruptedPrompt):
            keys: list[tuple[str, bytes]] = original(request, start_token_idx, end_token_idx)
            return keys
        digest = request.prompt_embeds.digest(start_token_idx, end_token_idx)
        return [] if digest is None else [(_TAG, digest)]

    return extra_keys


def _takes_embeddings(self: EngineCore) -> bool:
    return bool(self.vllm_config.model_config.enable_prompt_embeds)
