"""Why the guard decides on a text as it does: what ``vllm-unlearn check`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..classifiers.detector import Detector, Near
from ..guard.configuration import Settings
from ..guard.encoders import Encoders
from ..guard.store.store import Store
from ..vocabulary import Match, Neighbour


@dataclass(frozen=True, slots=True)
class Explanation:
    """The matches in a text, and, where there are none, the nearest to one.

    ``scopes``: how far inside their scopes lies what is asked of the scoped targets named, 0 to 1.
    """

    text: str
    generation: int
    threshold: float
    matches: list[Match]
    nearest: Near | None
    scopes: dict[str, float]

    @property
    def decision(self) -> Literal["match", "pass"]:
        return "match" if self.matches else "pass"

    def as_json(self) -> dict[str, Any]:
        """The explanation for a program: what ``lines`` says."""
        return {
            "generation": self.generation,
            "decision": self.decision,
            "threshold": self.threshold,
            "matches": [_match_json(match) for match in self.matches],
            "scopes": self.scopes,
            "nearest": self.nearest and _near_json(self.nearest),
        }

    def lines(self) -> Iterator[str]:
        """The explanation for a person."""
        yield f"generation {self.generation}: {self.decision}"
        for match in self.matches:
            why = _why(match)
            found = self.text[match.start : match.end]
            yield f"{match.target_id}: characters {match.start} to {match.end} ({found!r})"
            how = f", read as {match.disguise}" if match.disguise else ""
            yield f"  score {match.score:.3f}, by {why}{how}"
            yield from _neighbours(match.exemplar, match.counterexample)
        for target_id, score in self.scopes.items():
            if score < self.threshold:
                yield f"{target_id}: named, and what is asked is out of its scope"
                yield f"  score {score:.3f} (a match needs {self.threshold:g})"
        if self.nearest:
            yield from _near_miss(self.nearest, self.threshold)


def _why(match: Match) -> str:
    if match.surname:
        return f"the surname {match.name!r} alone"
    return f"the name {match.name!r}" if match.name else "what the text is about"


_PASSED = {
    "score": "a match needs {threshold:g}",
    "scope": "from {threshold:g} on a match, but the target is named, and its scope decides",
    "first pass": "from {threshold:g} on a match, but the first pass took it for less near, and the guard "
    "lets it pass; `detection: {{cascade: false}}` does without that pass",
}


def _near_miss(near: Near, threshold: float) -> Iterator[str]:
    evidence, why = near.evidence, _PASSED[near.reason].format(threshold=threshold)
    yield f"nearest target {evidence.target_id}: score {evidence.score:.3f} ({why})"
    yield f"  similarity {evidence.similarity:.3f}"
    yield f"  shared rare words {evidence.agreement:.3f}"
    yield f"  part of the name {evidence.name_part:.3f}"
    yield from _neighbours(evidence.exemplar, evidence.counterexample)


def _match_json(match: Match) -> dict[str, Any]:
    found = asdict(match)
    found["reading"] = found.pop("disguise")
    return found


def _near_json(near: Near) -> dict[str, Any]:
    evidence = near.evidence
    return {
        "target_id": evidence.target_id,
        "score": evidence.score,
        "reason": near.reason,
        "similarity": evidence.similarity,
        "shared_rare_words": evidence.agreement,
        "name_part": evidence.name_part,
        "exemplar": asdict(evidence.exemplar),
        "counterexample": evidence.counterexample and asdict(evidence.counterexample),
    }


def _neighbours(exemplar: Neighbour | None, counterexample: Neighbour | None) -> Iterator[str]:
    for label, neighbour in (("exemplar", exemplar), ("counterexample", counterexample)):
        if neighbour and neighbour.text:
            yield f"  nearest {label} at {neighbour.similarity:.3f}: {neighbour.text}"


def explain_decision(settings: Settings, text: str) -> Explanation:
    """Decide on ``text`` as the guard would, on the newest generation of the store.

    Raises ``StoreError`` and ``EncoderError``.
    """
    store = Store(settings.store)
    encoders = Encoders.from_settings(settings)
    index, _ = encoders.newest_index(store, settings)
    detector = Detector(index, encoders.full, settings.detection.threshold)
    matches = detector.detect(text)
    near = None if matches else detector.nearest(text)
    scopes = detector.scope_scores(text)
    return Explanation(text, index.generation, detector.threshold, matches, near, scopes)
