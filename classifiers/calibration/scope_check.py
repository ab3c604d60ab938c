"""Before a target goes live: how much benign traffic would it flag?

An over-broad target, careless or malicious, makes the model forget what no one asked it to forget
("Scope-aware unlearning"). It is known by the benign prompts that it would flag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from wordfreq import word_frequency

from ...vocabulary import ForgetTarget, Match
from ..detector import Detector
from ..encoders.encoder import Encoder, Vectors
from ..encoders.segment_cache import SegmentCache
from ..evidence import THRESHOLD
from ..forget_index import ForgetIndex
from ..index.lines import Draw, has_line
from ..names.other_names import names_to_propose
from ..text.folding import normalise
from .calibration import CONFIDENCE, lower_bound
from .progress import Track, pass_on
from .prompt_file import Prompt

REASONS = 3
# One index for so many new targets: more would crowd one another out of the neighbours searched.
TOGETHER = 100
# What a prompt of ordinary length has, for the estimate from a word's frequency.
PROMPT_WORDS = 10
# So many times more than other targets a topic with texts may flag: of 325 ordinary prompts two are truly
# about economics.
TOPIC_FACTOR = 10
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a target (its name, an exemplar) that flags ``prompts`` benign prompts, and one of them."""

    part: str
    prompts: int
    example: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What one target flags of ``n`` benign prompts."""

    target_id: str
    flagged: int
    n: int
    max_fpr: float
    reasons: tuple[Reason, ...] = ()
    named: int = 0
    """So many of those flagged hold a name of it."""

    @property
    def rate(self) -> float:
        """The share of the sample that is flagged."""
        return self.flagged / self.n

    @property
    def lower(self) -> float:
        """What the share of all such traffic is not below, with confidence 0.95."""
        return lower_bound(self.flagged, self.n)

    @property
    def over_broad(self) -> bool:
        """Whether the sample is proof that more than ``max_fpr`` is flagged: one prompt in 200 is none."""
        return self.lower > self.max_fpr

    def __str__(self) -> str:
        """The figures, and which parts of the target flag; no prompt is repeated."""
        parts = "; ".join(f"{reason.part} flags {reason.prompts}" for reason in self.reasons)
        return (
            f"{self.target_id!r} would flag {self.flagged} of {self.n:,} benign prompts, {self.rate:.2%} "
            f"(at least {self.lower:.2%} with confidence {CONFIDENCE:g}; max_fpr allows {self.max_fpr:.2%}): "
            f"{parts}"
        )


class NamesOnly:
    """Stands in for an encoder that cannot be loaded: with an infinite threshold, names alone are found."""

    fingerprint = "names only"
    dimension = 1

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return zeros, shape (len(texts), 1): no text is like another."""
        return np.zeros((len(texts), 1), dtype=np.float32)


@dataclass(slots=True)
class _Tally:
    """What was flagged so far for one target."""

    prompts: int = 0
    named: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, prompt: Prompt, matches: Sequence[Match]) -> None:
        self.prompts += 1
        self.named += any(match.name for match in matches)
        for part in dict.fromkeys(map(_part, matches)):
            self.parts[part] += 1
            self.examples.setdefault(part, _short(prompt.text))

    def reasons(self) -> tuple[Reason, ...]:
        common = self.parts.most_common(REASONS)
        return tuple(Reason(part, count, self.examples[part]) for part, count in common)


def check_scope(
    targets: Sequence[ForgetTarget],
    encoder: Encoder,
    prompts: Sequence[Prompt],
    max_fpr: float,
    threshold: float = THRESHOLD,
    track: Track = pass_on,
    prompt_encoder: Encoder | None = None,
    backgrounds: Draw | None = None,
) -> list[Scope]:
    """What each of ``targets``, whatever else is listed, would flag of ``prompts``, in their order.

    With ``NamesOnly`` for an encoder, what their names alone flag. ``prompt_encoder`` may remember the
    prompts' vectors from one check to the next. ``track`` may show progress; it is called once for every
    100 targets.
    """
    cached = SegmentCache(prompt_encoder or encoder)
    threshold = inf if isinstance(encoder, NamesOnly) else threshold
    scopes = []
    for first in range(0, len(targets), TOGETHER):
        index = ForgetIndex(0, targets[first : first + TOGETHER], encoder, backgrounds=backgrounds)
        detector = Detector(index, cached, threshold)
        tallies = {target_id: _Tally() for target_id in index.targets}
        for prompt in track("scope check", prompts):
            matches = detector.detect(prompt.text, prompt.turns)
            for target_id, hits in _by_target(matches).items():
                tallies[target_id].add(prompt, hits)
        for target_id, tally in tallies.items():
            limit = _limit(index.targets[target_id], max_fpr)
            reasons = tally.reasons()
            scopes.append(Scope(target_id, tally.prompts, len(prompts), limit, reasons, tally.named))
    return scopes


def _limit(target: ForgetTarget, max_fpr: float) -> float:
    """What it may flag: a topic is broad by nature, and some ordinary prompts are about it."""
    return min(1.0, max_fpr * TOPIC_FACTOR) if has_line(target) and target.kind == "topic" else max_fpr


def _by_target(matches: Iterable[Match]) -> dict[str, list[Match]]:
    grouped: dict[str, list[Match]] = {}
    for match in matches:
        grouped.setdefault(match.target_id, []).append(match)
    return grouped


def _part(match: Match) -> str:
    if match.surname:
        return f"the surname {match.name!r} alone"
    if match.name or not match.exemplar:
        return f"the name {match.name!r}"
    return f"the text {_short(match.exemplar.text)!r}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"


def common_names(target: ForgetTarget, max_fpr: float, told: Collection[str] = ()) -> Iterator[str]:
    """A warning for each name that is one English word, so common that a sample may just have missed it.

    By its frequency in ordinary text, a tenth of ``max_fpr`` of prompts of ten words would hold it, or more.
    Of the names ``told`` it is known already.
    """
    for name in target.names if target.scope == "all" else ():
        share = common_share(name)
        if share >= max_fpr / 10 and name not in told:
            yield (
                f"the name {name!r} is one common word: about one in {round(1 / share):,} prompts of "
                f"{PROMPT_WORDS} words has it, whatever is meant; a longer name, counterexamples or "
                "scope 'exemplars' would tell the target from the word"
            )


def common_share(name: str) -> float:
    """The share of prompts of ten words that hold ``name``, one English word; 0 for a name of several."""
    word = normalise(name)[0].strip()
    return 1 - (1 - word_frequency(word, "en", "large")) ** PROMPT_WORDS if " " not in word else 0.0


def shorter_names(target: ForgetTarget) -> Iterator[str]:
    """A note for each name that people may shorten to one that can mean others: "Apple" for Apple Inc."""
    for name in target.names if target.scope == "all" else ():
        for shorter in names_to_propose(name, target.kind):
            if normalise(shorter)[0] not in {normalise(known)[0] for known in target.names}:
                yield (
                    f"the name {name!r} does not flag {shorter!r} alone, which others may bear: list it as "
                    "an alias if it means this one in your traffic"
                )
