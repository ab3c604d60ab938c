"""One engine input in, its verdict and replacement out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from ..classifiers.text.folding import normalise
from ..corruption.corrupted_prompt import CorruptedPrompt
from ..corruption.corruptor import Corruptor, NeutralTokens
from ..corruption.embedding_table import EmbeddingTable
from ..corruption.recipe import Recipe, RecipeError, fallback_operator
from ..vocabulary import Verdict
from . import metrics
from .configuration import CorruptionSettings
from .guard import Guard, GuardError
from .load.byte_budget import ByteBudget
from .prompts import DecodedPrompt, PromptDecoder

if TYPE_CHECKING:  # it takes seconds to import
    from vllm.inputs import EmbedsInput, EncoderDecoderInput, EngineInput, MultiModalInput, SingletonInput

logger = logging.getLogger(__name__)

NEUTRAL_WORD = " something"
# So many tokens before an answer may be the beginning of a name that the answer ends.
_END = 32

Make = Callable[[EmbeddingTable], Recipe]
"""Makes the recipe of a model."""
CORRUPTED = "corrupted"
"""The key of an engine input of tokens under which its ``CorruptedPrompt`` stands."""
TARGETS = "unlearn_targets"
"""The key of a flagged engine input under which the ids of its targets stand."""


class Rewriter:
    """Reads vLLM's engine inputs (``vllm.inputs.engine``) and corrupts the flagged ones."""

    def __init__(
        self,
        settings: CorruptionSettings,
        folder: Path | None,
        dtype: torch.dtype,
        max_tokens: int,
        acts: bool = True,
        made: Make | None = None,
    ) -> None:
        """``folder`` is the model's checkpoint, or None where neutral tokens replace embeddings;
        ``acts`` is false where verdicts are only counted; ``made`` gives the recipe of a model for which
        the settings name nothing: noise without it.

        Raises ``RecipeError`` for a recipe of another model, or one that leaves a role as it is,
        ``ModelError`` for a checkpoint without readable embeddings.
        """
        self.corruptor = _corruptor(settings, EmbeddingTable(folder), dtype, made) if folder else None
        self._max_tokens = max_tokens
        self._acts = acts
        self._budget = ByteBudget(settings.max_bytes)
        self._noted: set[str] = set()
        self._folded: tuple[Sequence[int], str] = ((), "")

    def attach(self, tokenizer: Any) -> None:
        """Take the served model's tokenizer. Raises ``TokenizerError`` if it is not a fast one."""
        self._tokenizer = tokenizer
        self._decoder = PromptDecoder(tokenizer)
        self._neutral = NeutralTokens(self.encode(NEUTRAL_WORD))

    def encode(self, text: str) -> list[int]:
        """The token ids of ``text``, without special tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, token_ids: Sequence[int]) -> DecodedPrompt:
        """The text of ``token_ids``, with the place of each."""
        return self._decoder.decode(token_ids)

    def fold(self, token_ids: Sequence[int]) -> str:
        """The folded text of a prompt, a space before and after it. It is remembered for the next that asks:
        all answers to one prompt have its very list."""
        known, text = self._folded
        if known is not token_ids:
            text = f" {normalise(self.decode(token_ids).text)[0].strip()} "
            self._folded = token_ids, text
        return text

    def end_of(self, prompt: EngineInput) -> str:
        """``last_line`` of an engine input."""
        decoder = prompt["decoder_prompt"] if prompt["type"] == "enc_dec" else prompt
        return self.last_line(decoder.get("prompt_token_ids") or ())

    def last_line(self, token_ids: Sequence[int]) -> str:
        """The end of what the model goes on from, which may be the beginning of a name."""
        return self._decoder.decode(token_ids[-_END:]).text.rpartition("\n")[2]

    @property
    def decoder(self) -> PromptDecoder:
        """Makes text of the model's tokens."""
        return self._decoder

    def text_of(self, token: int) -> str | None:
        """What ``token`` reads: U+FFFD for a part of a character, None for a special one."""
        return self._decoder.text_of(token)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self._decoder.size

    def neutral(self, token_ids: Sequence[int], positions: Sequence[int]) -> list[int]:
        """``token_ids`` with neutral ones at ``positions``."""
        return self._neutral.replace(token_ids, positions)

    def rewrite(self, prompt: EngineInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        """Decide on a prompt: the verdict, and the input to use instead if it is flagged."""
        if prompt["type"] == "enc_dec":
            return self._rewrite_pair(prompt, guard)
        token_ids = prompt.get("prompt_token_ids")
        # vLLM refuses what is too long (400), and embeddings without tokens have no text to read.
        if token_ids is None or len(token_ids) >= self._max_tokens:
            return Verdict("pass", guard.generation), None
        return self._read(prompt, guard)

    def _read(self, prompt: SingletonInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        token_ids = prompt["prompt_token_ids"]
        with metrics.SECONDS.labels("decode").time():
            decoded = self._decoder.decode(token_ids)
        with metrics.SECONDS.labels("detect").time():
            verdict = guard.screen(decoded.text, decoded.turns)
        if verdict.action == "pass" or not self._acts:
            return verdict, None
        with metrics.SECONDS.labels("corrupt").time():
            replacement = self._replace_matches(prompt, decoded, verdict)
        return verdict, _change(replacement, TARGETS, frozenset(m.target_id for m in verdict.matches))

    def _rewrite_pair(self, prompt: EncoderDecoderInput, guard: Guard) -> tuple[Verdict, EngineInput | None]:
        """An encoder-decoder prompt. The encoder's tokens have left for the model by now, inside of the
        decoder's inputs: a match there cannot be corrupted, and the request must not pass."""
        encoder = prompt["encoder_prompt"]
        if encoder.get("prompt_token_ids") and self._read(encoder, guard)[0].action == "corrupt":
            raise GuardError("a match in an encoder's prompt cannot be corrupted")
        verdict, replacement = self.rewrite(prompt["decoder_prompt"], guard)
        return verdict, _change(prompt, "decoder_prompt", replacement) if replacement else None

    def _replace_matches(
        self, prompt: SingletonInput, decoded: DecodedPrompt, verdict: Verdict
    ) -> EngineInput:
        if self.corruptor and prompt["type"] != "multimodal":
            flagged = decoded.flag(verdict.matches, self.corruptor.reach)
            corrupted = self.corruptor.corrupt(prompt["prompt_token_ids"], flagged)
            key = CORRUPTED
            if prompt["type"] == "embeds":
                key, corrupted = "prompt_embeds", _add_theirs(prompt, corrupted)
            if self._budget.admits(corrupted):
                return _change(prompt, key, corrupted)
            # A refusal would tell: no other prompt of this length gets one.
            self._note(f"{self._budget.limit:,} bytes of embeddings are in flight (corruption.max_bytes)")
        else:
            self._note(f"{prompt['type']} prompts take no embeddings here")
        placeholders = self._placeholders(prompt) if prompt["type"] == "multimodal" else set()
        positions = [t.position for t in decoded.flag(verdict.matches) if t.position not in placeholders]
        return _change(prompt, "prompt_token_ids", self.neutral(prompt["prompt_token_ids"], positions))

    def _placeholders(self, prompt: MultiModalInput) -> set[int]:
        """Positions that stand for images or audio. It is clients who declare them, so only those are
        believed whose token is no text."""
        token_ids = prompt["prompt_token_ids"]
        positions: set[int] = set()
        for ranges in prompt.get("mm_placeholders", {}).values():
            for place in ranges:
                positions.update(range(place.offset, min(place.offset + place.length, len(token_ids))))
        return {p for p in positions if not self._decoder.is_text(token_ids[p])}

    def _note(self, reason: str) -> None:
        """Say once why neutral tokens are used."""
        if reason not in self._noted:
            self._noted.add(reason)
            logger.warning("unlearn: %s; matches become neutral tokens", reason)


def carry(prompt: EngineInput, corrupted: CorruptedPrompt) -> EngineInput:
    """A copy of ``prompt``, one of tokens, that carries what replaces some of them."""
    return _change(prompt, CORRUPTED, corrupted)


def _change(prompt: EngineInput, key: str, value: object) -> EngineInput:
    """A copy of ``prompt`` with another ``value``."""
    return cast("EngineInput", {**prompt, key: value})


def _add_theirs(prompt: EmbedsInput, corrupted: CorruptedPrompt) -> CorruptedPrompt:
    """A client's own embeddings, which the operator allowed, and ours."""
    rows = dict(zip(corrupted.positions.tolist(), corrupted.rows, strict=True))
    for position, is_token in enumerate(prompt["is_token_ids"]):
        if not is_token:
            rows[position] = prompt["prompt_embeds"][position]
    return CorruptedPrompt.of(rows, len(corrupted))


def _refuse_idle(recipe: Recipe, file: Path) -> Recipe:
    """Raises ``RecipeError`` for one that lets some flagged tokens through as they are."""
    if left := ", ".join(role.label for role in recipe.idle_roles()):
        raise RecipeError(
            f"recipe {file} leaves what it should corrupt as it is, of the roles {left}: such "
            "prompts would pass unguarded; learn it again with `vllm-unlearn learn`"
        )
    return recipe


def _corruptor(
    settings: CorruptionSettings, table: EmbeddingTable, dtype: torch.dtype, made: Make | None
) -> Corruptor:
    if settings.recipe:
        recipe = _refuse_idle(Recipe.load(settings.recipe), settings.recipe)
        source = f"recipe {settings.recipe} ({recipe.operator.operator})"
    elif made and not settings.operator:
        return Corruptor(made(table), table, dtype)  # which says itself what it found
    else:
        operator = settings.operator or fallback_operator()
        recipe, source = Recipe(operator, table.fingerprint, table.hidden), operator.operator
    corruptor = Corruptor(recipe, table, dtype)
    logger.info("unlearn: corruption: %s, recipe %s", source, recipe.digest)
    return corruptor


def model_folder(model: str, revision: str | None, tokenizer: bool = False) -> Path:
    """The folder of a model's checkpoint, with its tokenizer if wanted: itself, or its files from the
    Hugging Face hub."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.jinja", "*.model", "*.txt"] if tokenizer else ["config.json"]
    patterns += ["*.safetensors", "*.safetensors.index.json"]
    return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
