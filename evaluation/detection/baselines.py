"""What others do, for comparison: the nearest exemplar, and a fine-tuned classifier in ECO's manner."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...classifiers.encoders.encoder import Encoder, Vectors
from ...classifiers.text.segments import sentences
from ...vocabulary import ForgetTarget
from ..data.cases import Case
from .methods import ANY_TARGET

# The rule for both: of the tuning half's benign prompts at most this share is flagged.
MAX_FPR = 0.0005
EPOCHS = 2
LEARNING_RATE = 5e-5
MAX_TOKENS = 512
BATCH = 16
INFERENCE_BATCH = 64
# Texts to forget and to retain that it is trained on: what keeps it under five minutes on two cores.
MOST_FORGOTTEN, MOST_RETAINED = 2_000, 3_000
CLASSIFIER_VERSION = 1

Scores = npt.NDArray[np.float32]


def fit_threshold(scores: Sequence[float], max_fpr: float = MAX_FPR) -> float:
    """The lowest threshold that flags (at or above) at most ``max_fpr`` of the benign scores."""
    ordered = sorted(scores, reverse=True)
    allowed = int(max_fpr * len(ordered))
    return float(np.nextafter(ordered[allowed], np.inf)) if ordered else 0.5


def texts_about(target: ForgetTarget) -> list[str]:
    """What a target is known by: its exemplars and the sentences of its passages, else a question."""
    texts = list(target.exemplars)
    for passage in target.passages:
        texts += sentences(passage)
    return texts or [f"Who is {target.name}?"]


class Nearest:
    """The cosine to the nearest exemplar, of the whole text as one vector."""

    name = "nearest"

    def __init__(self, targets: Sequence[ForgetTarget], vectors: Encoder, encoder: Encoder) -> None:
        self.threshold = 1.0
        self._encoder = encoder
        self._ids = [target.id for target in targets]
        self._places: dict[str | None, int] = {name: place for place, name in enumerate(self._ids)}
        texts = [texts_about(target) for target in targets]
        self._ends = np.cumsum([len(about) for about in texts])
        self._exemplars = vectors.encode(list(chain.from_iterable(texts)))

    def scores(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Method.scores``; of the nearest target and of the case's own."""
        scores: list[dict[str, float]] = []
        for first in range(0, len(cases), INFERENCE_BATCH):
            chunk = cases[first : first + INFERENCE_BATCH]
            best = self._best(self._encoder.encode([case.text for case in chunk]))
            scores += map(self._by_target, best, chunk)
        return scores

    def _best(self, vectors: Vectors) -> Vectors:
        """Shape (texts, targets): the cosine to the nearest exemplar of each target."""
        starts = np.concatenate(([0], self._ends[:-1]))
        best: Vectors = np.maximum.reduceat(vectors @ self._exemplars.T, starts, axis=1)
        return best

    def _by_target(self, row: Vectors, case: Case) -> dict[str, float]:
        places = {int(row.argmax()), self._places.get(case.subject, int(row.argmax()))}
        return {self._ids[place]: float(row[place]) for place in places}

    def fit(self, benign: Sequence[Case]) -> None:
        """Choose the threshold on benign prompts of the tuning half."""
        self.threshold = fit_threshold([max(scores.values()) for scores in self.scores(benign)])


@dataclass(frozen=True, slots=True)
class Training:
    """What a classifier learns from: 1 is to forget, 0 to retain."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    @classmethod
    def of(cls, targets: Sequence[ForgetTarget], retained: Sequence[str], seed: int) -> Training:
        """The targets' exemplars against other texts, at most so many of each, shuffled."""
        chance = random.Random(seed)
        known = list(chain.from_iterable(map(texts_about, targets)))
        forgotten = chance.sample(known, min(MOST_FORGOTTEN, len(known)))
        others = chance.sample(list(retained), min(MOST_RETAINED, len(retained)))
        pairs = [(text, 1) for text in forgotten] + [(text, 0) for text in others]
        chance.shuffle(pairs)
        return cls(tuple(text for text, _ in pairs), tuple(label for _, label in pairs))

    def key(self, encoder: str) -> str:
        """Names what training on this gives."""
        parts = [CLASSIFIER_VERSION, encoder, EPOCHS, LEARNING_RATE, self.texts, self.labels]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class Classifier:
    """A transformer encoder with a linear head, fine-tuned to tell forget from retain (arXiv
    2406.07933, section 3.1): one for each set of targets, and it does not say which target."""

    name = "classifier"

    def __init__(self, encoder: Path, training: Training, cache: Path) -> None:
        """``encoder`` is a folder of a sentence-transformers or transformers encoder. Trains unless
        ``cache`` holds what the same texts gave."""
        import torch
        from transformers import AutoTokenizer

        self.threshold = 0.5
        self._folder = encoder
        self._tokenizer: Any = AutoTokenizer.from_pretrained(encoder)
        self._net = self._network()
        file = cache / f"classifier-{training.key(_digest(encoder))}.pt"
        if file.is_file():
            self._net.load_state_dict(torch.load(file, weights_only=True))
        else:
            self._train(training)
            cache.mkdir(parents=True, exist_ok=True)
            torch.save(self._net.state_dict(), file)

    def _network(self) -> Any:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        torch.manual_seed(0)
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # that the head is new, and has to be trained
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # in the midst of ours
        return AutoModelForSequenceClassification.from_pretrained(self._folder, num_labels=2)

    def _train(self, training: Training) -> None:
        import torch

        self._net.train()
        steps = EPOCHS * (len(training.texts) // BATCH + 1)
        optimizer = torch.optim.AdamW(self._net.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
        for epoch in range(EPOCHS):
            for rows in _shuffle([len(text) for text in training.texts], epoch):
                inputs = self._inputs([training.texts[row] for row in rows])
                labels = torch.tensor([training.labels[row] for row in rows])
                self._net(**inputs, labels=labels).loss.backward()
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()

    def _inputs(self, texts: list[str]) -> Any:
        limits = {"truncation": True, "max_length": MAX_TOKENS}
        return self._tokenizer(texts, padding=True, return_tensors="pt", **limits)

    def scores(self, cases: Sequence[Case]) -> list[dict[str, float]]:
        """As ``Method.scores``: the probability of forget, for no target in particular."""
        texts = [case.text for case in cases]
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        scores = np.empty(len(texts), dtype=np.float32)
        for first in range(0, len(order), INFERENCE_BATCH):
            rows = order[first : first + INFERENCE_BATCH]
            scores[rows] = self._probabilities([texts[row] for row in rows])
        return [{ANY_TARGET: float(score)} for score in scores]

    def _probabilities(self, texts: list[str]) -> Scores:
        import torch

        self._net.eval()
        with torch.inference_mode():
            logits = self._net(**self._inputs(texts)).logits
            probabilities: Scores = logits.softmax(dim=1)[:, 1].numpy()
            return probabilities

    def fit(self, benign: Sequence[Case]) -> None:
        """Choose the threshold on benign prompts of the tuning half."""
        self.threshold = fit_threshold([scores[ANY_TARGET] for scores in self.scores(benign)])


def _shuffle(lengths: Sequence[int], seed: int) -> list[list[int]]:
    """Rows in batches: texts of like length together, so that little is spent on padding."""
    chance = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row] * chance.uniform(0.8, 1.25), row))
    batches = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
    chance.shuffle(batches)
    return batches


def _digest(folder: Path) -> str:
    """Tells one model folder from another: its configuration and the sizes of its files."""
    sizes = sorted((file.name, file.stat().st_size) for file in folder.iterdir() if file.is_file())
    return hashlib.sha256((folder / "config.json").read_bytes() + repr(sizes).encode()).hexdigest()
