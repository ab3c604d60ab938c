"""A client's own embeddings are refused however they come; its pictures and sounds are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from vllm.entrypoints.scale_out.token_in_token_out.mm_features import mm_kwargs_from_features
from vllm.entrypoints.scale_out.token_in_token_out.mm_serde import encode_mm_kwargs_item
from vllm.entrypoints.scale_out.token_in_token_out.protocol import MultiModalFeatures, PlaceholderRangeInfo
from vllm.exceptions import VLLMValidationError
from vllm.inputs.engine import mm_input
from vllm.multimodal.inputs import (
    MultiModalBatchedField,
    MultiModalFieldElem,
    MultiModalKwargsItem,
    MultiModalKwargsItems,
    PlaceholderRange,
)
from vllm_unlearn.guard.engine.media import refuse_embeddings


def generate_request(modality: str, field: str | None) -> Any:
    """What ``/inference/v1/generate`` makes of a client's features."""
    elem = MultiModalFieldElem(torch.zeros(2, 4), MultiModalBatchedField())
    item = MultiModalKwargsItem({field: elem}) if field else None
    features = MultiModalFeatures(
        mm_hashes={modality: ["abc"]},
        mm_placeholders={modality: [PlaceholderRangeInfo(offset=1, length=2)]},
        kwargs_data={modality: [encode_mm_kwargs_item(item) if item else None]},
    )
    return mm_input(
        prompt_token_ids=[1, 2, 3, 4],
        mm_kwargs=MultiModalKwargsItems(mm_kwargs_from_features(features)),
        mm_hashes=features.mm_hashes,
        mm_placeholders={modality: [PlaceholderRange(offset=1, length=2)]},
    )


@pytest.mark.parametrize(
    ("modality", "field"),
    [("image", "image_embeds"), ("audio", "audio_embeds"), ("video", "video_embeds"), ("image", "x_embeds")],
)
def test_embeddings_are_refused_as_by_a_server_that_takes_none(modality: str, field: str) -> None:
    prompt: Any = generate_request(modality, field)
    pair: Any = {"type": "enc_dec", "encoder_prompt": prompt, "decoder_prompt": prompt}
    for engine_input in (prompt, pair):
        with pytest.raises(
            VLLMValidationError, match=f"You must set `--enable-mm-embeds` to input `{field}`"
        ):
            refuse_embeddings(engine_input)


@pytest.mark.parametrize(
    ("modality", "field"),
    [
        ("image", "pixel_values"),
        ("audio", "input_audio_features"),
        ("image", "input_image_embeds"),
        ("image", None),
    ],
)
def test_pictures_and_sounds_are_not(modality: str, field: str | None) -> None:
    refuse_embeddings(generate_request(modality, field))
    refuse_embeddings({"type": "token", "prompt_token_ids": [1]})
