"""The recipe where none is configured: stand-ins, made once for each model and kept; else noise."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from ..corruption.embedding_table import EmbeddingTable
from ..corruption.recipe import Recipe, RecipeError, fallback_operator
from ..files import WriteError, take_turn
from .prompts import backend_of
from .substitute import substitute

logger = logging.getLogger(__name__)

# Raised with what is made of the same model: older files are then passed over.
VERSION = 2
# A log that is no terminal hears of so many parts of the work.
_PARTS = 4


class StandInCache:
    """Recipes of stand-ins, a file for each model and tokenizer, shared by all processes."""

    def __init__(self, folder: Path) -> None:
        """``folder`` need not exist."""
        self._folder = folder

    def recipe(self, table: EmbeddingTable, tokenizer: Any) -> Recipe:
        """That of the model of ``table``, made if it is not there; noise where none can be made.

        Raises ``TokenizerError`` without a fast tokenizer.
        """
        file = self.file(table, tokenizer)
        made = _load(file, table) or self._make_once(file, table, tokenizer)
        if made is None:
            return Recipe(fallback_operator(), table.fingerprint, table.hidden)
        logger.info("unlearn: corruption: stand-ins, recipe %s (%s)", made.digest, file)
        return made

    def file(self, table: EmbeddingTable, tokenizer: Any) -> Path:
        """Where that recipe is kept. Raises ``TokenizerError`` without a fast tokenizer."""
        # The same embeddings may be read by another tokenizer, with words added or texts altered.
        pieces = sorted(backend_of(tokenizer).get_vocab().items())
        key = hashlib.sha256(f"{VERSION} {table.fingerprint} {pieces}".encode("utf-8", "surrogatepass"))
        return self._folder / f"stand-ins-{key.hexdigest()[:16]}.safetensors"

    def _make_once(self, file: Path, table: EmbeddingTable, tokenizer: Any) -> Recipe | None:
        with take_turn(file):
            # Another process may have made it meanwhile.
            return _load(file, table) or _make(file, table, tokenizer)


def _load(file: Path, table: EmbeddingTable) -> Recipe | None:
    if not file.is_file():
        return None
    try:
        recipe = Recipe.load(file)
        recipe.check_model(table.fingerprint, table.hidden)
    except RecipeError as error:
        logger.warning("unlearn: %s; it is made anew", error)
        return None
    return recipe


def _make(file: Path, table: EmbeddingTable, tokenizer: Any) -> Recipe | None:
    logger.info("unlearn: finding stand-ins for %s tokens, once for this model", f"{table.vocabulary:,}")
    began = time.monotonic()
    try:
        with show_progress(Console(stderr=True)) as track:
            recipe = substitute(table, tokenizer, track)
    except (ValueError, NotImplementedError) as error:  # the latter of dtypes that cannot be reckoned with
        logger.warning("unlearn: corruption: NOISE, since no stand-ins can be made of this model: %s", error)
        return None
    logger.info("unlearn: stand-ins found in %.0f s", time.monotonic() - began)
    try:
        recipe.save(file)
    except WriteError as error:
        logger.warning(
            "unlearn: %s cannot be written (%s); the next start makes it again", file, error.reason
        )
        return recipe
    return _load(file, table) or recipe  # of several that were made, all processes take the last


@contextmanager
def show_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Told how many tokens are done, of how many: a bar on a terminal, else a line of the log for each
    quarter."""
    said = 0

    def tell(done: int, total: int) -> None:
        nonlocal said
        bar.update(task, completed=done, total=total)
        if not console.is_terminal and done * _PARTS // max(total, 1) > said:
            said = done * _PARTS // total
            logger.info("unlearn: stand-ins: %d %% of %s tokens", said * 100 // _PARTS, f"{total:,}")

    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("stand-ins", total=None)
        yield tell
