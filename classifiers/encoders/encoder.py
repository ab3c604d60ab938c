"""Sentence embeddings through onnxruntime."""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import chain, starmap
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

from ..work import AbandonedError, current

Vectors = npt.NDArray[np.float32]

BATCH = 32
# Padded tokens of a batch. Activations then stay in the cores' caches (a fifth to a half faster than 4,096
# on two cores), and onnxruntime does not keep the gigabyte that 32 texts of 512 tokens take.
BATCH_TOKENS = 512
# About as many tokens in characters: what others wait for at most, a hundredth of a second.
SLICE_CHARS = 2_048


class Encoder(Protocol):
    """Texts in, unit vectors out."""

    fingerprint: str
    """Identifies the weights: vectors of another fingerprint are not comparable."""
    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), dimension), float32, each row of length 1."""
        ...


class OnnxEncoder:
    """A sentence-transformers model exported by ``encoder_export``; safe to share by threads.

    Raises ``FileNotFoundError`` where ``folder`` lacks a file, and onnxruntime's error where the
    graph is broken.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        settings = json.loads((folder / "settings.json").read_text())
        self.fingerprint: str = settings["fingerprint"]
        self.dimension: int = settings["dimension"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(settings["max_tokens"])
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning workers would take a core from the engine between requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(list(texts))
        for rows in _batches(list(map(len, encodings))):
            vectors[rows] = self._encode_batch([encodings[row] for row in rows])
        return vectors

    def encode_tokens(self, ids: npt.NDArray[np.int64]) -> Vectors:
        """As ``encode``, from token ids of shape (texts, tokens): special tokens included, no padding."""
        return self._run(ids, np.ones_like(ids), np.zeros_like(ids))

    def _encode_batch(self, encodings: list[Encoding]) -> Vectors:
        shape = (3, len(encodings), max(map(len, encodings)))
        ids, mask, types = np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
            types[row, : len(encoding)] = encoding.type_ids
        return self._run(ids, mask, types)

    def _run(
        self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64], types: npt.NDArray[np.int64]
    ) -> Vectors:
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        (vectors,) = self._session.run(
            ["embedding"], {name: feed for name, feed in feeds.items() if name in self._inputs}
        )
        return np.asarray(vectors, dtype=np.float32)


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """The rows of each batch: texts of like length together, so that little is spent on padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    while order:
        size = max(1, min(BATCH, BATCH_TOKENS // max(1, lengths[order[0]])))
        yield order[:size]
        order = order[size:]


class _Caller:
    """Texts that wait for the encoder, like lengths together, and the vectors of those that do not."""

    def __init__(self, texts: Sequence[str], dimension: int) -> None:
        self.done: Future[Vectors] = Future()
        self.work = current()
        self._texts = texts
        self._rows = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        self._vectors = np.empty((len(texts), dimension), dtype=np.float32)

    def slice(self, characters: int) -> list[int]:
        """The next rows to encode: at least one, and no more than so many characters."""
        rows = [self._rows.pop()]
        while self._rows and len(rows) < BATCH:
            characters -= len(self._texts[rows[-1]])
            if len(self._texts[self._rows[-1]]) > characters:
                break
            rows.append(self._rows.pop())
        return rows

    def texts(self, rows: Sequence[int]) -> list[str]:
        return [self._texts[row] for row in rows]

    def give(self, rows: Sequence[int], vectors: Vectors) -> None:
        """Take the vectors of ``rows``; with the last of them the caller goes on."""
        self._vectors[rows] = vectors
        if not self._rows:
            self.done.set_result(self._vectors)


class BatchingEncoder:
    """Encode the texts of all waiting callers together, on one thread of its own.

    While a batch runs, the next gathers: no caller waits for company, and many callers cost little more
    than one. Nor does one with few texts wait for another's many: a batch holds a slice of who has just
    come, and a slice of one of those whose turn it is again.
    """

    def __init__(self, encoder: Encoder, slice_chars: int = SLICE_CHARS) -> None:
        self.fingerprint = encoder.fingerprint
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._slice_chars = slice_chars
        self._arrived: queue.SimpleQueue[_Caller] = queue.SimpleQueue()
        self._new: deque[_Caller] = deque()
        self._begun: deque[_Caller] = deque()
        threading.Thread(target=self._work, name="unlearn-encoder", daemon=True).start()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``; blocks the calling thread until its vectors are there.

        Raises ``AbandonedError`` once nobody waits for the request that it is called for.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        caller = _Caller(texts, self.dimension)
        self._arrived.put(caller)
        return caller.done.result()

    def _work(self) -> None:
        while True:
            if not (self._new or self._begun):
                self._new.append(self._arrived.get())
            while not self._arrived.empty():
                self._new.append(self._arrived.get())
            self._encode(self._next_batch())

    def _next_batch(self) -> list[tuple[_Caller, list[int]]]:
        batch = []
        left = self._slice_chars
        if self._begun:
            caller = self._begun.popleft()
            batch.append((caller, caller.slice(self._slice_chars)))
        while self._new and left > 0:
            caller = self._new.popleft()
            rows = caller.slice(left)
            left -= sum(map(len, caller.texts(rows)))
            batch.append((caller, rows))
        return batch

    def _encode(self, batch: list[tuple[_Caller, list[int]]]) -> None:
        wanted = [(caller, rows) for caller, rows in batch if self._is_wanted(caller)]
        if not wanted:
            return
        try:
            vectors = self._encoder.encode(list(chain.from_iterable(starmap(_Caller.texts, wanted))))
        except Exception as error:
            if len(wanted) == 1:
                wanted[0][0].done.set_exception(error)
            else:  # one caller's text may be to blame: the others must not fail for it
                for alone in wanted:
                    self._encode([alone])
            return
        first = 0
        for caller, rows in wanted:
            caller.give(rows, vectors[first : first + len(rows)])
            first += len(rows)
            if not caller.done.done():
                self._begun.append(caller)

    def _is_wanted(self, caller: _Caller) -> bool:
        if not caller.work.abandoned:
            return True
        caller.done.set_exception(AbandonedError())
        return False
