"""Sentence embeddings through onnxruntime."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

Vectors = npt.NDArray[np.float32]

BATCH = 32
# Padded tokens of a batch. Activations then stay in the cores' caches (a fifth to a half faster than 4,096
# on two cores), and onnxruntime does not keep the gigabyte that 32 texts of 512 tokens take.
BATCH_TOKENS = 512


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
        for rows in _batches([len(encoding) for encoding in encodings]):
            vectors[rows] = self._encode_batch([encodings[row] for row in rows])
        return vectors

    def encode_tokens(self, ids: npt.NDArray[np.int64]) -> Vectors:
        """As ``encode``, from token ids of shape (texts, tokens): special tokens included, no padding."""
        return self._run(ids, np.ones_like(ids), np.zeros_like(ids))

    def _encode_batch(self, encodings: list[Encoding]) -> Vectors:
        shape = (len(encodings), max(len(encoding) for encoding in encodings))
        ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
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


class BatchingEncoder:
    """Encode the texts of all waiting callers together, on one thread of its own.

    While a batch runs, the next gathers: no caller waits for company, and many callers cost
    little more than one.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.fingerprint = encoder.fingerprint
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._waiting: queue.SimpleQueue[tuple[Sequence[str], Future[Vectors]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="unlearn-encoder", daemon=True).start()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``; blocks the calling thread until its vectors are there."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        future: Future[Vectors] = Future()
        self._waiting.put((texts, future))
        return future.result()

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            self._encode(batch)

    def _encode(self, batch: list[tuple[Sequence[str], Future[Vectors]]]) -> None:
        try:
            vectors = self._encoder.encode([text for texts, _ in batch for text in texts])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:  # one caller's text may be to blame: the others must not fail for it
                for alone in batch:
                    self._encode([alone])
            return
        first = 0
        for texts, future in batch:
            future.set_result(vectors[first : first + len(texts)])
            first += len(texts)
