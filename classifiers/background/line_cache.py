"""Lines of listed targets, kept between builds and between starts: a start draws only what is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..kept import Kept
from ..tensor_file import TensorFile, Tensors
from .background import DIGEST_BYTES, METHOD, Background, Sides
from .line import Line

_Key = tuple[str, bytes]
"""The fingerprint of a background, and the digest of a target's texts."""


class LineCache(Kept[_Key, Line]):
    """Safe to share by threads."""

    def __init__(self, file: Path) -> None:
        self._file = TensorFile(file, METHOD)
        super().__init__(dict(_lines_in(self._file.read())))

    def fit(self, background: Background, sides: Sequence[Sides]) -> list[Line]:
        """As ``Background.fit``, drawing each line that is not known yet, once."""
        with self._lock:
            return self._draw(background, sides)

    def _draw(self, background: Background, sides: Sequence[Sides]) -> list[Line]:
        keys = [(background.fingerprint, background.digest(pair)) for pair in sides]
        new = {key: pair for key, pair in zip(keys, sides, strict=True) if key not in self._known}
        self._known.update(zip(new, background.fit(list(new.values())), strict=True))
        self._new += len(new)
        self._used |= {key: self._known[key] for key in keys}
        return [self._known[key] for key in keys]

    def _save(self) -> None:
        self._file.write(_tensors_of(self._known))


def _tensors_of(lines: Mapping[_Key, Line]) -> Tensors:
    by_background: dict[str, dict[bytes, Line]] = {}
    for (background, digest), line in lines.items():
        by_background.setdefault(background, {})[digest] = line
    tensors = {}
    for background, its in by_background.items():
        digests = np.frombuffer(b"".join(its), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        tensors[f"{background}.digests"] = digests
        tensors[f"{background}.normals"] = np.stack([line.normal for line in its.values()])
        tensors[f"{background}.tails"] = np.stack([line.tail for line in its.values()])
        numbers = [(line.offset, line.size, line.against) for line in its.values()]
        tensors[f"{background}.numbers"] = np.array(numbers, dtype=np.float64)
    return tensors


def _lines_in(tensors: Tensors) -> Iterator[tuple[_Key, Line]]:
    for background in dict.fromkeys(name.rsplit(".", 1)[0] for name in tensors):
        parts = [tensors[f"{background}.{part}"] for part in ("digests", "normals", "tails", "numbers")]
        for digest, normal, tail, (offset, size, against) in zip(*parts, strict=True):
            yield (
                (background, digest.tobytes()),
                Line(normal, float(offset), tail, int(size), float(against)),
            )
