"""The report on answers: results.json, with every answer, results.md with one table, and a plot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..detection.plots import _pyplot
from ..forgetting.tofu_report import _line
from .figures import SETTINGS, Figure
from .said import Sheet
from .served import BOTH, NO_GUARD, PROMPT_GUARD

READING = f"""\
- {NO_GUARD}: plain vLLM. {PROMPT_GUARD}: `answers: off`. {BOTH}: `answers: names`, the default.
- Shares are hits of n, with the 95 % Wilson interval. Answers are greedy.
- A name is in an answer if its words stand there in a row, whatever their case, accents and punctuation. The
  questions hold no listed name, so the prompt guard is seldom called on.
- A run is of words of the answer that stand so in a listed passage, whatever their case and punctuation.
- Answers that differ between settings among the benign are asked for again one at a time: requests that share
  a batch are rounded in another way."""


@dataclass(frozen=True, slots=True)
class AnswersReport:
    """How the run was made, its figures, and what was said."""

    run: Mapping[str, str]
    figures: Sequence[Figure]
    sheets: Sequence[Sheet]

    def write(self, folder: Path, plots: bool = True) -> None:
        """Write all files. Raises ``PlotError`` for plots without matplotlib."""
        folder.mkdir(parents=True, exist_ok=True)
        everything = {"run": dict(self.run), "figures": self._figures(), "answers": self._answers()}
        (folder / "results.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False))
        (folder / "results.md").write_text("\n".join(self._markdown()) + "\n")
        if plots and any(figure.shares for figure in self.figures):
            self._plot(folder / "answers.png")

    def _figures(self) -> list[dict[str, object]]:
        figures: list[dict[str, object]] = []
        for figure in self.figures:
            shares = {setting: share.as_json() for setting, share in figure.shares.items()}
            figures.append({
                "what": figure.what, "on": figure.on, "goal": figure.goal, "met": figure.met,
                "values": dict(figure.values), "shares": shares,
            })  # fmt: skip
        return figures

    def _answers(self) -> list[dict[str, object]]:
        answers: list[dict[str, object]] = []
        for sheet in self.sheets:
            for said in sheet.kept:
                answers.append({"of": sheet.name, "question": said.question, "answers": dict(said.answers)})
        return answers

    def _markdown(self) -> Iterator[str]:
        yield "# What comes out in answers\n"
        yield from (f"- {name}: {value}" for name, value in self.run.items())
        yield f"{READING}\n"
        header = ["what", "on", "goal", *SETTINGS, ""]
        yield _line(header)
        yield _line(["---"] * len(header))
        yield from (_line(list(figure.row())) for figure in self.figures)

    def _plot(self, file: Path) -> None:
        """A bar a setting for each figure of shares."""
        pyplot = _pyplot()
        shown = [figure for figure in self.figures if figure.shares][::-1]
        shape, height = (11, 1.5 + 0.6 * len(shown)), 0.8 / len(SETTINGS)
        figure, axis = pyplot.subplots(figsize=shape, layout="constrained")
        for place, setting in enumerate(SETTINGS):
            values = [each.shares[setting].value if setting in each.shares else 0.0 for each in shown]
            axis.barh([n - (place - 1) * height for n in range(len(shown))], values, height, label=setting)
        labels = [f"{each.what}\n{each.on.partition(':')[0][:60]}" for each in shown]
        axis.set_yticks(range(len(shown)), labels, fontsize=7)
        axis.set(xlim=(0, 1), xlabel="share of answers")
        axis.grid(alpha=0.3, axis="x")
        axis.legend(loc="lower right")
        figure.savefig(file, dpi=100)
        pyplot.close(figure)
