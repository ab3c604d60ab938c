"""Ordinary texts as vectors: what a target's texts are told from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from math import ceil, inf

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from ..encoders.encoder import Vectors
from .line import TAIL, Line

Sides = tuple[Vectors, Vectors]
"""The vectors of texts about a target, and of near ones that are not: both (texts, dimension)."""

# Chosen on the tuning halves of MMLU's subjects and of Harry Potter's questions, with ordinary prompts of the
# tuning half: how much of the spread is the texts' own, how stiff a line is, and how much of what it
# stands apart from are the near texts.
OWN_SPREAD = 0.3
RIDGE = 0.01
AGAINST = 0.5
# The share of the near texts that may lie past the bound.
FEW = 0.02
# An ordinary text that lies as far in as this share of a target's own is about the target, and no false
# positive: a line that had to leave it out would be drawn behind half of what it is to find.
ABOUT = 0.5
FOLDS = 5
# But no more than so much of a background is.
MOST_ABOUT = 0.01
# Lines at once: their values over a background of 20,000 texts take 10 MB.
TOGETHER = 64
REMEMBERED = 20_000
DIGEST_BYTES = 16
# By what a line is drawn; the number goes up where the way changes, so that no line of another way is kept.
METHOD = repr((1, OWN_SPREAD, RIDGE, AGAINST, FEW, ABOUT, FOLDS, MOST_ABOUT, TAIL))

Double = npt.NDArray[np.floating]


class Background:
    """Fits lines; safe to share by threads. What is shared by all lines is computed once."""

    def __init__(self, vectors: Vectors) -> None:
        """``vectors`` has shape (texts, dimension)."""
        self.vectors = vectors
        """Of the texts, in their order."""
        self._mean: Double = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - self._mean
        self._covariance: Double = centred.T @ centred / len(vectors)
        self._spread: Double = (1 - OWN_SPREAD) * self._covariance + RIDGE * np.eye(vectors.shape[1])
        self._inverse: Double = np.linalg.inv(self._spread)
        self._known: LRUCache[bytes, Line] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    @cached_property
    def fingerprint(self) -> str:
        """Of the texts' vectors: lines of others are other lines."""
        return hashlib.blake2b(self.vectors.tobytes(), digest_size=DIGEST_BYTES).hexdigest()

    @property
    def similarity(self) -> float:
        """The mean cosine of two of the texts, which have nothing in common."""
        return float(self._mean @ self._mean)

    def fit(self, sides: Sequence[Sides]) -> list[Line]:
        """A line for each target: Fisher's linear discriminant with the closed form (Fisher 1936; Hastie,
        Tibshirani, Friedman, "The elements of statistical learning", 4.3), the background's spread
        shrunk towards a sphere. One is a function of its own texts and of the background alone.

        A target of 100 texts takes 8 CPU ms, one of 400 texts 35 (384 dimensions, 13,725 texts), one that was
        fitted before none.
        """
        keys = [self.digest(pair) for pair in sides]
        with self._lock:
            lines = {key: line for key in keys if (line := self._known.get(key))}
        new = {key: pair for key, pair in zip(keys, sides, strict=True) if key not in lines}
        fitted = dict(zip(new, self._fit(list(new.values())), strict=True))
        with self._lock:
            self._known.update(fitted)
        lines |= fitted
        return [lines[key] for key in keys]

    @staticmethod
    def digest(sides: Sides) -> bytes:
        """Of the texts of a target, which with the background make its line."""
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for vectors in sides:
            digest.update(len(vectors).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(vectors).tobytes())
        return digest.digest()

    def _fit(self, sides: Sequence[Sides]) -> Iterator[Line]:
        for first in range(0, len(sides), TOGETHER):
            normals = np.stack([self._normal(*pair) for pair in sides[first : first + TOGETHER]])
            values = (self.vectors @ normals.T.astype(np.float32)).astype(np.float64)
            scales = np.maximum(values.std(axis=0), 1e-9)
            normals, values = normals / scales[:, None], values / scales
            offsets = -(normals @ self._mean)
            count = ceil(TAIL * len(values))
            for row, (inside, outside) in enumerate(sides[first : first + TOGETHER]):
                normal, offset = normals[row].astype(np.float32), float(offsets[row])
                against = -inf
                if len(outside):
                    against = float(np.quantile(outside @ normal + offset, 1 - FEW))
                others = np.delete(values[:, row], self._find_about(inside))
                tail = -np.sort(np.partition(-others, count - 1)[:count]) + offset
                yield Line(normal, offset, tail.astype(np.float32), len(others), against)

    def _find_about(self, inside: Vectors) -> npt.NDArray[np.intp]:
        """The rows of the background's texts that are about the target as its own texts are, each of these
        valued by a line that was drawn without it. Near texts make no text one about it."""
        own = np.empty(len(inside))
        folds = np.arange(len(inside)) % min(FOLDS, len(inside))
        for fold in np.unique(folds):
            normal = self._normal(inside[folds != fold], inside[:0])
            own[folds == fold] = (inside[folds == fold] - self._mean) @ normal / self._deviation(normal)
        normal = self._normal(inside, inside[:0])
        values = (self.vectors @ normal.astype(np.float32) - self._mean @ normal) / self._deviation(normal)
        about = np.flatnonzero(values > np.quantile(own, ABOUT))
        return about[np.argsort(-values[about])[: int(MOST_ABOUT * len(values))]]

    def _deviation(self, normal: Double) -> float:
        """Of the background's values along a direction."""
        return max(float(np.sqrt(normal @ self._covariance @ normal)), 1e-9)

    def _normal(self, inside: Vectors, outside: Vectors) -> Double:
        """The direction in which the two sides lie farthest apart for their spread."""
        difference = inside.mean(axis=0, dtype=np.float64) - self._mean
        rows = [(inside - self._mean) * np.sqrt(OWN_SPREAD / len(inside))]
        if len(outside):
            difference -= AGAINST * (outside.mean(axis=0, dtype=np.float64) - self._mean)
            rows.append((outside - self._mean) * np.sqrt(OWN_SPREAD / len(outside)))
        return self._solve(np.concatenate(rows), difference)

    def _solve(self, rows: Double, difference: Double) -> Double:
        """The solution for the background's spread and that of ``rows``; of few rows by Woodbury's identity,
        from the inverse that all share."""
        if 2 * len(rows) > len(difference):
            solution: Double = np.linalg.solve(self._spread + rows.T @ rows, difference)
            return solution
        turned = rows @ self._inverse
        inner = np.eye(len(rows)) + turned @ rows.T
        solution = self._inverse @ difference - turned.T @ np.linalg.solve(inner, turned @ difference)
        return solution
