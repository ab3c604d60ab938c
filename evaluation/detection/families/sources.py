"""The data sets that the families draw their cases from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ...data.cases import PARTS, Case
from ...data.data_folder import DataError, DataFolder
from ...data.datasets import Benign, KnowUnDo, Rwku, Tofu, Work
from ...data.nameless_work import NamelessWork
from ...data.topics import Topics


class Sources:
    """The data sets of one folder, and cases drawn from them with one seed."""

    def __init__(self, data: DataFolder, seed: int = 0, questions: Path | None = None) -> None:
        """``questions`` is the folder of what a model asked about the topics."""
        self.data = data
        self.seed = seed
        self.tofu, self.rwku, self.work = Tofu(data), Rwku(data, seed), Work(data)
        self.people = KnowUnDo(data)
        self.topics = Topics(data, seed, questions)
        self.nameless = NamelessWork(data, seed)

    @cached_property
    def benign(self) -> Benign:
        """Prompts that speak of none of RWKU's people."""
        try:
            return Benign(self.data, self.rwku.all_names)
        except DataError:  # a folder without RWKU
            return Benign(self.data, ())

    def calibration(self, count: int) -> list[Case]:
        """Benign prompts of the tuning half, on which the baselines' thresholds are chosen."""
        return self.benign.sample(count, "tuning", self.seed)

    def ordinary(self, count: int, longest: int = 20_000) -> list[Case]:
        """``count`` benign prompts of each part, of at most ``longest`` characters."""
        cases: list[Case] = []
        for part in PARTS:
            cases += self.benign.sample(count, part, self.seed, longest)
        return cases

    def questions(self, count: int | None = None) -> list[Case]:
        """RWKU's simple questions, shuffled, ``count`` of each part; all without it."""
        return self.draw([replace(case, labels={}) for case in self.rwku.probes(2)], count)

    def draw(self, cases: Sequence[Case], count: int | None) -> list[Case]:
        """The cases shuffled, ``count`` of each part; all without it."""
        shuffled = random.Random(self.seed).sample(cases, len(cases))
        drawn: list[Case] = []
        for half in by_part(shuffled):
            drawn += half[:count]
        return drawn


def by_part(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """The cases of each part, in their order."""
    for part in PARTS:
        yield [case for case in cases if case.part == part]
