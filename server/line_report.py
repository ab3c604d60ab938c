"""What is worth knowing of targets that are found by what a prompt is about, before they go live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ..classifiers.calibration.bycatch import Bycatch, measure_bycatch
from ..classifiers.calibration.line_cost import GetSides, measure_line_cost
from ..classifiers.calibration.separation import Separation, can_be_measured, measure_separation
from ..classifiers.encoders.encoder import Encoder
from ..classifiers.index.lines import KINDS, MIN_TEXTS, Backgrounds, Draw, has_line, own_texts
from ..vocabulary import ForgetTarget

# Of a file of many targets; each takes a tenth of a second and more.
LOOKED_AT = 20
# Of fewer texts of a topic it is said.
_FEW_TEXTS = 20


@dataclass(slots=True)
class LineReport:
    """Of targets that have lines, how well each is told apart; what to look at, and what to know."""

    separations: list[Separation] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bycatches: dict[str, Bycatch] = field(default_factory=dict)


def report_lines(
    targets: Sequence[ForgetTarget],
    listed: Sequence[ForgetTarget],
    encoder: Encoder,
    draw: Draw | None,
    threshold: float,
    get_sides: GetSides | None,
) -> LineReport:
    """Of ``targets`` that come to those ``listed``, or in the place of some; ``encoder`` is of their texts.

    Without ``draw`` there are no lines. ``get_sides``, if given, has the vectors of those listed.
    """
    report = LineReport()
    old = {target.id: target for target in listed}
    looked_at = set(islice((target.id for target in targets if has_line(target)), LOOKED_AT))
    for target in targets:
        if draw and can_be_measured(target):
            separation = measure_separation(target, encoder, draw(), threshold)
            report.separations.append(separation)
            report.notes.append(str(separation))
            if target.id in looked_at:
                report.notes += _compare(separation, target, old, encoder, draw(), threshold)
            if separation.warning and not separation.fails:
                report.warnings.append(separation.warning)
        if draw and target.id in looked_at:
            _add_bycatch(report, target, encoder, draw(), threshold)
        report.notes += _text_notes(target)
        report.notes += _lost_lines(target, old) if draw else ()
    if draw and get_sides and any(map(has_line, targets)):
        cost = measure_line_cost(targets, listed, get_sides, draw())
        report.notes[:0] = [str(cost)] if cost else []  # first: only so many are shown
    return report


def _compare(
    separation: Separation,
    target: ForgetTarget,
    old: Mapping[str, ForgetTarget],
    encoder: Encoder,
    backgrounds: Backgrounds,
    threshold: float,
) -> Iterator[str]:
    """What was found before it was replaced, where its texts differ; else without its counterexamples."""
    before, what = old.get(target.id), "before this change"
    if not (before and can_be_measured(before)):
        before, what = target.model_copy(update={"counterexamples": ()}), "without its counterexamples"
    if _texts(before) == _texts(target):
        return
    other = measure_separation(before, encoder, backgrounds, threshold)
    yield (
        f"{target.id!r}: {other.found} of {other.n} ({other.recall:.0%}) {what}, {separation.found} of "
        f"{separation.n} ({separation.recall:.0%}) now{_price(separation, other, before, target)}"
    )


def _price(now: Separation, other: Separation, before: ForgetTarget, target: ForgetTarget) -> str:
    if (
        target.counterexamples != before.counterexamples
        and target.counterexamples
        and now.recall < other.recall
    ):
        return f"; {len(target.counterexamples):,} counterexamples have this price: give those that must stay"
    return ""


def _texts(target: ForgetTarget) -> tuple[tuple[str, ...], ...]:
    return target.exemplars, target.counterexamples, target.passages


def _add_bycatch(
    report: LineReport, target: ForgetTarget, encoder: Encoder, backgrounds: Backgrounds, threshold: float
) -> None:
    if bycatch := measure_bycatch(target, encoder, backgrounds, threshold):
        report.bycatches[target.id] = bycatch
        report.notes.append(str(bycatch))
        if bycatch.warning:
            report.warnings.append(bycatch.warning)


def _text_notes(target: ForgetTarget) -> Iterator[str]:
    """What is worth saying of a topic's texts, where it has some."""
    count = len(own_texts(target))
    if target.kind == "topic" and 0 < count < _FEW_TEXTS:
        line = "too few to find it by what a prompt is about" if count < MIN_TEXTS else "a beginning"
        texts = "one text" if count == 1 else f"{count} different texts"
        yield f"{target.name}: {texts}, {line}; give a hundred, in several forms"


def _lost_lines(target: ForgetTarget, old: Mapping[str, ForgetTarget]) -> Iterator[str]:
    """That a target which was found by what a prompt is about no longer is."""
    before = old.get(target.id)
    if not before or not has_line(before) or has_line(target):
        return
    if target.kind not in KINDS:
        reason = f"kind {target.kind!r} is not ({', '.join(sorted(KINDS))} are)"
    elif target.scope != "all":
        reason = f"scope {target.scope!r} is not (all is)"
    else:
        reason = f"with {len(own_texts(target))} texts it is not ({MIN_TEXTS} are needed)"
    yield f"{target.id!r} was found by what a prompt is about; {reason}: now by names and near texts alone"
