"""How embeddings are corrupted: an artifact tied to one model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..files import replace_file
from ..vocabulary import FlaggedToken, Role, UserError
from .operators.flagged import Flagged, Lookup
from .operators.learned import Learned
from .operators.operators import AnyOperator, Noise, SignFlip, ZeroOut
from .operators.parted import Parted
from .operators.stand_in import StandIn

FORMAT = "vllm-unlearn recipe 6"
RecipeOperator = Annotated[
    Noise | ZeroOut | SignFlip | StandIn | Learned | Parted, Field(discriminator="operator")
]
_OPERATOR: TypeAdapter[RecipeOperator] = TypeAdapter(RecipeOperator)


class RecipeError(UserError, ValueError):
    """A recipe cannot be read, or belongs to another model."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """An operator for the model whose embeddings have ``fingerprint`` and width ``hidden``.

    ``weights`` are a learned operator's. ``provenance`` says what it was learned from and how well it did;
    it decides nothing. Raises ``RecipeError`` for weights that are not the operator's, or not finite.
    """

    operator: RecipeOperator
    fingerprint: str
    hidden: int
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {name: tuple(tensor.shape) for name, tensor in self.weights.items()}
        if shapes != (wanted := self.operator.shapes(self.hidden)):
            raise RecipeError(f"a {self.operator.operator} recipe has the weights {wanted}, not {shapes}")
        for name, tensor in self.weights.items():
            if not tensor.isfinite().all():
                raise RecipeError(f"the recipe's weights {name!r} are not finite; learn it again")

    @cached_property
    def digest(self) -> str:
        """Names the recipe: 16 hex digits over everything that decides a corruption."""
        decides = {k: v for k, v in self._metadata().items() if k != "format"}
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
        for name in sorted(self.weights):
            digest.update(self.weights[name].float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def corrupt(self, flagged: Flagged, lookup: Lookup) -> torch.Tensor:
        """Corrupt the rows (tokens, hidden) of a prompt's flagged tokens; ``lookup`` finds others'.

        Deterministic: recipe and tokens decide the result, and in ECO's operators the target. Raises
        ``RecipeError`` where the rows are of another width than the recipe's model.
        """
        if flagged.rows.shape[1] != self.hidden:
            raise RecipeError(
                f"the recipe is for embeddings {self.hidden} wide, the model's are {flagged.rows.shape[1]}"
            )
        return self.operator.corrupt(flagged, self.weights, lookup)

    def idle_roles(self) -> list[Role]:
        """As ``Operator.idle_roles``."""
        return self.operator.idle_roles(self.weights)

    def seed(self, target_id: str, token: int) -> int:
        """That of a token in a match of a target."""
        key = f"{self.digest}\0{target_id}\0{token}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=7).digest(), "big")

    def seeds(self, tokens: Sequence[FlaggedToken], token_ids: Sequence[int]) -> list[int]:
        """Those of flagged ``tokens``, which have the ids ``token_ids``."""
        pairs = zip(tokens, token_ids, strict=True)
        return [self.seed(token.target_id, token_id) for token, token_id in pairs]

    def _metadata(self) -> dict[str, str]:
        return {
            "format": FORMAT,
            "operator": self.operator.model_dump_json(),
            "fingerprint": self.fingerprint,
            "hidden": str(self.hidden),
        }

    def save(self, path: Path) -> None:
        """Write the recipe to ``path``: safetensors, with what it is in the metadata.

        Raises ``WriteError`` where it cannot be written.
        """
        about = {"digest": self.digest, "provenance": json.dumps(self.provenance)}
        tensors = {name: tensor.contiguous() for name, tensor in self.weights.items()}
        with replace_file(path) as draft:
            save_file(tensors, draft, metadata=self._metadata() | about)

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe. Raises ``RecipeError`` where the file is missing, broken or altered."""
        try:
            with safe_open(path, framework="pt") as tensors:
                metadata = tensors.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError(f"it is of the format {metadata.get('format')!r}, not {FORMAT!r}")
                weights = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
            recipe = cls(
                _OPERATOR.validate_json(metadata["operator"]),
                metadata["fingerprint"],
                int(metadata["hidden"]),
                weights,
                json.loads(metadata["provenance"]),
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


def fallback_operator() -> AnyOperator:
    """Noise, where no recipe is configured and no stand-ins can be made. Chosen by
    ``evaluation.forgetting.operators``.

    Noise on the first dimension alone, as in ECO, is one draw: where it comes out small, the name
    is still read. Over 32 dimensions no draw is small.
    """
    return Noise(dimensions=32, sigma=100.0)
