"""A part of a forget index: what is searched for some of its targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...vocabulary import ForgetTarget
from ..answers.recitals import Recitals
from ..answers.watched_names import WatchedNames
from ..background.line_cache import LineCache
from ..encoders.encoder import Encoder
from ..encoders.static_encoder import StaticEncoder
from ..names.ordinary_words import ordinary_names
from .exemplar_index import ExemplarIndex, exemplars
from .lines import Draw, Lines
from .name_index import NameIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What parts are made with: as ``ForgetIndex`` takes it."""

    encoder: Encoder
    sieve: StaticEncoder | None = None
    backgrounds: Draw | None = None
    lines: LineCache | None = None
    canary: str = ""


class IndexPart:
    """Immutable; safe to share by threads, and by the indexes of several generations."""

    def __init__(self, targets: Sequence[ForgetTarget], means: Means) -> None:
        self.targets = {target.id: target for target in targets}
        listed = list(self.targets.values())
        texts = {target.id: exemplars(target) for target in listed}
        self.names = NameIndex(listed, texts)
        self.exemplars = ExemplarIndex(listed, texts, self.names.words, means.encoder, means.sieve)
        self.lines = Lines(listed, self.exemplars, means.backgrounds, means.lines)
        self.words = frozenset(_ordinary_words(listed, self.lines))
        self.watched = WatchedNames(listed, self.names, means.canary)
        self.recitals = Recitals(listed)


def _ordinary_words(targets: Sequence[ForgetTarget], lines: Lines) -> Iterator[tuple[str, str]]:
    """The names of topics that are ordinary words, by their targets' ids: where a line says what is about
    the law, the word "law" need not flag alone."""
    for target in targets:
        if target.kind == "topic" and target.id in lines:
            yield from ((target.id, name) for name in ordinary_names(target))
