"""Stand-ins for what the model answers, a learned map for replies that are given."""

from __future__ import annotations

from pathlib import Path

import flagging
import pytest
import torch
from vllm_unlearn.corruption.corruptor import Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.learned import Learned
from vllm_unlearn.corruption.operators.parted import Parted
from vllm_unlearn.corruption.operators.stand_in import StandIn
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.vocabulary import ANSWERED, GIVEN, Role

TOKENS = [3, 4, 5]


@pytest.fixture
def parts(table: EmbeddingTable) -> dict[str, Recipe]:
    """Each operator alone, and both in one."""
    stand_in, learned = StandIn(vocabulary=table.vocabulary, kept=0), Learned(rank=2, places=2)
    chosen = torch.arange(table.vocabulary, dtype=torch.int32).flip(0)[:, None].repeat(1, stand_in.near)
    weights = learned.initial(table.hidden, torch.Generator().manual_seed(0))
    for role in GIVEN:
        weights["bias"][role] = 1.0
    own = {"stand_in": chosen}
    every = (stand_in, own), (learned, weights), (Parted(answered=stand_in, given=learned), weights | own)
    names = "answered", "given", "both"
    made = [Recipe(operator, table.fingerprint, table.hidden, each) for operator, each in every]
    return dict(zip(names, made, strict=True))


def corrupted(recipe: Recipe, table: EmbeddingTable, role: Role) -> torch.Tensor:
    corruptor = Corruptor(recipe, table, torch.float32)
    return corruptor.corrupt(TOKENS, flagging.tokens(dict.fromkeys(range(3), "a"), role)).embeddings


@pytest.mark.parametrize("role", Role)
def test_each_role_is_corrupted_by_its_part(
    parts: dict[str, Recipe], table: EmbeddingTable, role: Role
) -> None:
    # All tokens of a role have one stand-in here, whatever is drawn.
    own = parts["answered" if role in ANSWERED else "given"]
    made = corrupted(parts["both"], table, role)
    assert torch.equal(made, corrupted(own, table, role))
    assert not torch.isclose(made, table.rows(TOKENS, torch.float32)).all()


def test_what_neither_part_corrupts_is_told(parts: dict[str, Recipe]) -> None:
    assert parts["both"].idle_roles() == []
    assert parts["given"].idle_roles() == list(ANSWERED)
    weights = {name: tensor.clone() for name, tensor in parts["both"].weights.items()}
    weights["bias"][Role.REPLY] = 0.0
    broken = Recipe(parts["both"].operator, parts["both"].fingerprint, parts["both"].hidden, weights)
    assert broken.idle_roles() == [Role.REPLY]


def test_it_comes_back_from_its_file(parts: dict[str, Recipe], tmp_path: Path) -> None:
    parts["both"].save(tmp_path / "r.safetensors")
    loaded = Recipe.load(tmp_path / "r.safetensors")
    assert (loaded.operator, loaded.digest) == (parts["both"].operator, parts["both"].digest)
