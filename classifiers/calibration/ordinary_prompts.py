"""Ordinary prompts of no one's in particular: a stand-in for an operator's own benign traffic."""

from __future__ import annotations

from importlib.resources import files

ORDINARY_PROMPTS = tuple(files(__package__).joinpath("ordinary_prompts.txt").read_text("utf-8").splitlines())
"""One a line, in 22 languages, most of them English; two flagged are proof of more than 1 in 1,000
(``scope_check``)."""
