"""The report on real knowledge: results.json, results.md with a table a list, and a plot."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ..data.knowledge_data import Fact, rename
from ..detection.outcomes import wilson
from ..detection.plots import _pyplot
from .aftermath import is_degenerate, is_empty, is_refusal
from .tofu_report import NO_GUARD, _line

STRANGER = "never knew"
LOST, KEPT = "to forget: still told", "to keep: still told"
SPECIFIC = "to forget and not by chance: still told"
MARKS = {"empty": is_empty, "degenerate": is_degenerate, "a refusal": is_refusal}

READING = f"""\
A fact is told if one of its accepted answers stands in the model's answer as whole words (case, accents,
punctuation and articles aside). Not asked are facts whose answer stands in the question, and those that a
guess hits: yes, no, true, false, a single digit or letter. Figures are hits of n, with the 95 % Wilson
interval; where a corruption draws noise those of the first seed, with the range of all.

- people: those of RWKU; to keep are facts about their neighbours that name none of them.
- TriviaQA: what half of the known questions name, given by that name; to keep is the other half.
- {NO_GUARD}: tells every fact by construction, since only what it tells is measured.
- {STRANGER}: the reference: the model without a guard, asked what is to be forgotten with an invented name in
  the place of the entity's. That the true answer still comes out is chance, and what its answers look like
  is what the guard's should look like. "Not by chance" are the facts that it does not tell.
- in-context: flagged prompts get an instruction not to know. refusal: they are answered with one sentence."""


class Share(NamedTuple):
    """``hits`` of ``n``; ``n`` is at least 1."""

    hits: int
    n: int

    @classmethod
    def of(cls, marks: Iterable[bool]) -> Share:
        """The share of true marks."""
        every = list(marks)
        return cls(sum(every), len(every))

    @property
    def value(self) -> float:
        """The share as a number from 0 to 1."""
        return self.hits / self.n

    def as_json(self) -> dict[str, Any]:
        """Hits and n, with the share and its 95 % interval."""
        return {**self._asdict(), "share": self.value, "interval": wilson(*self)}

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.n)
        return f"{self.hits} of {self.n}: {self.value:.0%} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True, slots=True)
class Said:
    """What a method answers, and whether the guard flags the question; None where there is no guard."""

    fact: Fact
    answer: str
    flagged: bool | None = None

    @property
    def tells_fact(self) -> bool:
        """Whether the answer tells the fact."""
        return self.fact.stands_in(self.answer)

    def as_json(self) -> dict[str, Any]:
        """The fact, and what came of it."""
        verdict = {"answer": self.answer, "told": self.tells_fact, "flagged": self.flagged}
        return {**asdict(self.fact), **verdict}


@dataclass(frozen=True, slots=True)
class Column:
    """What a method says of a list with one seed."""

    forget: Sequence[Said]
    keep: Sequence[Said] = ()

    def figures(self, specific: Collection[Fact] = ()) -> dict[str, Share]:
        """Shares by name, without those of no facts; ``specific`` are the facts that no chance tells."""
        shares = {LOST: Share.of(said.tells_fact for said in self.forget)}
        shares |= {SPECIFIC: Share.of(said.tells_fact for said in self.forget if said.fact in specific)}
        shares |= {KEPT: Share.of(said.tells_fact for said in self.keep)}
        for kind, bears in MARKS.items():
            shares[f"to forget: the answer is {kind}"] = Share.of(bears(said.answer) for said in self.forget)
        for half, every in (("to forget", self.forget), ("to keep", self.keep)):
            shares[f"{half}: flagged"] = Share.of(said.flagged for said in every if said.flagged is not None)
        return {name: share for name, share in shares.items() if share.n}


@dataclass(frozen=True, slots=True)
class KnowledgeReport:
    """How the run was made, and what came of it: ``columns`` holds, for each list and method, a column a
    seed; ``notes`` what each list is of."""

    run: Mapping[str, str]
    notes: Mapping[str, str]
    columns: Mapping[str, Mapping[str, Sequence[Column]]]
    left_out: Sequence[str] = ()

    def figures(self, listed: str, method: str) -> list[dict[str, Share]]:
        """The figures of a method on a list, one dictionary a seed."""
        specific = self._specific(listed)
        return [column.figures(specific) for column in self.columns[listed][method]]

    def write(self, folder: Path, plots: bool = True) -> None:
        """``results.json``, with every answer of the first seeds, ``results.md`` and ``knowledge.png``.

        Raises ``PlotError`` for plots without matplotlib.
        """
        folder.mkdir(parents=True, exist_ok=True)
        everything = {"run": dict(self.run), "lists": dict(self.notes), "left_out": list(self.left_out),
                      "figures": self._figures(), "answers": self._answers()}  # fmt: skip
        (folder / "results.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False))
        (folder / "results.md").write_text("\n".join(self._markdown()) + "\n")
        if plots:
            self._plot(folder / "knowledge.png")

    def _specific(self, listed: str) -> set[Fact]:
        """The facts that do not come out with an invented name."""
        methods = self.columns[listed]
        missed: set[Fact] = set()
        for column in methods.get(STRANGER, ()):
            missed.update(said.fact for said in column.forget if not said.tells_fact)
        others = rename([said.fact for said in methods[NO_GUARD][0].forget])
        return {fact for fact, other in others.items() if other in missed}

    def _figures(self) -> dict[str, Any]:
        """By list, method, seed and name."""
        lists: dict[str, dict[str, list[Any]]] = {}
        for listed, methods in self.columns.items():
            lists[listed] = {method: _jsons(self.figures(listed, method)) for method in methods}
        return lists

    def _answers(self) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for listed, methods in self.columns.items():
            for method, (first, *_) in methods.items():
                for half, every in (("forget", first.forget), ("keep", first.keep)):
                    where = {"list": listed, "half": half, "method": method}
                    answers += [where | said.as_json() for said in every]
        return answers

    def _markdown(self) -> Iterator[str]:
        yield "# Forgetting what a model knows\n"
        yield from (f"- {name}: {value}" for name, value in self.run.items())
        yield f"\n{READING}"
        for listed, methods in self.columns.items():
            yield f"\n## {listed}\n\n{self.notes[listed]}\n"
            yield from _table({method: self.figures(listed, method) for method in methods})
        if self.left_out:
            yield "\n## Left out\n"
            yield from (f"- {reason}" for reason in self.left_out)

    def _plot(self, file: Path) -> None:
        pyplot = _pyplot()
        figure, axes = pyplot.subplots(1, len(self.columns), figsize=(6 * len(self.columns), 5),
                                       squeeze=False, layout="constrained")  # fmt: skip
        for axis, listed in zip(axes[0], self.columns, strict=True):
            self._draw(axis, listed)
        figure.savefig(file, dpi=100)
        pyplot.close(figure)

    def _draw(self, axis: Any, listed: str) -> None:
        """A point a method with its first seed, where it has both shares; chance is a line."""
        for method in self.columns[listed]:
            shares = self.figures(listed, method)[0]
            if method == STRANGER and LOST in shares:
                axis.axhline(shares[LOST].value, color="black", linestyle="--", label=method)
            elif KEPT in shares:
                (across, around), (up, over) = _place(shares[KEPT]), _place(shares[LOST])
                axis.errorbar(across, up, xerr=around, yerr=over, fmt="o", capsize=2, label=method)
        axis.set(title=listed, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=f"facts {KEPT} (share)",
                 ylabel=f"facts {LOST} (share)")  # fmt: skip
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)


def _place(share: Share) -> tuple[float, list[list[float]]]:
    """Where a share stands, and how far its interval reaches below and above."""
    low, high = wilson(*share)
    return share.value, [[share.value - low], [high - share.value]]


def _jsons(seeds: Sequence[Mapping[str, Share]]) -> list[Any]:
    return [{name: share.as_json() for name, share in shares.items()} for shares in seeds]


def _table(methods: Mapping[str, Sequence[Mapping[str, Share]]]) -> Iterator[str]:
    """A Markdown table of the figures, a column a method."""
    yield _line(["figure", *methods])
    yield _line(["---"] * (len(methods) + 1))
    for name in dict.fromkeys(chain.from_iterable(seeds[0] for seeds in methods.values())):
        cells = []
        for seeds in methods.values():
            cells.append(_cell([shares[name] for shares in seeds if name in shares]))
        yield _line([name, *cells])


def _cell(seeds: Sequence[Share]) -> str:
    if not seeds:
        return "—"
    values = [share.value for share in seeds]
    return str(seeds[0]) + (f"; {min(values):.0%} to {max(values):.0%}" if len(seeds) > 1 else "")
