"""Likelihoods alone, as served, of the questions of a forget set: truth ratios and membership.

    vllm-unlearn eval truth-ratios DATA MODEL RETAIN --recipe LABEL=FILE

What `eval tofu` tells of a sample with all else, in minutes for all 400 questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from statistics import mean
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ...corruption.embedding_table import EmbeddingTable
from ...guard.configuration import EncoderSettings
from ..data.data_folder import DataFolder
from ..data.tofu_data import TofuData, load
from ..detection.encoders import Workbench
from ..models.causal_model import Advance, unheard
from ..models.checkpoints import open_model
from ..models.guarded_model import GuardedModel, PromptReader
from .corruptions import corruptors, files_by_label
from .forget_metrics import forget_quality, membership, privacy
from .tofu_figures import Asked, texts
from .tofu_methods import Pair, Served

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Measures:
    """What a model says of given answers: a raw truth ratio a question, P(answer), how unsure it is of
    each token (nats), and each membership attack's AUC."""

    ratios: Sequence[float]
    probability: float
    entropy: float
    attacks: Mapping[str, float]


def ask(served: Served, data: TofuData, track: Advance = unheard) -> Measures:
    """Ask for the likelihood of every given answer of the forget set, and of unseen authors' true ones."""
    pairs: list[Pair] = []
    for q in data.forget:
        pairs += zip(repeat(q.text), q.candidates, strict=False)
    pairs += [(q.text, q.answer) for q in data.strangers]
    scores = iter(served.likelihoods(pairs, track))
    forget = [Asked(q, list(islice(scores, len(q.candidates)))) for q in data.forget]
    strangers = [Asked(q, [next(scores)]) for q in data.strangers]
    members, others = texts(forget), texts(strangers)
    return Measures(
        [a.ratio for a in forget],
        mean(a.probabilities[0] for a in forget),
        # The mean log-probability of what a model expects itself is minus its entropy.
        mean(-float(text.likelihood.mean.mean()) for text in members),
        membership(members, others),
    )


def row(label: str, measures: Measures, retained: Measures) -> Iterator[str]:
    """A line of the table."""
    quality = forget_quality(measures.ratios, retained.ratios)
    yield label
    yield from (f"{value:.2f}" for value in np.quantile(measures.ratios, QUANTILES))
    yield f"{mean(measures.ratios):.2f}"
    yield f"{quality.distance:.3f}"
    yield f"{quality.p:.2g}"
    yield f"{measures.probability:.3f}"
    yield f"{measures.entropy:.2f}"
    yield ", ".join(f"{value:.2f}" for value in measures.attacks.values())
    yield f"{privacy(measures.attacks, retained.attacks):.2f}"


def main(
    data: Path,
    model: Path,
    retain: Path,
    recipe: Annotated[list[str], typer.Option(help="LABEL=FILE; may be given again.")] = [],  # noqa: B006
    forget: str = "forget10",
    sample: Annotated[int | None, typer.Option(help="At most so many questions, over all targets.")] = None,
    encoder: str | None = None,
    cache: Path = Path("truth-ratios"),
) -> None:
    """Print the table of the ``recipe`` files, for folders with merged adapters; ``cache`` is kept."""
    settings = EncoderSettings(model=encoder) if encoder else EncoderSettings()
    bench, asked = Workbench.open(settings, cache), load(DataFolder(data), forget, sample)
    full, table = open_model(model, cache), EmbeddingTable(model)
    reader = PromptReader(full.chat.tokenizer, bench.detector(asked.targets))
    methods = {"retain model": GuardedModel(open_model(retain, cache)), "no guard": GuardedModel(full)}
    for label, every in corruptors({}, files_by_label(recipe), table, full.dtype).items():
        for number, one in enumerate(every):
            methods[f"{label} {number}" if number else label] = GuardedModel(full, reader, one)
    quantiles = (f"{100 * q:.0f} %" for q in QUANTILES)
    shown = Table("", *quantiles, "mean", "KS", "p", "P(answer)", "entropy", "AUC", "Priv")
    measures: dict[str, Measures] = {}
    with Progress(console=Console(stderr=True)) as progress:
        for label, method in methods.items():
            task = progress.add_task(label, total=sum(len(q.candidates) + 1 for q in asked.forget))
            measures[label] = ask(Served(method), asked, partial(progress.advance, task))
            shown.add_row(*row(label, measures[label], measures["retain model"]))
    Console(width=200).print(shown)
