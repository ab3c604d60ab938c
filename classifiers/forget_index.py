"""The searchable form of all targets of one generation. Derived: the store is the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from ..vocabulary import ForgetTarget
from .encoders.encoder import Encoder, Vectors
from .encoders.static_encoder import StaticEncoder
from .evidence import Evidence
from .index.exemplar_index import ExemplarIndex, exemplars
from .index.fact_scopes import FactScopes
from .index.name_index import NameIndex


class ForgetIndex:
    """Immutable; built whole from the targets of one generation, and safe to share by threads."""

    def __init__(
        self,
        generation: int,
        targets: Sequence[ForgetTarget],
        encoder: Encoder,
        sieve: StaticEncoder | None = None,
    ) -> None:
        """``sieve``, if given, tells cheaply which segments are worth a run of the encoder."""
        self.generation = generation
        self.targets = {target.id: target for target in targets}
        listed = list(self.targets.values())
        texts = {target.id: exemplars(target) for target in listed}
        self.names = NameIndex(listed, texts)
        self.exemplars = ExemplarIndex(listed, texts, self.names.words, encoder, sieve)
        self.scopes = FactScopes(listed, texts, self.names, encoder)

    @cached_property
    def written(self) -> list[str]:
        """``NameIndex.written``."""
        return self.names.written

    @property
    def sizes(self) -> dict[str, int]:
        """How much of each is indexed."""
        return {
            "targets": len(self.targets),
            "names": self.names.size,
            "exemplars": self.exemplars.size,
            "counterexamples": sum(len(target.counterexamples) for target in self.targets.values()),
        }

    def search(
        self, vectors: Vectors, said: Sequence[Mapping[str, float]], parts: Sequence[Mapping[str, float]]
    ) -> list[list[Evidence]]:
        """``ExemplarIndex.search``."""
        return self.exemplars.search(vectors, said, parts)

    def evidence(
        self, target_id: str, vector: Vectors, said: Mapping[str, float], parts: Mapping[str, float]
    ) -> Evidence:
        """``ExemplarIndex.evidence``."""
        return self.exemplars.evidence(target_id, vector, said, parts)

    def most_agreement(self, said: Mapping[str, float]) -> float:
        """``ExemplarIndex.most_agreement``."""
        return self.exemplars.most_agreement(said)

    def most_similarity(self, text: str, spans: Sequence[tuple[int, int]]) -> Vectors:
        """``ExemplarIndex.most_similarity``."""
        return self.exemplars.most_similarity(text, spans)

    def in_scope(self, target_id: str, texts: Sequence[str], encoder: Encoder) -> list[float]:
        """``FactScopes.scores``."""
        return self.scopes.scores(target_id, texts, encoder)
