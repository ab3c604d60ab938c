"""How well an observer who sees only answers tells a guarded model from one that never learned."""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import regex
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ...classifiers.text.word_frequency import MAX_RARITY, rarity

FOLDS = 5
FEWEST_QUESTIONS = 10
START_WORDS = 3
# The weight of the surface beside that of the words, whose vectors have length 1.
SURFACE_WEIGHT = 0.3

_TOKEN = r"\w+|[^\w\s]"
_WORD = regex.compile(r"[\p{L}\p{N}]+")
_SENTENCE_END = regex.compile(r"[.!?](?=\s|$)")


def observer_auc(
    questions: Sequence[str], guarded: Sequence[str], reference: Sequence[str], seed: int = 0
) -> float:
    """The AUC with which a classifier tells ``guarded`` answers from ``reference`` ones to the same
    questions: 0.5 if the two cannot be told apart, 1.0 if each can.

    A logistic regression on word and character n-grams, beginnings and surface features of an answer
    alone, scored by five-fold cross-validation; all answers to one question are in the same fold.
    It is the plain AUC of the pooled scores: chance falls below 0.5 as often as above (a standard
    deviation of 0.04 at 200 questions), and max(AUC, 1 - AUC) would make that look like a difference.
    The seed deals the folds.

    Raises ``ValueError`` for unequal lengths, and for fewer than 10 different questions.
    """
    if not len(questions) == len(guarded) == len(reference):
        lengths = f"{len(questions)} questions, {len(guarded)} guarded and {len(reference)} reference answers"
        raise ValueError(f"{lengths}; give one answer of each kind to each question")
    if len(set(questions)) < FEWEST_QUESTIONS:
        raise ValueError(f"{len(set(questions))} different questions; give at least {FEWEST_QUESTIONS}")
    answers = list(chain.from_iterable(zip(guarded, reference, strict=True)))
    labels = np.tile([1, 0], len(questions))
    groups = np.repeat(np.unique(questions, return_inverse=True)[1], 2)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(
        _classifier(seed), answers, labels, groups=groups, cv=folds, method="decision_function"
    )
    return float(roc_auc_score(labels, scores))


def _classifier(seed: int) -> Pipeline:
    features = make_union(
        TfidfVectorizer(token_pattern=_TOKEN, ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
        TfidfVectorizer(preprocessor=_start, token_pattern=_TOKEN, ngram_range=(1, START_WORDS)),
        make_pipeline(FunctionTransformer(_surfaces), StandardScaler(), FunctionTransformer(_limit)),
    )
    return make_pipeline(features, _regression(seed))


def _regression(seed: int) -> LogisticRegression:
    # Features outnumber answers: the dual is solved in a tenth of the time.
    return LogisticRegression(C=3, solver="liblinear", dual=True, max_iter=2_000, random_state=seed)


def _start(answer: str) -> str:
    return " ".join(answer.lower().split()[:START_WORDS])


def _surfaces(answers: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([_surface(answer) for answer in answers])


def _surface(answer: str) -> list[float]:
    """Length, punctuation, repetition and make of an answer, numbers of any size."""
    words = _WORD.findall(answer)
    characters, count = max(1, len(answer)), max(1, len(words))
    return [
        np.log1p(len(words)),
        len(answer) / count,
        len(set(words)) / count,
        sum(rarity(word) >= MAX_RARITY for word in words if word.islower()) / count,
        *(sum(map(kind, answer)) / characters for kind in (_is_mark, str.isdigit, str.isupper)),
        sum(not character.isascii() for character in answer) / characters,
        answer.count("\n"),
        answer.count('"') / count,
        len(_SENTENCE_END.findall(answer)),
        answer.rstrip().endswith((".", "!", "?", '"', "'")),
    ]


def _is_mark(character: str) -> bool:
    return character in string.punctuation


def _limit(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return SURFACE_WEIGHT * np.clip(values, -3, 3)
