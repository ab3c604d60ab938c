"""Embeddings that a client sends in place of text, images or sound: the guard cannot read them."""

from __future__ import annotations

from collections.abc import Iterator

from vllm.exceptions import VLLMValidationError
from vllm.inputs import EngineInput, MultiModalInput, TokensInput

# Two processors name their pixels and sounds like embeddings (Phi-4-multimodal).
_RAW = {"input_image_embeds", "input_audio_embeds"}


def refuse_embeddings(prompt: EngineInput) -> None:
    """Raises ``VLLMValidationError`` (400), as a server that takes no embeddings does."""
    if prompt["type"] == "enc_dec":
        refuse_embeddings(prompt["encoder_prompt"])
        refuse_embeddings(prompt["decoder_prompt"])
    elif prompt["type"] == "embeds":
        raise VLLMValidationError("`prompt_embeds` are not served here.", parameter="prompt_embeds")
    else:
        for name in _embeddings(prompt):
            raise VLLMValidationError(f"You must set `--enable-mm-embeds` to input `{name}`", parameter=name)


def _embeddings(prompt: TokensInput | MultiModalInput) -> Iterator[str]:
    if prompt["type"] != "multimodal":
        return
    for modality, items in (prompt.get("mm_kwargs") or {}).items():
        if modality.endswith("_embeds"):
            yield modality
        for item in items or ():
            yield from (key for key in item or () if key.endswith("_embeds") and key not in _RAW)
