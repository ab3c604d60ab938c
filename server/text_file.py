"""Texts about a target from files: one a line, each once, and no more than a target takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ..classifiers.calibration.prompt_file import read_prompts, refuse_wrong_lines
from ..guard.plain import plain
from ..vocabulary import MAX_TEXTS, ForgetTarget, Text, UserError

_TEXT: TypeAdapter[str] = TypeAdapter(Text)


class TextsError(UserError, ValueError):
    """Texts that a target cannot take together; the message counts them and says what to do."""


def read_texts(file: Path) -> list[str]:
    """The texts of ``file``, as ``read_prompts`` reads it. Raises ``PromptFileError`` naming every line that
    no target could take."""
    texts, wrong = [], []
    for prompt in read_prompts(file):
        try:
            texts.append(_TEXT.validate_python(prompt.text))
        except ValidationError as error:
            wrong.append(f"line {prompt.line}: {plain(error.errors(include_url=False)[0], ForgetTarget)}")
    refuse_wrong_lines(file, wrong)
    return texts


def gather_texts(given: Iterable[str], files: Iterable[Path], what: str) -> tuple[str, ...]:
    """What was ``given``, then the texts of ``files``, each once. ``what`` they are called.

    Raises ``TextsError`` for more than a target takes, and as ``read_texts``.
    """
    texts: dict[str, str] = {}
    for text in given:
        texts.setdefault(_spelling(text), text)
    for file in files:
        for text in read_texts(file):
            texts.setdefault(_spelling(text), text)
    if len(texts) > MAX_TEXTS:
        raise TextsError(
            f"{len(texts):,} {what} are more than the {MAX_TEXTS:,} that a target takes; give fewer "
            f"(`shuf -n {MAX_TEXTS} FILE` draws some): a few hundred that differ tell as much"
        )
    return tuple(texts.values())


def refuse_both(exemplars: Sequence[str], counterexamples: Sequence[str]) -> None:
    """Raise ``TextsError`` where a text is said to be about the target and not to be."""
    both = set(map(_spelling, exemplars)) & set(map(_spelling, counterexamples))
    if both:
        places = [n for n, text in enumerate(exemplars, 1) if _spelling(text) in both]
        raise TextsError(
            f"what is given as exemplar and as counterexample says nothing: {len(both):,} of the texts, "
            f"first exemplar {places[0]:,}; take each out of one side"
        )


def _spelling(text: str) -> str:
    """What two texts that differ in spaces and capitals have in common."""
    return " ".join(text.split()).casefold()
