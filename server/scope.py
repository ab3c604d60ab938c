"""Whether new targets may go live: the scope check with this server's settings and benign sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from ..classifiers.calibration.bycatch import Bycatch
from ..classifiers.calibration.calibration import lower_bound
from ..classifiers.calibration.line_cost import GetSides
from ..classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ..classifiers.calibration.progress import Track, pass_on
from ..classifiers.calibration.prompt_file import Prompt, read_prompts
from ..classifiers.calibration.scope_check import (
    NamesOnly,
    Scope,
    check_scope,
    common_names,
    shorter_names,
)
from ..classifiers.calibration.separation import Separation
from ..classifiers.encoders.encoder import Encoder
from ..classifiers.encoders.segment_cache import SegmentCache
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.index.lines import Draw
from ..classifiers.names.ordinary_words import ordinary_names
from ..classifiers.names.surnames import lone_notes
from ..classifiers.word_notes import word_notes
from ..guard.configuration import Settings
from ..guard.encoders import vector_file
from ..guard.store.store import Store
from ..vocabulary import ForgetTarget, UserError
from .line_report import report_lines

# Of a large file; it makes 3 flagged prompts proof of more than 1 in 2,500, and takes a few seconds.
SAMPLE = 2_000
_SHOWN = 5


class OverBroadError(UserError, ValueError):
    """Targets that would flag too much; the message has each one's figures, and the remedy."""

    def __init__(self, scopes: Sequence[Scope], sample: str, force: str) -> None:
        shown = "; ".join(map(str, scopes[:_SHOWN]))
        more = f"; and {len(scopes) - _SHOWN:,} more targets" if len(scopes) > _SHOWN else ""
        named = any(scope.named for scope in scopes)
        ways = "counterexamples, a longer name or scope 'exemplars'" if named else "counterexamples"
        super().__init__(
            f"over-broad, so nothing was changed: {shown}{more}. The sample: {sample}. Narrow it ({ways}), "
            f"or say {force} to list it all the same"
        )


class InseparableError(UserError, ValueError):
    """Targets whose own texts cannot be told from ordinary ones; the message has the figures."""

    def __init__(self, separations: Sequence[Separation], force: str) -> None:
        shown = "; ".join(map(str, separations[:_SHOWN]))
        more = f"; and {len(separations) - _SHOWN:,} more targets" if len(separations) > _SHOWN else ""
        super().__init__(
            f"not told from ordinary texts, so nothing was changed: {shown}{more}. Give texts that are about "
            f"one thing, or more of them, or say {force} to list it all the same"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """New targets, and what the checks found of them: those over the limit, those that are not told from
    ordinary texts, and what is worth saying of the others; ``notes`` say of each how well its texts are told
    apart and what else is flagged, whether its surname alone flags, or what of an ordinary word does."""

    targets: tuple[ForgetTarget, ...]

    over_broad: tuple[Scope, ...]
    inseparable: tuple[Separation, ...]
    warnings: tuple[str, ...]
    sample: str
    notes: tuple[str, ...] = ()

    def admit(self, store: Store, *, replace: bool, force: bool, way: str, actor: str | None = None) -> int:
        """List the targets, and return the generation; the log says who did it, and whether it was forced.

        ``way`` is how the caller can ``force`` it. Raises ``OverBroadError`` or ``InseparableError`` where
        that was needed and not said, and as ``Store.forget``.
        """
        if self.over_broad and not force:
            raise OverBroadError(self.over_broad, self.sample, way)
        if self.inseparable and not force:
            raise InseparableError(self.inseparable, way)
        forced = bool(self.over_broad or self.inseparable)
        return store.forget(self.targets, replace=replace, actor=actor, forced=forced)


def examine(
    targets: Sequence[ForgetTarget],
    store: Store,
    settings: Settings,
    encoder: Encoder,
    track: Track = pass_on,
    backgrounds: Draw | None = None,
    get_sides: GetSides | None = None,
) -> Admission:
    """Check ``targets`` on the configured benign sample, else on ordinary prompts of our own; ``get_sides``
    has the vectors of what is listed, to tell what that loses.

    The vectors of the sample's texts are kept beside ``store``. Raises ``PromptFileError`` where the
    configured file cannot be used.
    """
    prompts, sample = _sample(settings)
    detection = settings.detection
    file = vector_file(store, "benign", settings, encoder)
    vectors = None if isinstance(encoder, NamesOnly) else VectorCache(encoder, file)
    texts = SegmentCache(encoder) if vectors else encoder
    scopes = check_scope(
        targets,
        texts,
        prompts,
        detection.max_fpr,
        detection.threshold,
        track,
        vectors or encoder,
        backgrounds,
    )
    if vectors:
        vectors.settle()
    warnings: list[str] = []
    for target in targets:
        warnings += common_names(target, detection.max_fpr, ordinary_names(target))
    warnings += chain.from_iterable(map(shorter_names, targets))
    if isinstance(encoder, NamesOnly):
        warnings.append("only names were checked: the encoder cannot be loaded here")
    lines = report_lines(targets, store.targets(), texts, backgrounds, detection.threshold, get_sides)
    warnings += lines.warnings
    larger = {} if detection.benign else lines.bycatches
    broad = tuple(s for s in scopes if s.over_broad and not is_chance(s, larger.get(s.target_id)))
    warnings += [f"not proof of too much, but look: {s}" for s in scopes if s.flagged and s not in broad]
    notes = list(lines.notes)
    for note_names in (lone_notes, word_notes):
        notes += chain.from_iterable(map(note_names, targets))
    return Admission(
        targets=tuple(targets),
        over_broad=broad,
        inseparable=tuple(separation for separation in lines.separations if separation.fails),
        warnings=tuple(warnings),
        sample=sample,
        notes=tuple(notes),
    )


def is_chance(scope: Scope, bycatch: Bycatch | None) -> bool:
    """Whether the larger sample of a target's ``bycatch`` clears it: few prompts may just have been about it.
    What its names or its language flag is no chance."""
    if not bycatch or bycatch.warning or lower_bound(scope.named, scope.n) > scope.max_fpr:
        return False
    return lower_bound(bycatch.flagged, bycatch.n) <= scope.max_fpr


def _sample(settings: Settings) -> tuple[list[Prompt], str]:
    if file := settings.detection.benign:
        prompts = read_prompts(file, SAMPLE)
        return prompts, f"{len(prompts):,} prompts of {file.name} (detection.benign)"
    prompts = [Prompt(text) for text in ORDINARY_PROMPTS]
    return prompts, f"{len(prompts)} ordinary prompts (name a file of your own traffic in detection.benign)"
