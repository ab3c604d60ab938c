"""The report: results.json with every figure, results.md with the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..data.cases import WAYS
from .outcomes import Figure

METHODS = ("ours", "without first pass", "names", "nearest", "classifier")


@dataclass(frozen=True, slots=True)
class Time:
    """What a method took for all prompts of a listing: seconds of the clock, many prompts at once."""

    listing: str
    way: str
    method: str
    prompts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """How the run was made, and what came of it."""

    run: Mapping[str, Any]
    figures: Sequence[Figure]
    curves: Sequence[Mapping[str, Any]] = ()
    left_out: Sequence[str] = ()
    times: Sequence[Time] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """``results.json`` and ``results.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        everything = {
            "run": dict(self.run),
            "left_out": list(self.left_out),
            "figures": [asdict(figure) for figure in self.figures],
            "times": [asdict(time) for time in self.times],
            "curves": list(self.curves),
        }
        (folder / "results.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False))
        (folder / "results.md").write_text("\n".join(self._markdown()) + "\n")

    def _markdown(self) -> Iterator[str]:
        yield "# Detection\n"
        yield from (f"- {name}: {value}" for name, value in self.run.items())
        yield "\nIn brackets: the 95 % Wilson interval. An asterisk: the interval reaches beyond the goal.\n"
        yield from _table([figure for figure in self.figures if not figure.group], grouped=False)
        grouped = [f for f in self.figures if f.group and (f.limit is not None or "person" not in f.figure)]
        if grouped:
            yield "\n## By group\n"
            yield from _table(grouped, grouped=True)
        if self.times:
            yield "\n## Milliseconds a prompt, many at once\n"
            yield from _times(self.times)
        if self.notes or self.left_out:
            yield "\n## Notes\n"
            yield from (f"- {row}: {note}" for row, note in self.notes.items())
            yield from (f"- left out: {reason}" for reason in self.left_out)


def _table(figures: Sequence[Figure], grouped: bool) -> Iterator[str]:
    """A line for each figure and way, with a column for each method."""
    used = {figure.method for figure in figures}
    methods = [name for name in METHODS if name in used]
    head = ["row", "figure", *(["group"] if grouped else []), "goal", "way", "n"]
    columns: list[str] = []
    for name in methods:
        columns += [name, "met"] if name == "ours" else [name]
    yield _line([*head, *columns])
    yield _line(["---"] * (len(head) + len(columns)))
    for same in _lines(figures):
        one = next(iter(same.values()))
        cells = [one.row, _describe(one), *([one.group] if grouped else [])]
        cells += [goal_of(one), one.way, f"{one.n:,}"]
        for name in methods:
            cells += _cells(same.get(name), name == "ours")
        yield _line(cells)


def _times(times: Sequence[Time]) -> Iterator[str]:
    """A line for each listing and way, with a column for each method."""
    used = {time.method for time in times}
    methods = [name for name in METHODS if name in used]
    yield _line(["listing", "way", "prompts", *methods])
    yield _line(["---"] * (len(methods) + 3))
    for listing, way in dict.fromkeys((time.listing, time.way) for time in times):
        same = {time.method: time for time in times if (time.listing, time.way) == (listing, way)}
        taken = [f"{1e3 * same[m].seconds / same[m].prompts:.1f}" if m in same else "" for m in methods]
        yield _line([listing, way, f"{max(time.prompts for time in same.values()):,}", *taken])


def _lines(figures: Iterable[Figure]) -> Iterator[dict[str, Figure]]:
    """The figures that stand on one line, by method; lines in the order of their rows, then ways."""
    lines: dict[tuple[str, str, str, str], dict[str, Figure]] = {}
    for f in figures:
        lines.setdefault((f.row, f.figure, f.group, f.way), {})[f.method] = f
    rows = list(dict.fromkeys(key[0] for key in lines))
    kinds = list(dict.fromkeys(key[:2] for key in lines))
    for key in sorted(lines, key=lambda k: (rows.index(k[0]), kinds.index(k[:2]), k[2], WAYS.index(k[3]))):
        yield lines[key]


def _cells(figure: Figure | None, ours: bool) -> list[str]:
    if figure is None:
        return ["", ""] if ours else [""]
    return [with_interval(figure), _met(figure)] if ours else [with_interval(figure)]


def _describe(figure: Figure) -> str:
    return f"{figure.figure}, against {figure.against}" if figure.against else figure.figure


def goal_of(figure: Figure) -> str:
    """The goal in words: "≥ 99 %"; empty where there is none."""
    if figure.limit is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {100 * figure.limit:g} %"


def with_interval(figure: Figure) -> str:
    """A figure with its interval: "98.3 % (97.1 to 99.0)"."""
    # A share of thousands of prompts needs digits that one of dozens has not.
    digits = 3 if not figure.at_least and figure.n >= 10_000 else 2 if figure.n >= 1_000 else 1
    value, low, high = (f"{100 * number:.{digits}f}" for number in (figure.value, figure.low, figure.high))
    return f"{value} % ({low} to {high})"


def _met(figure: Figure) -> str:
    if figure.met is None or figure.limit is None:
        return ""
    reaches = figure.low < figure.limit if figure.at_least else figure.high > figure.limit
    return ("yes" if figure.met else "**no**") + ("*" if figure.met and reaches else "")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
