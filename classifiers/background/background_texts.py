"""A background for lines: ordinary texts of many kinds that are about no target in particular."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files


@cache
def background_texts() -> tuple[str, ...]:
    """Each without line breaks, no two alike, in any order: every beginning of it is a mixture, too.

    Questions, definitions and sentences out of WordNet 3.0 (Princeton University; its licence stands beside,
    in ``WORDNET-LICENCE``), and what was written for the purpose: people, works and firms that do not
    exist, quizzes, word problems, instructions, chats, code, letters, 30 other languages. Made by
    ``evaluation/data/background/background.py``. The ``ORDINARY_PROMPTS`` are not among them.
    """
    return tuple(
        gzip.decompress((files(__package__) / "background.txt.gz").read_bytes()).decode().splitlines()
    )
