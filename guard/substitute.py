"""Makes a recipe of stand-ins: from a checkpoint's embeddings and tokenizer alone, without lessons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from ..corruption.embedding_table import EmbeddingTable
from ..corruption.operators.kin import main_directions, stand_ins
from ..corruption.operators.stand_in import AROUND, FAR, FREQUENT, StandIn
from ..corruption.recipe import Recipe
from ..vocabulary import Role
from .bare_names import most_around
from .word_use import words_of


def substitute(
    table: EmbeddingTable,
    tokenizer: Any,
    track: Callable[[int, int], None],
    strengths: Mapping[Role, float] | None = None,
    seed: int = 0,
) -> Recipe:
    """The recipe for the model of ``table``; ``seed`` draws among the nearest, for each target and token.
    ``track`` hears how many tokens are done, of how many.

    Raises ``TokenizerError`` without a fast tokenizer, ``ValueError`` for strengths out of bounds and for
    embeddings that are no finite numbers.
    """
    words = words_of(tokenizer, table.vocabulary, FREQUENT)
    carrying = {token for token, word in enumerate(words) if word and word.grammar}
    operator = StandIn(
        vocabulary=table.vocabulary,
        far=FAR,
        strengths=strengths or {},
        seed=seed,
        around=max(AROUND, most_around(tokenizer, carrying) + 1),
        grammar=tuple(sorted(token for token in carrying if token >= FREQUENT)),
    )
    total = sum(word is not None for word in words)
    done = 0

    def add(tokens: int) -> None:
        nonlocal done
        done += tokens
        track(done, total)

    others = stand_ins(main_directions(table), words, operator.near, operator.far, add)
    about = {"version": version("vllm-unlearn")}
    return Recipe(operator, table.fingerprint, table.hidden, {"stand_in": others}, about)
