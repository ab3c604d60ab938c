"""How embeddings are corrupted: an artifact tied to one model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .operators import AnyOperator, Noise

FORMAT = "vllm-unlearn recipe 1"
_OPERATOR: TypeAdapter[AnyOperator] = TypeAdapter(AnyOperator)


class RecipeError(ValueError):
    """A recipe cannot be read, or belongs to another model."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An operator for the model whose embeddings have ``fingerprint`` and width ``hidden``."""

    operator: AnyOperator
    fingerprint: str
    hidden: int

    @property
    def digest(self) -> str:
        """Names the recipe: 16 hex digits over everything that decides a corruption."""
        return hashlib.sha256(json.dumps(self._metadata(), sort_keys=True).encode()).hexdigest()[:16]

    def corrupt(self, rows: torch.Tensor, token_ids: list[int], target_id: str) -> torch.Tensor:
        """Corrupt ``rows`` (tokens, hidden), the embeddings of ``token_ids`` in a match of a target.

        Deterministic: recipe, target and token decide the result. Raises ``RecipeError`` where
        ``rows`` are of another width than the recipe's model.
        """
        if rows.shape[1] != self.hidden:
            raise RecipeError(
                f"the recipe is for embeddings {self.hidden} wide, the model's are {rows.shape[1]}"
            )
        return self.operator.corrupt(rows, [self._seed(target_id, token) for token in token_ids])

    def _seed(self, target_id: str, token: int) -> int:
        key = f"{self.digest}\0{target_id}\0{token}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=7).digest(), "big")

    def _metadata(self) -> dict[str, str]:
        return {
            "format": FORMAT,
            "operator": self.operator.model_dump_json(),
            "fingerprint": self.fingerprint,
            "hidden": str(self.hidden),
        }

    def save(self, path: Path) -> None:
        """Write the recipe to ``path``: safetensors, with what it is in the metadata.

        Raises ``RecipeError`` where it cannot be written.
        """
        # The operators have no weights; a learned recipe will have, and readers need one format.
        try:
            save_file({}, path, metadata=self._metadata() | {"digest": self.digest})
        except (OSError, SafetensorError) as error:
            raise RecipeError(f"recipe {path} cannot be written: {error}") from error

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe. Raises ``RecipeError`` where the file is missing, broken or altered."""
        try:
            with safe_open(path, framework="pt") as tensors:
                metadata = tensors.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"it is of the format {metadata.get('format')!r}, not {FORMAT!r}")
            recipe = cls(
                _OPERATOR.validate_json(metadata["operator"]),
                metadata["fingerprint"],
                int(metadata["hidden"]),
            )
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise RecipeError(f"recipe {path} cannot be read: {error}") from error
        if metadata.get("digest") != recipe.digest:
            raise RecipeError(f"recipe {path} was altered after it was written; make it again")
        return recipe

    def check_model(self, fingerprint: str, hidden: int) -> None:
        """Raise ``RecipeError`` unless the recipe was made for the model with these embeddings."""
        if (self.fingerprint, self.hidden) != (fingerprint, hidden):
            raise RecipeError(
                f"the recipe was made for another model (embeddings {self.fingerprint[:12]}, "
                f"{self.hidden} wide) than the one served ({fingerprint[:12]}, {hidden} wide); make one with "
                "`vllm-unlearn recipe MODEL FILE`, or leave `corruption.recipe` out"
            )


def default_operator() -> AnyOperator:
    """The operator used where no recipe is configured: chosen by ``evaluation.operators``.

    Noise on the first dimension alone, as in ECO, is one draw: where it comes out small, the name
    is still read. Over 32 dimensions no draw is small.
    """
    return Noise(dimensions=32, sigma=100.0)
