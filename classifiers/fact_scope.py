"""Which facts of a target are in scope: a line between texts inside and outside, names left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from ..vocabulary import Kind
from .encoders.encoder import Vectors

# Where a name stood. With it, texts about one person are near to each other whatever they ask.
STAND_IN: dict[Kind, str] = {
    "entity": "this person",
    "work": "this work",
    "topic": "this subject",
    "passage": "this text",
}
# Chosen on the tuning half of KnowUnDo's people, and on questions about other things that the same names
# were put into: how stiff the line is, how far inside a text must lie, and what share of the
# outside texts about nothing in particular are, which teach what no scope means.
RIDGE = 3.0
MARGIN = 0.1
UNRELATED_SHARE = 0.05
# From this cosine on, what is asked is one of the texts given, and no line decides.
SAME = 0.95
# So much less is enough where a sentence of an answer is about the person: a fact that is told shares fewer
# words with the questions that are given. On forget10's answers 95 instead of 87 of 105 sentences about a
# birthplace or a parent are found, and 6 instead of 2 of 398 others.
STATED = 0.03

_POSSESSIVE = re.compile(r"\b(?:his|her|hers|their|theirs|its)\b", re.IGNORECASE)
_PERSONAL = re.compile(r"\b(?:he|him|she|they|them|it)\b", re.IGNORECASE)
_CONJUNCTION = re.compile(r"[,;:–—]|\b(?:and|but|also|then|because)\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[,;:–—()\"“”]|\b(?:and|but|also|then|because|while|as|with|despite)\b|\b(?=(?:who|whose|which|where|born)\b)",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"^(?:who|which)\b", re.IGNORECASE)
_WHOSE = re.compile(r"^whose\b", re.IGNORECASE)


class FactScope:
    """A ridge classifier with a closed form (Hoerl and Kennard 1970): adding a text trains nothing.

    ``inside``, ``outside`` and ``unrelated`` have shape (texts, dimension); both sides weigh the same,
    however many texts they have.
    """

    def __init__(self, inside: Vectors, outside: Vectors, unrelated: Vectors) -> None:
        sides = ((inside, 0.5), (outside, 0.5 * (1 - UNRELATED_SHARE)), (unrelated, 0.5 * UNRELATED_SHARE))
        texts = np.concatenate([vectors for vectors, _ in sides]).astype(np.float64)
        shares = np.concatenate([np.full(len(v), share / len(v)) for v, share in sides if len(v)])
        weights = shares * len(texts)
        labels = np.where(np.arange(len(texts)) < len(inside), 1.0, -1.0)
        self._centre = np.average(texts, axis=0, weights=weights)
        root = np.sqrt(weights)
        self._slope = _ridge(_unit(texts - self._centre) * root[:, None], labels * root)

    def scores(self, vectors: Vectors) -> Vectors:
        """For texts of shape (texts, dimension) how far inside they lie: 0 to 1, 0.5 at the margin."""
        values = _unit(vectors - self._centre) @ self._slope
        scores: Vectors = np.clip(0.5 + (values - MARGIN) / 2, 0.0, 1.0).astype(np.float32)
        return scores


def override_listed(scores: Vectors, vectors: Vectors, inside: Vectors, outside: Vectors) -> Vectors:
    """``scores``, but 1 for what a target itself was given as an exemplar, 0 for a counterexample of it.

    Whoever lists a question must find it flagged, whatever side of a shared line it fell on.
    """
    near, far = ((vectors @ side.T).max(axis=1, initial=-1.0) for side in (inside, outside))
    listed: Vectors = np.where(np.maximum(near, far) >= SAME, near > far, scores).astype(np.float32)
    return listed


def leave_out(text: str, spans: Iterable[tuple[int, int]], kind: Kind) -> str:
    """``text`` with what stands for its kind in place of ``spans``, which may overlap."""
    for start, end in reversed(_merge_spans(spans)):
        text = text[:start] + STAND_IN[kind] + text[end:]
    return text


def clauses(text: str, kind: Kind) -> list[str]:
    """What a text without the name, or what follows one, asks of it: whole, and clause by clause.

    In "Which novels did this person write, and where does she live?" each question hides the other. After the
    name, or where it does not stand, a pronoun stands for it.
    """
    parts = list(map(str.strip, _CONJUNCTION.split(text)))
    first = next((i for i, part in enumerate(parts) if STAND_IN[kind] in part), 0)
    resolved = dict.fromkeys(_resolve_pronouns(part, kind) for part in (text, *parts[first:]))
    return [part for part in resolved if STAND_IN[kind] in part]


def statements(sentence: str, kind: Kind) -> list[str]:
    """What a sentence of an answer, without the name, says of it: whole, and clause by clause.

    An answer goes on about whom it is about, without a name or a pronoun: "Born in Ulm, the author …". So
    where neither stands, it is put in.
    """
    said = [_resolve_pronouns(sentence, kind)]
    for part in _CLAUSE.split(sentence):
        clause = _resolve_pronouns(part.strip(" ."), kind)
        if len(clause.split()) > 1:
            said.append(_put_in(clause, kind))
    return list(dict.fromkeys(said))


def is_of(sentence: str, kind: Kind) -> bool:
    """Whether a sentence, without the name, says whom it is about: by what stands for the name, or a
    pronoun."""
    return STAND_IN[kind] in _resolve_pronouns(sentence, kind)


def _put_in(clause: str, kind: Kind) -> str:
    if STAND_IN[kind] in clause:
        return clause
    resolved = _WHOSE.sub(f"{STAND_IN[kind]}'s", _RELATIVE.sub(STAND_IN[kind], clause))
    return resolved if STAND_IN[kind] in resolved else f"{STAND_IN[kind]} {resolved}"


def _resolve_pronouns(text: str, kind: Kind) -> str:
    if STAND_IN[kind] in text:
        return text
    return _PERSONAL.sub(STAND_IN[kind], _POSSESSIVE.sub(f"{STAND_IN[kind]}'s", text))


def _ridge(rows: Vectors, labels: Vectors) -> Vectors:
    """The smaller of two equal systems: thousands of targets may each have a scope of a few texts."""
    count, dimension = rows.shape
    slope: Vectors
    if count < dimension:
        slope = rows.T @ np.linalg.solve(rows @ rows.T + RIDGE * np.eye(count), labels)
    else:
        slope = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(dimension), rows.T @ labels)
    return slope


def _merge_spans(spans: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit
