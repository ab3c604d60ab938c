"""Sentence embeddings without a network: a table of token vectors, distilled from the full encoder.

Distilled as model2vec does (https://github.com/MinishLab/model2vec): each token of the vocabulary goes
through the encoder alone, what all have in common is taken away, frequent tokens count less, and a text is
the sum of its tokens. Then fitted to texts whose full vectors are known, by ridge regression, which is what
makes it a sieve for the encoder (figures at ``StaticEncoder.fit``). It is no substitute.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.sparse import csr_array
from tokenizers import Tokenizer

from ...files import WriteError, replace_file
from .encoder import OnnxEncoder, Vectors

logger = logging.getLogger(__name__)

VERSION = 1
# Tokens that go through the encoder at once; with 1,024 it takes as long.
BATCH = 256
# From here on tokens are encoded bare, without special tokens: a third of the time (a minute and a half
# for 250,000 tokens and 12 layers), but the sieve lets a quarter more through, or twice as much.
LARGE = 100_000
# Smooth inverse frequency, a / (a + p) (Arora et al. 2017), with Zipf's law for p: a vocabulary is
# ordered by frequency, after its special tokens and characters. These count as the 20th word does.
SIF = 3e-4
CHARACTER_RANK = 20
# Of the ridge regression; 0.03 to 3 do the same. A quarter of the rounds lets half as much again through.
RIDGE = 0.3
ROUNDS = 30

# Below this a length, or its square, is nought.
TINY = 1e-6

Table = npt.NDArray[np.float16]
Ids = npt.NDArray[np.int64]


class StaticEncoder:
    """An ``Encoder`` that adds up token vectors; safe to share by threads.

    A text's vector depends on that text alone. Cosines are not on the scale of the full encoder's
    before ``fit``.
    """

    def __init__(self, table: Table, empty: Vectors, tokenizer: Tokenizer, fingerprint: str) -> None:
        """``table`` has shape (vocabulary, dimension); ``empty``, shape (dimension,), of length 1, is
        the vector of a text without tokens."""
        self.fingerprint = fingerprint
        self.dimension: int = table.shape[1]
        self._table = table
        self._empty = empty
        self._tokenizer = tokenizer
        self._prefix = len(_prefix(tokenizer))
        self._shifted = np.empty(0, dtype=np.int64)
        self._shifts: Vectors = np.empty((0, self.dimension), dtype=np.float32)

    def fit(self, texts: Sequence[str], vectors: Vectors) -> StaticEncoder:
        """Return a static encoder whose vectors may be compared with the full encoder's.

        ``vectors``, shape (len(texts), dimension), are the full encoder's of ``texts``, an index's
        exemplars. Measured with all-MiniLM-L6-v2, fitted to 20 questions about each of RWKU's 96
        subjects: of the level-3 probes with a segment 0.65 near to an exemplar, 99.5 % have one that
        is 0.45 near by its static vector, and 9 % of the segments of benign prompts are that near.
        """
        if not texts:
            return self
        ids, lengths = self._tokens(texts)
        used, counts = _counts(ids, lengths)
        fitted = copy.copy(self)
        fitted._shifted = np.union1d(self._shifted, used)
        fitted._shifts = self._shift(fitted._shifted)
        fitted._shifts[np.searchsorted(fitted._shifted, used)] += _ridge(counts, self._rows(used), vectors)
        fitted.fingerprint = f"{self.fingerprint}-{_checksum(fitted._shifted, fitted._shifts)[:32]}"
        return fitted

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``; about 30,000 segments of a prompt a second on two cores."""
        return self._sum(*self._tokens(texts))

    def encode_spans(self, text: str, spans: Sequence[tuple[int, int]]) -> Vectors:
        """Return shape (len(spans), dimension): the vector of ``text[start:end]`` for each span.

        ``text`` is tokenized once, whatever the spans share: twice as fast as ``encode`` for the
        segments of a long prompt. A token belongs to the spans in which it starts, so a span that
        cuts a word has another vector here.
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.array(encoding.ids[self._prefix :], dtype=np.int64)
        starts = np.array([start for start, _ in encoding.offsets[self._prefix :]], dtype=np.int64)
        bounds = np.searchsorted(starts, np.array(spans, dtype=np.int64).reshape(-1, 2))
        lengths = bounds[:, 1] - bounds[:, 0]
        skipped = np.repeat(np.cumsum(lengths) - lengths - bounds[:, 0], lengths)
        return self._sum(ids[np.arange(len(skipped)) - skipped], lengths)

    def _tokens(self, texts: Sequence[str]) -> tuple[Ids, Ids]:
        """The token ids of all texts, one text after the other, and how many each has."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        rows = [encoding.ids[self._prefix :] for encoding in encodings]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum()), lengths

    def _sum(self, ids: Ids, lengths: Ids) -> Vectors:
        used, counts = _counts(ids, lengths)
        sums = np.asarray(counts @ self._rows(used), dtype=np.float32)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.where(norms > TINY, sums / np.maximum(norms, TINY), self._empty)

    def _rows(self, used: Ids) -> Vectors:
        rows: Vectors = self._table[used].astype(np.float32)
        return rows + self._shift(used)

    def _shift(self, used: Ids) -> Vectors:
        """What fitting added to the rows of these tokens."""
        shift = np.zeros((len(used), self.dimension), dtype=np.float32)
        _, here, there = np.intersect1d(used, self._shifted, assume_unique=True, return_indices=True)
        shift[here] = self._shifts[there]
        return shift


STATIC_FILE = "static.safetensors"
"""Beside an encoder's export."""


def distil_once(folder: Path) -> StaticEncoder:
    """Return the static form of the encoder exported to ``folder``, which keeps it from first use on.

    Raises as ``OnnxEncoder``. A broken file, or one of other weights, is made anew with a warning.
    """
    settings = json.loads((folder / "settings.json").read_text())
    fingerprint = f"static{VERSION}-{settings['fingerprint']}"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    file = folder / STATIC_FILE
    tensors = _load(file, fingerprint)
    if tensors is None:
        logger.info("distilling a static encoder into %s, once", file)
        tensors = _distil(OnnxEncoder(folder), tokenizer)
        _save(file, fingerprint, *tensors)
    return StaticEncoder(*tensors, tokenizer, fingerprint)


def _counts(ids: Ids, lengths: Ids) -> tuple[Ids, csr_array]:
    """The tokens that occur, and how often in each text: shape (texts, tokens that occur)."""
    used, columns = np.unique(ids, return_inverse=True)
    ends = np.concatenate(([0], np.cumsum(lengths)))
    counts = csr_array((np.ones(len(ids), np.float32), columns, ends), shape=(len(lengths), len(used)))
    return used, counts


def _ridge(counts: csr_array, start: Vectors, vectors: Vectors) -> Vectors:
    """What to add to ``start`` (tokens, dimension) so that ``counts @ rows`` come near to ``vectors``.

    Conjugate gradients on the normal equations, all dimensions at once; each text's sum is scaled by
    the length that it has at the start, for only directions are to agree.
    """
    sums = counts @ start
    scale = 1 / np.maximum(np.linalg.norm(sums, axis=1), TINY)
    matrix = csr_array(counts.multiply(scale[:, None]), dtype=np.float32)
    transposed = csr_array(matrix.T)
    shift = np.zeros_like(start)
    residual = transposed @ (vectors - matrix @ start)
    direction, size = residual, (residual**2).sum(axis=0)
    for _ in range(ROUNDS):
        product = transposed @ (matrix @ direction) + RIDGE * direction
        step = size / np.maximum((direction * product).sum(axis=0), TINY)
        shift += step * direction
        residual = residual - step * product
        previous, size = size, (residual**2).sum(axis=0)
        direction = residual + size / np.maximum(previous, TINY) * direction
    return shift


def _distil(encoder: OnnxEncoder, tokenizer: Tokenizer) -> tuple[Table, Vectors]:
    around, leading = _special(tokenizer)
    rows = np.empty((tokenizer.get_vocab_size(), encoder.dimension), dtype=np.float32)
    for first in range(0, len(rows), BATCH):
        tokens = np.arange(first, min(first + BATCH, len(rows)))
        ids = np.tile(around, (len(tokens), 1))
        rows[tokens] = encoder.encode_tokens(np.insert(ids, leading, tokens, axis=1))
    mean = rows.mean(axis=0)
    rows -= mean  # in place, for a table of 250,000 tokens has 400 MB
    rows *= _weights(tokenizer)[:, None]
    empty = encoder.encode([""])[0] - mean
    unit: Vectors = empty / np.linalg.norm(empty)
    return rows.astype(np.float16), unit


def _special(tokenizer: Tokenizer) -> tuple[Ids, int]:
    """The special tokens around a text, and how many of them come before it; none for a large vocabulary."""
    if tokenizer.get_vocab_size() > LARGE:
        return np.empty(0, dtype=np.int64), 0
    example = tokenizer.encode("a")
    marks = example.special_tokens_mask
    special = [token for token, mark in zip(example.ids, marks, strict=True) if mark]
    return np.array(special, dtype=np.int64), marks.index(0)


def _weights(tokenizer: Tokenizer) -> Vectors:
    size = tokenizer.get_vocab_size()
    words = (i for i in range(size) if _is_word(tokenizer.id_to_token(i) or ""))
    ranks = np.arange(size) - next(words, 0) + 1
    ranks[ranks < 1] = CHARACTER_RANK
    frequencies = 1 / ranks / (1 / np.arange(1, size + 1)).sum()
    weights: Vectors = (SIF / (SIF + frequencies)).astype(np.float32)
    return weights


def _is_word(token: str) -> bool:
    word = token.lstrip("▁Ġ")
    return len(word) > 1 and word.isalpha()


def _prefix(tokenizer: Tokenizer) -> list[int]:
    """The tokens that the tokenizer puts before every text (a default prompt of the model's)."""
    one, other = (tokenizer.encode(text, add_special_tokens=False).ids for text in ("a", "1"))
    shared = [a == b for a, b in zip(one, other, strict=False)]
    return one[: (*shared, False).index(False)]


def _save(file: Path, fingerprint: str, table: Table, empty: Vectors) -> None:
    metadata = {"fingerprint": fingerprint, "sha256": _checksum(table, empty)}
    try:
        with replace_file(file) as draft:
            save_file({"table": table, "empty": empty}, draft, metadata=metadata)
    except WriteError as error:
        logger.warning("unlearn: %s cannot be written (%s); the next start distils again", file, error.reason)


def _load(file: Path, fingerprint: str) -> tuple[Table, Vectors] | None:
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="np") as tensors:
            metadata = tensors.metadata() or {}
            table, empty = tensors.get_tensor("table"), tensors.get_tensor("empty")
    except (OSError, SafetensorError) as error:
        logger.warning("unlearn: %s is broken (%s) and is made anew", file, error)
        return None
    if (metadata.get("fingerprint"), metadata.get("sha256")) != (fingerprint, _checksum(table, empty)):
        logger.warning("unlearn: %s is altered, or of another encoder, and is made anew", file)
        return None
    return table, empty


def _checksum(*arrays: npt.NDArray[Any]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
