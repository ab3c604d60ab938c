"""Which of vLLM's models and configurations take what the guard does to a prompt."""

from __future__ import annotations

import logging

from vllm.config import ModelConfig, VllmConfig

from ..configuration import Settings
from .patching import HookError

logger = logging.getLogger(__name__)


def takes_embeddings(settings: Settings, vllm_config: VllmConfig) -> bool:
    """Whether flagged prompts of this engine become embeddings, not neutral tokens."""
    if settings.corruption.apply == "auto" and _breaks_on_mixed_prompts(vllm_config):
        logger.warning("unlearn: LoRA is on under vLLM's V1 model runner: matches become neutral tokens")
        return False
    if settings.corruption.apply == "auto" and vllm_config.model_config.requires_raw_input_tokens:
        logger.warning("unlearn: the model reads token ids beside embeddings: matches become neutral tokens")
        return False
    if vllm_config.model_config.runner_type == "pooling":
        return False
    return settings.corruption.apply != "tokens" and bool(vllm_config.model_config.enable_prompt_embeds)


def _breaks_on_mixed_prompts(vllm_config: VllmConfig) -> bool:
    """The V1 runner embeds a batch's token positions alone, while LoRA's embedding layer expects all
    positions: the engine dies on the first mixed prompt. V2 embeds all of them first."""
    return vllm_config.lora_config is not None and not vllm_config.use_v2_model_runner


def check_config(settings: Settings, vllm_config: VllmConfig) -> None:
    """Raise ``HookError`` for a model or a setting under which the guard could not act."""
    if settings.mode != "enforce":
        return
    model = vllm_config.model_config
    if vllm_config.kv_transfer_config is not None and not settings.allow_kv_connector:
        raise HookError(
            f"the KV connector {vllm_config.kv_transfer_config.kv_connector} may share corrupted blocks "
            "with clean prompts; serve without it, or set `allow_kv_connector: true` once you know that it "
            "knows blocks by vLLM's own hashes (which cover what is corrupted), not by their tokens"
        )
    if model.runner_type == "pooling":
        _check_pooling(settings, model)
        return
    if settings.answers != "off" and model.return_sampling_mask:
        raise HookError(
            "with --return-sampling-mask an answer carries what the answer guard takes back, token by token; "
            "serve without it, or set `answers: off`"
        )
    if settings.corruption.apply == "embeddings" and _breaks_on_mixed_prompts(vllm_config):
        raise HookError(
            "with LoRA on, vLLM's V1 model runner stops at the first prompt of tokens and embeddings; set "
            "`corruption.apply: auto` or `tokens`, or serve without --enable-lora"
        )
    if settings.corruption.apply == "embeddings" and model.requires_raw_input_tokens:
        raise HookError(
            f"{model.model} reads token ids beside embeddings, and would know what is corrupted; "
            "set `corruption.apply: auto` or `tokens`"
        )
    if settings.corruption.apply == "embeddings" and not model.enable_prompt_embeds:
        raise HookError(
            f"{model.model} takes no prompt embeddings in this vLLM; set `corruption.apply: auto` or `tokens`"
        )
    if settings.corruption.apply == "auto" and not (model.enable_prompt_embeds or model.is_encoder_decoder):
        raise HookError(
            "the engine was configured past EngineArgs.create_engine_config, without prompt embeddings; pass "
            "enable_prompt_embeds=True, or set `corruption.apply: tokens`"
        )


def _check_pooling(settings: Settings, model: ModelConfig) -> None:
    if settings.corruption.apply == "embeddings":
        raise HookError(
            f"{model.model} is served as a pooling model, whose matches become neutral tokens; set "
            "`corruption.apply: auto` or `tokens`"
        )
    if settings.screen_pooling:
        logger.info("unlearn: a pooling model: matches become neutral tokens before it scores or embeds them")
    else:
        logger.warning("unlearn: screen_pooling is false: scores, classes and embeddings are NOT GUARDED")
