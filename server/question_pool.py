"""Questions that may be listed: near to their subject, and no two alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ..classifiers.encoders.encoder import Encoder, Vectors
from .question_styles import STYLES

# Texts nearer than this say the same.
SAME = 0.9
# Of ordinary prompts, this share is further from the subject than any question that is kept.
ORDINARY = 0.9


class QuestionPool:
    """Takes questions as they come. With ``NamesOnly`` for an encoder all are near, and none are alike but in
    other spaces, signs and capitals."""

    def __init__(self, encoder: Encoder, centres: Sequence[str]) -> None:
        """``centres`` are what the subject is and its parts: near to one of them is near enough."""
        self._encoder = encoder
        self._centres = encoder.encode(centres)
        self._nearness = float(np.quantile(self._near(encoder.encode(ORDINARY_PROMPTS)), ORDINARY))
        self._seen = {_letters(example) for style in STYLES for example in style.examples}
        self._vectors: list[Vectors] = []
        self.texts: list[str] = []

    def add(self, questions: Iterable[str]) -> None:
        """Keep those of ``questions`` that are near and new."""
        new = []
        for text in questions:
            if (letters := _letters(text)) not in self._seen:
                self._seen.add(letters)
                new.append(text)
        if not new:
            return
        vectors = self._encoder.encode(new)
        for text, vector, near in zip(new, vectors, self._near(vectors), strict=True):
            if near >= self._nearness and not any(vector @ other >= SAME for other in self._vectors):
                self._vectors.append(vector)
                self.texts.append(text)

    def _near(self, vectors: Vectors) -> Vectors:
        """The best cosine of each of ``vectors``, shape (texts, dimension), to a centre; shape (texts,)."""
        best: Vectors = (vectors @ self._centres.T).max(axis=1)
        return best


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
