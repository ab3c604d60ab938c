"""One engine input in, its verdict and replacement out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..corruption.corruptor import CorruptedPrompt, Corruptor, NeutralTokens
from ..corruption.embedding_table import EmbeddingTable
from ..corruption.recipe import Recipe, RecipeError, default_operator
from ..vocabulary import Verdict
from . import metrics
from .configuration import CorruptionSettings
from .guard import Guard, GuardError
from .prompts import DecodedPrompt, PromptDecoder

logger = logging.getLogger(__name__)

NEUTRAL_WORD = " something"

EngineInput = dict[str, Any]


class Screen:
    """Reads vLLM's engine inputs (``vllm.inputs.engine``) and corrupts the flagged ones."""

    def __init__(
        self,
        settings: CorruptionSettings,
        folder: Path | None,
        dtype: torch.dtype,
        max_tokens: int,
        acts: bool = True,
    ) -> None:
        """``folder`` is the model's checkpoint, or None where neutral tokens replace embeddings;
        ``acts`` is false where verdicts are only counted.

        Raises ``RecipeError`` for a recipe of another model, or one that leaves a role as it is,
        ``ValueError`` for a checkpoint without readable embeddings.
        """
        self.corruptor = Corruptor(*_recipe(settings, EmbeddingTable(folder)), dtype) if folder else None
        self._max_tokens = max_tokens
        self._acts = acts
        self._said_neutral = False

    def attach(self, tokenizer: Any) -> None:
        """Take the served model's tokenizer. Raises ``ValueError`` if it is not a fast one."""
        self._tokenizer = tokenizer
        self._decoder = PromptDecoder(tokenizer)
        self._neutral = NeutralTokens(self.encode(NEUTRAL_WORD))

    def encode(self, text: str) -> list[int]:
        """The token ids of ``text``, without special tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def replaced(self, prompt: EngineInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        """Decide on a prompt: the verdict, and the input to use instead if it is flagged."""
        if prompt["type"] == "enc_dec":
            return self._replaced_pair(prompt, guard)
        token_ids = prompt.get("prompt_token_ids")
        # vLLM refuses what is too long (400), and embeddings without tokens have no text to read.
        if token_ids is None or len(token_ids) >= self._max_tokens:
            return Verdict("pass", guard.generation), None
        return self._read(prompt, guard)

    def _read(self, prompt: EngineInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        token_ids = prompt["prompt_token_ids"]
        with metrics.SECONDS.labels("decode").time():
            decoded = self._decoder.decode(token_ids)
        with metrics.SECONDS.labels("detect").time():
            verdict = guard.screen(decoded.text, decoded.turns)
        if verdict.action == "pass" or not self._acts:
            return verdict, None
        with metrics.SECONDS.labels("corrupt").time():
            return verdict, self._corrupted(prompt, decoded, verdict)

    def _replaced_pair(self, prompt: EngineInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        """An encoder-decoder prompt. The encoder's tokens have left for the model by now, inside of the
        decoder's inputs: a match there cannot be corrupted, and the request must not pass."""
        encoder = prompt["encoder_prompt"]
        if encoder.get("prompt_token_ids") and self._read(encoder, guard)[0].action == "corrupt":
            raise GuardError("a match in an encoder's prompt cannot be corrupted")
        verdict, replacement = self.replaced(prompt["decoder_prompt"], guard)
        return verdict, prompt | {"decoder_prompt": replacement} if replacement else None

    def _corrupted(self, prompt: EngineInput, decoded: DecodedPrompt, verdict: Verdict) -> EngineInput:
        if self.corruptor and prompt["type"] != "multimodal":
            owners = decoded.owners(verdict.matches, self.corruptor.reach)
            roles = decoded.roles(verdict.matches, owners)
            corrupted = self.corruptor.corrupt(
                prompt["prompt_token_ids"], owners, verdict.generation, roles, decoded.sentences(owners)
            )
            return self._with_embeddings(prompt, corrupted)
        self._say_neutral(prompt["type"])
        positions = sorted(decoded.owners(verdict.matches).keys() - _placeholders(prompt))
        token_ids = self._neutral.replace(prompt["prompt_token_ids"], positions)
        return prompt | {
            "prompt_token_ids": token_ids,
            "cache_salt": _salt(prompt, f"unlearn:{verdict.generation}"),
        }

    def _with_embeddings(self, prompt: EngineInput, corrupted: CorruptedPrompt) -> EngineInput:
        replaced = self.engine_input(prompt["prompt_token_ids"], corrupted, _salt(prompt, corrupted.key))
        replaced |= {key: prompt[key] for key in ("prompt", "arrival_time") if key in prompt}
        if prompt["type"] == "embeds":  # a client's own, which the operator allowed
            theirs = torch.tensor([not real for real in prompt["is_token_ids"]])
            replaced["prompt_embeds"][theirs] = prompt["prompt_embeds"][theirs]
            mask = zip(corrupted.is_token_id, prompt["is_token_ids"], strict=True)
            replaced["is_token_ids"] = [clean and real for clean, real in mask]
        return replaced

    def engine_input(self, token_ids: Sequence[int], corrupted: CorruptedPrompt, salt: str) -> EngineInput:
        """A mixed input (``EmbedsInput``): real tokens, and embeddings where the mask says so."""
        return {
            "type": "embeds",
            "prompt_token_ids": list(token_ids),
            "prompt_embeds": corrupted.embeddings,
            "is_token_ids": corrupted.is_token_id,
            "cache_salt": salt,
        }

    def _say_neutral(self, kind: str) -> None:
        if not self._said_neutral:
            self._said_neutral = True
            logger.warning("unlearn: %s prompts take no embeddings here; matches become neutral tokens", kind)


def _salt(prompt: EngineInput, key: str) -> str:
    """The guard's salt, beside the client's own: both must agree for blocks to be shared."""
    return f"{key}:{prompt.get('cache_salt') or ''}"


def _placeholders(prompt: EngineInput) -> set[int]:
    """Positions that stand for images or audio; their tokens are not text."""
    ranges = [r for modality in prompt.get("mm_placeholders", {}).values() for r in modality]
    return {position for r in ranges for position in range(r.offset, r.offset + r.length)}


def _whole(recipe: Recipe, file: Path) -> Recipe:
    """Raises ``RecipeError`` for one that lets some flagged tokens through as they are."""
    if left := recipe.untouched():
        raise RecipeError(
            f"recipe {file} leaves what it should corrupt as it is, of the roles {', '.join(left)}: such "
            "prompts would pass unguarded; learn it again with `vllm-unlearn learn`"
        )
    return recipe


def _recipe(settings: CorruptionSettings, table: EmbeddingTable) -> tuple[Recipe, EmbeddingTable]:
    if settings.recipe:
        return _whole(Recipe.load(settings.recipe), settings.recipe), table
    operator = settings.operator or default_operator()
    return Recipe(operator, table.fingerprint, table.hidden), table


def model_folder(model: str, revision: str | None, tokenizer: bool = False) -> Path:
    """The folder of a model's checkpoint, with its tokenizer if wanted: itself, or its files from the
    Hugging Face hub."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.jinja", "*.model", "*.txt"] if tokenizer else ["config.json"]
    patterns += ["*.safetensors", "*.safetensors.index.json"]
    return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
