"""Why the guard decides on a text as it does: what ``vllm-unlearn check`` and the admin route tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.detector import Detector, Near
from ..guard.configuration import Settings
from ..guard.encoders import Encoders
from ..guard.store.store import Store
from ..vocabulary import Action, Match, Neighbour

if TYPE_CHECKING:  # it takes PyTorch, which the command does without
    from ..guard.guard import Guard


class Nearest(TypedDict):
    """The strongest evidence in a text that flags nothing, and why it does not."""

    target_id: str
    score: Annotated[float, Field(description="0 to 1")]
    reason: Annotated[
        Literal["score", "scope", "first pass"],
        Field(
            description="it scores too little, a scope decides, or the first pass took the text for less near"
        ),
    ]
    similarity: float
    shared_rare_words: float
    name_part: float
    past_line: Annotated[
        float, Field(description="how far past the target's line: 0 where its side begins, 1 at the bound")
    ]
    exemplar: Neighbour
    counterexample: Neighbour | None


class Check(TypedDict):
    """What the guard does with a text, and why."""

    action: Annotated[Action, Field(description="what it does with such a prompt")]
    generation: Annotated[int, Field(description="of the list that it decides on")]
    threshold: Annotated[float, Field(description="the score from which on a text flags")]
    matches: tuple[Match, ...]
    scopes: Annotated[
        dict[str, float],
        Field(description="how far inside their scopes lies what is asked of the scoped targets named"),
    ]
    nearest: Annotated[Nearest | None, Field(description="where nothing matches")]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The matches in a text, and, where there are none, the nearest to one.

    ``scopes``: how far inside their scopes lies what is asked of the scoped targets named, 0 to 1.
    """

    text: str
    generation: int
    threshold: float
    matches: tuple[Match, ...]
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
            "nearest": _near_json(self.nearest) if self.nearest else None,
        }

    def as_check(self) -> Check:
        """The explanation as the admin route tells it."""
        return {
            "action": "corrupt" if self.matches else "pass",
            "generation": self.generation,
            "threshold": self.threshold,
            "matches": self.matches,
            "scopes": self.scopes,
            "nearest": _nearest(self.nearest) if self.nearest else None,
        }

    def lines(self) -> Iterator[str]:
        """The explanation for a person."""
        yield f"generation {self.generation}: {self.decision}"
        for match in self.matches:
            why, words = _why(match), self.text[match.start : match.end]
            yield f"{match.target_id}: characters {match.start} to {match.end} ({words!r})"
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
    yield f"  past the line {evidence.line:.3f}"
    yield from _neighbours(evidence.exemplar, evidence.counterexample)


def _match_json(match: Match) -> dict[str, Any]:
    fields = asdict(match)
    fields["reading"] = fields.pop("disguise")
    return fields


def _near_json(near: Near) -> dict[str, Any]:
    evidence = near.evidence
    texts = {
        "exemplar": asdict(evidence.exemplar),
        "counterexample": evidence.counterexample and asdict(evidence.counterexample),
    }
    return {**_nearest(near), **texts}


def _nearest(near: Near) -> Nearest:
    evidence = near.evidence
    return {
        "target_id": evidence.target_id,
        "score": evidence.score,
        "reason": near.reason,
        "similarity": evidence.similarity,
        "shared_rare_words": evidence.agreement,
        "name_part": evidence.name_part,
        "past_line": evidence.line,
        "exemplar": evidence.exemplar,
        "counterexample": evidence.counterexample,
    }


def _neighbours(exemplar: Neighbour | None, counterexample: Neighbour | None) -> Iterator[str]:
    for label, neighbour in (("exemplar", exemplar), ("counterexample", counterexample)):
        if neighbour and neighbour.text:
            yield f"  nearest {label} at {neighbour.similarity:.3f}: {neighbour.text}"


def explain_decision(settings: Settings, text: str, track: Track = pass_on) -> Explanation:
    """Decide on ``text`` as the guard would, on the newest generation of the store.

    ``track`` may show the progress of what is prepared once. Raises ``StoreError`` and ``EncoderError``.
    """
    store = Store(settings.store)
    encoders = Encoders.from_settings(settings, track)
    index, _ = encoders.newest_index(store, settings)
    detector = Detector(index, encoders.full, settings.detection.threshold)
    return _explain(detector, text, detector.detect(text))


def explain_screening(guard: Guard, text: str) -> Explanation:
    """Decide on ``text`` as a running ``guard`` does, on the generation that it serves.

    Raises as ``Guard.screen``.
    """
    while True:
        detector, verdict = guard.detector, guard.screen(text)
        if verdict.generation == detector.index.generation:  # else another was swapped in between the two
            return _explain(detector, text, verdict.matches)


def _explain(detector: Detector, text: str, matches: Sequence[Match]) -> Explanation:
    near = None if matches else detector.nearest(text)
    scopes = detector.scope_scores(text)
    generation = detector.index.generation
    return Explanation(text, generation, detector.threshold, tuple(matches), near, scopes)
