"""Why the guard decides on a text as it does: what ``vllm-unlearn check`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..classifiers.detector import Thresholds, best_evidence, detect
from ..classifiers.forget_index import Evidence, ForgetIndex
from ..classifiers.vector_cache import VectorCache
from ..guard.configuration import Settings
from ..guard.guard import load_encoder, vector_file
from ..guard.store import Store
from ..vocabulary import Match, Neighbour


@dataclass(frozen=True, slots=True)
class Explanation:
    """The matches in a text, and, where there are none, the nearest to one."""

    text: str
    generation: int
    thresholds: Thresholds
    matches: list[Match]
    nearest: Evidence | None

    def lines(self) -> Iterator[str]:
        """The explanation for a person."""
        yield f"generation {self.generation}: {'match' if self.matches else 'pass'}"
        for match in self.matches:
            why = f"the name {match.name!r}" if match.name else "what the text is about"
            found = self.text[match.start : match.end]
            yield f"{match.target_id}: characters {match.start} to {match.end} ({found!r})"
            yield f"  score {match.score:.3f}, by {why}"
            yield from _neighbours(match.exemplar, match.counterexample)
        if self.nearest:
            similarity, needed = self.nearest.exemplar.similarity, self.thresholds
            yield f"nearest target {self.nearest.target_id}:"
            yield f"  similarity {similarity:.3f} (a match needs {needed.similarity:g})"
            yield f"  margin {self.nearest.margin:.3f} (a match needs {needed.margin:g})"
            yield from _neighbours(self.nearest.exemplar, self.nearest.counterexample)


def _neighbours(exemplar: Neighbour | None, counterexample: Neighbour | None) -> Iterator[str]:
    for label, neighbour in (("exemplar", exemplar), ("counterexample", counterexample)):
        if neighbour and neighbour.text:
            yield f"  nearest {label} at {neighbour.similarity:.3f}: {neighbour.text}"


def explain_decision(settings: Settings, text: str) -> Explanation:
    """Decide on ``text`` as the guard would, on the newest generation of the store.

    Raises ``StoreError``, and ``ValueError`` where the encoder cannot be loaded.
    """
    store = Store(settings.store)
    encoder = load_encoder(settings)
    head = store.head()
    vectors = VectorCache(encoder, vector_file(store, head.store_id, settings, encoder))
    index = ForgetIndex(head.generation, store.targets(head.generation), vectors)
    thresholds = Thresholds(settings.detection.similarity, settings.detection.margin)
    matches = detect(index, encoder, text, thresholds=thresholds)
    nearest = None if matches else best_evidence(index, encoder, text)
    return Explanation(text, head.generation, thresholds, matches, nearest)
