"""Stand-ins: which token each gives way to, and what is made of flagged rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import flagging
import pytest
import torch
from pydantic import ValidationError
from vllm_unlearn.corruption.corruptor import CANARY_ID, Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.flagged import Flagged
from vllm_unlearn.corruption.operators.stand_in import STRENGTHS, StandIn
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.vocabulary import Role

NAME, TEXT = Role.NAME, Role.TEXT


def recipe(
    table: EmbeddingTable,
    kept: int = 0,
    strengths: Mapping[Role, float] = STRENGTHS,
    around: int = 0,
    seed: int = 0,
    grammar: Sequence[int] = (),
) -> Recipe:
    """Each token may give way to its mirror image, or to the next."""
    settings = {"near": 2, "kept": kept, "strengths": strengths, "around": around, "seed": seed}
    settings["grammar"] = grammar
    operator = StandIn.model_validate({"vocabulary": table.vocabulary, **settings})
    every = torch.arange(table.vocabulary, dtype=torch.int32)
    chosen = torch.stack([every.flip(0), every.roll(-1)], dim=1)
    return Recipe(operator, table.fingerprint, table.hidden, {"stand_in": chosen})


def others(made: Recipe, target: str, tokens: Sequence[int], roles: Sequence[Role]) -> list[int]:
    """What ``tokens``, which follow each other in one sentence, give way to."""
    seeds = [made.seed(target, token) for token in tokens]
    flagged = flagging.tokens(dict.fromkeys(range(len(tokens)), target), dict(enumerate(roles)))
    assert isinstance(made.operator, StandIn)
    return made.operator.draw(Flagged(flagged, tokens, seeds, torch.zeros(len(tokens), 1)), made.weights)


FAR = {2, 3, 4}
WAYS = [
    ([NAME], FAR),
    ([NAME, TEXT], FAR),
    ([NAME, TEXT, TEXT], {0, 1}),  # there is enough around it
    ([Role.NAME_GIVEN, Role.TEXT_GIVEN], FAR),
    ([Role.NAME_GIVEN, Role.TEXT_GIVEN, Role.TEXT_GIVEN], {0, 1}),
    ([Role.NAME_GIVEN, Role.REPLY], FAR),
    ([TEXT, NAME, NAME], {0, 1}),
    ([Role.TEXT_GIVEN, Role.NAME_GIVEN], {0, 1}),
    ([Role.REPLY], {0, 1}),
]


@pytest.mark.parametrize(("roles", "drawn"), WAYS)
def test_a_name_with_little_around_it_gives_way_to_the_far_ones(
    table: EmbeddingTable, roles: list[Role], drawn: set[int]
) -> None:
    """Of tokens with these ``roles`` the first, in the matches of many targets."""
    operator = StandIn(vocabulary=table.vocabulary, near=2, far=3, kept=0, around=2)
    columns = torch.arange(5, dtype=torch.int32).expand(table.vocabulary, 5)
    made = Recipe(operator, table.fingerprint, table.hidden, {"stand_in": columns})
    tokens = [7, 8, 9][: len(roles)]
    assert {others(made, str(target), tokens, roles)[0] for target in range(40)} == drawn


def draw(made: Recipe, target: str) -> list[int]:
    return others(made, target, list(range(20)), [NAME] * 20)


def test_target_and_seed_draw_each_tokens_stand_in(table: EmbeddingTable) -> None:
    one = recipe(table)
    assert draw(one, "a") == draw(recipe(table), "a")
    different = [draw(one, "a"), draw(one, "b"), draw(recipe(table, seed=1), "a")]
    assert all(different.count(each) == 1 for each in different)
    assert all(other in (19 - token, (token + 1) % 20) for token, other in enumerate(different[0]))


def test_rows_move_towards_their_stand_ins_by_the_strength_of_their_role(table: EmbeddingTable) -> None:
    made = recipe(table)
    corruptor = Corruptor(made, table, torch.float32)
    prompt = corruptor.corrupt(
        [1, 2, 3, 4, 5, 6], flagging.tokens(dict.fromkeys(range(5), "a"), dict(enumerate(Role)))
    )
    found = others(made, "a", [1, 2, 3, 4, 5], list(Role))
    for position, role in enumerate(Role):
        row, other = table.rows([position + 1, found[position]], torch.float32)
        expected = row + STRENGTHS[role] * (other - row)
        torch.testing.assert_close(prompt.embeddings[position], expected)
    assert not prompt.embeddings[5].any() and prompt.is_token[5]


def named(table: EmbeddingTable, tokens: list[int], roles: list[Role | None]) -> list[float]:
    """How far each flagged name has moved towards its stand-in; frequent are the tokens below 5."""
    made = recipe(table, kept=5, around=2)
    flagged = {position: role for position, role in enumerate(roles) if role is not None}
    found = flagging.tokens(dict.fromkeys(flagged, "a"), flagged)
    moved = Corruptor(made, table, torch.float32).corrupt(tokens, found).embeddings
    rows = table.rows(tokens, torch.float32)
    steps = []
    for position in (p for p, role in flagged.items() if role in (Role.NAME, Role.NAME_GIVEN)):
        (other,) = others(made, "a", [tokens[position]], [Role.NAME])
        way = table.rows([other], torch.float32)[0] - rows[position]
        steps.append(round(float((moved[position] - rows[position]) @ way / (way @ way)), 4))
    return steps


def test_a_name_with_little_around_it_that_gives_way_goes_further(table: EmbeddingTable) -> None:
    name, alone = STRENGTHS[Role.NAME], StandIn(vocabulary=5).alone
    assert named(table, [7, 8, 9], [TEXT, NAME, TEXT]) == [name]
    assert named(table, [7, 8, 9], [TEXT, NAME, None]) == [alone]
    assert named(table, [7, 8, 2], [TEXT, NAME, TEXT]) == [alone]  # a frequent token stays
    # Each run by itself: what is said elsewhere in a conversation hides nothing here.
    assert named(table, [7, 8, 9, 1, 10], [TEXT, NAME, TEXT, None, NAME]) == [name, alone]
    assert named(table, [8], [Role.NAME_GIVEN]) == [STRENGTHS[Role.NAME_GIVEN]]


def test_a_description_of_frequent_tokens_alone_is_corrupted(table: EmbeddingTable) -> None:
    corruptor = Corruptor(recipe(table, kept=10), table, torch.float32)
    prompt = corruptor.corrupt([8, 9], flagging.tokens({0: "a", 1: "a"}, TEXT))
    assert not torch.isclose(prompt.embeddings, table.rows([8, 9], torch.float32)).any()


@pytest.mark.parametrize("other", ["a", "b"])
def test_what_another_sentence_says_keeps_no_description(table: EmbeddingTable, other: str) -> None:
    corruptor = Corruptor(recipe(table, kept=5), table, torch.float32)
    found = flagging.tokens({0: "a", 1: "a", 3: other, 4: other}, TEXT)
    prompt = corruptor.corrupt([3, 4, 10, 11, 12], found)
    assert not torch.isclose(prompt.embeddings[:2], table.rows([3, 4], torch.float32)).any()


def test_sentences_side_by_side_are_two(table: EmbeddingTable) -> None:
    corruptor = Corruptor(recipe(table, kept=5), table, torch.float32)
    tokens, owners = [3, 4, 10, 3], dict.fromkeys(range(4), "a")
    rows, two = table.rows(tokens, torch.float32), {0: 1, 1: 1, 2: 2, 3: 2}
    apart = corruptor.corrupt(tokens, flagging.tokens(owners, TEXT, two)).embeddings
    assert not torch.isclose(apart[:2], rows[:2]).any() and torch.equal(apart[3], rows[3])
    assert torch.equal(corruptor.corrupt(tokens, flagging.tokens(owners, TEXT)).embeddings[:2], rows[:2])


def test_a_sentence_that_is_flagged_in_parts_is_as_many(table: EmbeddingTable) -> None:
    corruptor = Corruptor(recipe(table, kept=5), table, torch.float32)
    prompt = corruptor.corrupt([3, 9, 10], flagging.tokens({0: "a", 2: "a"}, TEXT))
    assert not torch.isclose(prompt.embeddings[0], table.rows([3], torch.float32)[0]).any()


def test_what_a_canary_stands_before_is_decided_by_itself(table: EmbeddingTable) -> None:
    corruptor = Corruptor(recipe(table, kept=5), table, torch.float32)
    found = flagging.tokens({0: "a", 2: CANARY_ID, 3: "a"}, TEXT)
    prompt = corruptor.corrupt([10, 11, 12, 3], found)
    assert not torch.isclose(prompt.embeddings[3], table.rows([3], torch.float32)[0]).any()


def test_a_sentence_about_two_targets_is_one(table: EmbeddingTable) -> None:
    """The name of either has what surrounds both around it."""
    made, tokens = recipe(table, kept=5, around=2), [4, 8, 9, 10, 11]
    owners = dict(enumerate(["a", "b", "a", "a", "a"]))
    found = flagging.tokens(owners, dict(enumerate([TEXT, NAME, TEXT, TEXT, NAME])))
    rows = Corruptor(made, table, torch.float32).corrupt(tokens, found).embeddings
    assert torch.equal(rows[0], table.rows([4], torch.float32)[0])  # frequent
    row, other = table.rows([8, *others(made, "b", [8], [NAME])], torch.float32)
    torch.testing.assert_close(rows[1], row + STRENGTHS[NAME] * (other - row))


def test_frequent_tokens_stay_around_a_name_and_nowhere_else(table: EmbeddingTable) -> None:
    corruptor = Corruptor(recipe(table, kept=10), table, torch.float32)
    rows = table.rows([9, 10], torch.float32)
    for role in Role:
        prompt = corruptor.corrupt([9, 10], flagging.tokens({0: "a", 1: "a"}, role))
        assert torch.equal(prompt.embeddings[0], rows[0]) == (role is TEXT)
        assert not torch.isclose(prompt.embeddings[1], rows[1]).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_dtype_stays(table: EmbeddingTable, dtype: torch.dtype) -> None:
    def lookup(token_ids: Sequence[int]) -> torch.Tensor:
        return table.rows(token_ids, dtype)

    assert recipe(table).corrupt(flagging.flagged(lookup([1, 2])), lookup).dtype == dtype


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01])
def test_no_role_may_stay_as_it_is(strength: float) -> None:
    with pytest.raises(ValidationError, match="above 0 and at most 1"):
        StandIn(vocabulary=5, strengths={Role.REPLY: strength})


def test_roles_that_are_left_out_have_the_default_strength() -> None:
    assert StandIn(vocabulary=5, strengths={NAME: 0.25}).strengths == {**STRENGTHS, NAME: 0.25}


def test_the_grammar_stays_wherever_it_is_numbered(table: EmbeddingTable) -> None:
    made = recipe(table, kept=2, grammar=[9])
    assert others(made, "a", [0, 9, 5], [TEXT, TEXT, NAME])[:2] == [0, 9]
    assert others(made, "a", [9], [NAME]) != [9]


def test_recipes_from_before_the_grammar_and_the_far_ones_keep_their_digests(table: EmbeddingTable) -> None:
    assert not {"grammar", "far"} & recipe(table).operator.model_dump().keys()
    assert recipe(table).digest != recipe(table, grammar=[9]).digest


def test_a_recipe_of_stand_ins_comes_back_from_its_file(table: EmbeddingTable, tmp_path: Path) -> None:
    made = recipe(table, kept=3, strengths={NAME: 0.25})
    made.save(tmp_path / "r.safetensors")
    loaded = Recipe.load(tmp_path / "r.safetensors")
    assert (loaded.operator, loaded.digest) == (made.operator, made.digest)
    assert torch.equal(loaded.weights["stand_in"], made.weights["stand_in"])
    other = Recipe(
        made.operator, made.fingerprint, made.hidden, {"stand_in": made.weights["stand_in"].flip(0)}
    )
    assert other.digest != made.digest


def test_stand_ins_for_another_vocabulary_are_refused(table: EmbeddingTable) -> None:
    with pytest.raises(RecipeError, match="has the weights"):
        Recipe(StandIn(vocabulary=5), table.fingerprint, table.hidden, {"stand_in": torch.zeros(6, 4)})
