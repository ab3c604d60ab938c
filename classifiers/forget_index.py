"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

from collections.abc import Sequence

from ..vocabulary import ForgetTarget
from .encoders.encoder import Encoder
from .encoders.static_encoder import StaticEncoder
from .index.exemplar_index import ExemplarIndex, exemplars
from .index.fact_scopes import FactScopes
from .index.lines import Draw, Lines
from .index.name_index import NameIndex


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
    ) -> None:
        """``sieve``, if given, tells cheaply which segments are worth a run of the encoder; ``backgrounds``,
        if given, are what the targets' lines are drawn against."""
        self.generation = generation
        self.targets = {target.id: target for target in targets}
        listed = list(self.targets.values())
        texts = {target.id: exemplars(target) for target in listed}
        self.names = NameIndex(listed, texts)
        self.exemplars = ExemplarIndex(listed, texts, self.names.words, encoder, sieve)
        self.lines = Lines(listed, self.exemplars, backgrounds)
        self.scopes = FactScopes(listed, texts, self.names, encoder)

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
