"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..vocabulary import ForgetTarget
from .answers.recitals import Recitals
from .answers.watched_names import WatchedNames
from .background.line_cache import LineCache
from .encoders.encoder import Encoder
from .encoders.static_encoder import StaticEncoder
from .index.exemplar_index import ExemplarIndex, exemplars
from .index.fact_scopes import FactScopes
from .index.lines import Draw, Lines
from .index.name_index import NameIndex
from .names.ordinary_words import ordinary_names


class ForgetIndex:
    """Immutable; built whole from the targets of one generation, and safe to share by threads."""

    def __init__(
        self,
        generation: int,
        targets: Sequence[ForgetTarget],
        encoder: Encoder,
        *,
        sieve: StaticEncoder | None = None,
        backgrounds: Draw | None = None,
        lines: LineCache | None = None,
        canary: str = "",
    ) -> None:
        """``sieve``, if given, tells cheaply which segments are worth a run of the encoder; ``backgrounds``,
        if given, are what the targets' lines are drawn against; ``lines`` keeps these between starts.
        Answers are read for the name ``canary``, too."""
        self.generation = generation
        self.targets = {target.id: target for target in targets}
        listed = list(self.targets.values())
        texts = {target.id: exemplars(target) for target in listed}
        self.names = NameIndex(listed, texts)
        self.exemplars = ExemplarIndex(listed, texts, self.names.words, encoder, sieve)
        self.lines = Lines(listed, self.exemplars, backgrounds, lines)
        self.words = frozenset(_ordinary_words(listed, self.lines))
        self.scopes = FactScopes(listed, texts, self.names, encoder)
        self.watched = WatchedNames(listed, self.names, canary)
        self.recitals = Recitals(listed)

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each is indexed."""
        return {
            "targets": len(self.targets),
            "names": self.names.size,
            "exemplars": self.exemplars.size,
            "lines": self.lines.size,
            "counterexamples": sum(len(target.counterexamples) for target in self.targets.values()),
        }


def _ordinary_words(targets: Sequence[ForgetTarget], lines: Lines) -> Iterator[tuple[str, str]]:
    """The names of topics that are ordinary words, by their targets' ids: where a line says what is about
    the law, the word "law" need not flag alone."""
    for target in targets:
        if target.kind == "topic" and target.id in lines:
            yield from ((target.id, name) for name in ordinary_names(target))
