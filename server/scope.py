"""Whether new targets may go live: the scope check with this server's settings and benign sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
from ..classifiers.encoders.encoder import Encoder
from ..classifiers.encoders.vector_cache import VectorCache
from ..classifiers.index.lines import Backgrounds
from ..classifiers.names.surnames import lone_notes
from ..classifiers.word_notes import ordinary_names, word_notes
from ..guard.configuration import Settings
from ..guard.encoders import vector_file
from ..guard.store.store import Store
from ..vocabulary import ForgetTarget, UserError

# Of a large file; it makes 3 flagged prompts proof of more than 1 in 2,500, and takes a few seconds.
SAMPLE = 2_000
_SHOWN = 5


class OverBroadError(UserError, ValueError):
    """Targets that would flag too much; the message has each one's figures, and the remedy."""

    def __init__(self, scopes: Sequence[Scope], sample: str, force: str) -> None:
        shown = "; ".join(map(str, scopes[:_SHOWN]))
        more = f"; and {len(scopes) - _SHOWN:,} more targets" if len(scopes) > _SHOWN else ""
        super().__init__(
            f"over-broad, so nothing was changed: {shown}{more}. The sample: {sample}. Narrow it (a longer "
            f"name, scope 'exemplars', counterexamples), or say {force} to list it all the same"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """New targets, and what the scope check found of them: those over the limit, and what is worth saying of
    the others; ``notes`` say of each whether its surname alone flags, or what of an ordinary word does."""

    targets: tuple[ForgetTarget, ...]

    over_broad: tuple[Scope, ...]
    warnings: tuple[str, ...]
    sample: str
    notes: tuple[str, ...] = ()

    def admit(self, store: Store, *, replace: bool, force: bool, way: str, actor: str | None = None) -> int:
        """List the targets, and return the generation; the log says who did it, and whether it was forced.

        ``way`` is how the caller can ``force`` it. Raises ``OverBroadError`` where that was needed and not
        said, and as ``Store.forget``.
        """
        if self.over_broad and not force:
            raise OverBroadError(self.over_broad, self.sample, way)
        return store.forget(self.targets, replace=replace, actor=actor, forced=bool(self.over_broad))


def examine(
    targets: Sequence[ForgetTarget],
    store: Store,
    settings: Settings,
    encoder: Encoder,
    track: Track = pass_on,
    backgrounds: Backgrounds | None = None,
) -> Admission:
    """Check ``targets`` on the configured benign sample, else on ordinary prompts of our own.

    The vectors of the sample's texts are kept beside ``store``. Raises ``PromptFileError`` where the
    configured file cannot be used.
    """
    prompts, sample = _sample(settings)
    detection = settings.detection
    file = vector_file(store, "benign", settings, encoder)
    vectors = None if isinstance(encoder, NamesOnly) else VectorCache(encoder, file)
    scopes = check_scope(
        targets,
        encoder,
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
    warnings += [f"not proof of too much, but look: {s}" for s in scopes if s.flagged and not s.over_broad]
    warnings += chain.from_iterable(map(shorter_names, targets))
    if isinstance(encoder, NamesOnly):
        warnings.append("only names were checked: the encoder cannot be loaded here")
    broad = tuple(scope for scope in scopes if scope.over_broad)
    notes = [*chain.from_iterable(map(lone_notes, targets)), *chain.from_iterable(map(word_notes, targets))]
    return Admission(
        targets=tuple(targets),
        over_broad=broad,
        warnings=tuple(warnings),
        sample=sample,
        notes=tuple(notes),
    )


def _sample(settings: Settings) -> tuple[list[Prompt], str]:
    if file := settings.detection.benign:
        prompts = read_prompts(file, SAMPLE)
        return prompts, f"{len(prompts):,} prompts of {file.name} (detection.benign)"
    prompts = [Prompt(text) for text in ORDINARY_PROMPTS]
    return prompts, f"{len(prompts)} ordinary prompts (name a file of your own traffic in detection.benign)"
