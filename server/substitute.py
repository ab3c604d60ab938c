"""Makes a recipe of stand-ins: from a checkpoint's embeddings and tokenizer alone, without lessons."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from ..corruption.embedding_table import EmbeddingTable
from ..corruption.operators.stand_in import AROUND, FREQUENT, StandIn, stand_ins
from ..corruption.recipe import Recipe
from ..vocabulary import Role
from .bare_names import most_around


def substitute(folder: Path, strengths: Mapping[Role, float], seed: int, console: Console) -> Recipe:
    """The recipe for the model in ``folder``; ``seed`` draws among the nearest, for each target and token.

    Raises ``ModelError`` for a folder without embeddings, ``TokenizerError`` without a fast tokenizer,
    ``ValueError`` for strengths out of bounds, ``OSError`` without a tokenizer.
    """
    from transformers import AutoTokenizer

    table, tokenizer = EmbeddingTable(folder), AutoTokenizer.from_pretrained(folder)
    around = max(AROUND, most_around(tokenizer, FREQUENT) + 1)
    operator = StandIn(vocabulary=table.vocabulary, strengths=strengths, seed=seed, around=around)
    tokens = _texts(tokenizer, table.vocabulary)
    with Progress(console=console) as progress:
        task = progress.add_task("finding stand-ins", total=sum(text is not None for text in tokens))
        rows = table.rows(range(table.vocabulary), torch.float32)
        track = partial(progress.advance, task)
        others = stand_ins(rows, tokens, operator.kept, operator.near, track)
    about = {"version": version("vllm-unlearn")}
    return Recipe(operator, table.fingerprint, table.hidden, {"stand_in": others}, about)


def _texts(tokenizer: Any, count: int) -> list[str | None]:
    """Each token's text; None for control tokens, and for rows of the table that no token has."""
    # Words that were added to a vocabulary are no control tokens: a name among them must not stay.
    added = tokenizer.added_tokens_decoder.items()
    control = {*tokenizer.all_special_ids, *(token for token, content in added if content.special)}
    every = range(min(count, len(tokenizer)))
    texts = [None if token in control else str(tokenizer.decode([token])) for token in every]
    return texts + [None] * (count - len(texts))
