"""What went wrong, case by case, sorted by cause."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ...classifiers.text.word_frequency import rarity
from ...vocabulary import ForgetTarget
from ..data.cases import Case, Way
from ..data.datasets import names_in
from .baselines import texts_about
from .outcomes import Outcome

# Words this much rarer than an ordinary one say what a text is about (classifiers.word_frequency).
RARE = 1.5
SHOWN = 15
SHOWN_CHARS = 300
_WORD = re.compile(r"[^\W\d_]{3,}|\d{4}")


@dataclass(frozen=True, slots=True)
class Error:
    """A case that was missed, or flagged and should not have been."""

    row: str
    way: Way
    kind: str
    cause: str
    target: str
    score: float
    labels: Mapping[str, str]
    text: str


def errors(outcome: Outcome, targets: Mapping[str, ForgetTarget]) -> Iterator[Error]:
    """The errors of one outcome against the goals of its row."""
    for number, case in enumerate(outcome.row.cases):
        score, best, who = float(outcome.own[number]), float(outcome.best[number]), outcome.who[number]
        if _asks_for_recall(outcome):
            if score < outcome.threshold and case.subject:
                target = targets[case.subject]
                yield _error(outcome, case, "missed", cause_of_miss(case, target), target, score)
        elif best >= outcome.threshold and who in targets:
            target = targets[who]
            yield _error(outcome, case, "flagged", cause_of_flag(case.text, target), target, best)


def _error(outcome: Outcome, case: Case, kind: str, cause: str, target: ForgetTarget, score: float) -> Error:
    return Error(outcome.row.name, outcome.way, kind, cause, target.name, round(score, 3),
                 case.labels, case.text)  # fmt: skip


def _asks_for_recall(outcome: Outcome) -> bool:
    return any(goal.at_least and goal.counts == "own" for goal in outcome.row.goals)


def cause_of_miss(case: Case, target: ForgetTarget) -> str:
    """How much of the target's name stands in a text that was not recognised."""
    if names_in(case.text, target.names):
        return "named in full"
    return "a part of the name stands in it" if _name_parts(case.text, target) else "not named as it stands"


def cause_of_flag(text: str, target: ForgetTarget) -> str:
    """What a text shares with a target that it is not about."""
    if names_in(text, target.names):
        return "names the target in full"
    if parts := _name_parts(text, target):
        return f"names a part of the name ({', '.join(sorted(parts))})"
    return "shares facts" if len(_shared_words(text, target)) > 1 else "similar wording"


def _name_parts(text: str, target: ForgetTarget) -> set[str]:
    return _words(text) & set().union(*map(_words, target.names))


def _shared_words(text: str, target: ForgetTarget) -> set[str]:
    """The rare words of a text that the target's texts hold too."""
    rare = {word for word in _words(text) if rarity(word) > RARE}
    return rare & set().union(*map(_words, texts_about(target)))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def write_errors(errors: Sequence[Error], folder: Path) -> None:
    """``errors.jsonl`` with all, and ``errors.md`` with how many of each cause and some of each."""
    lines = [json.dumps(asdict(error), ensure_ascii=False) for error in errors]
    (folder / "errors.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "errors.md").write_text("\n".join(_markdown(errors)) + "\n")


def _markdown(errors: Sequence[Error]) -> Iterator[str]:
    yield "# Errors by cause\n"
    rows: dict[tuple[str, str], list[Error]] = defaultdict(list)
    for error in errors:
        rows[error.row, error.way].append(error)
    for (row, way), every in rows.items():
        yield f"## {row}, given by {way}: {len(every)}\n"
        causes = Counter(_general(error.cause) for error in every)
        for cause, count in causes.most_common():
            yield f"**{every[0].kind}, {cause}: {count}**\n"
            examples = [error for error in every if _general(error.cause) == cause][:SHOWN]
            yield from map(_line, sorted(examples, key=lambda error: -error.score))
            yield ""


def _general(cause: str) -> str:
    return cause.split(" (")[0]


def _line(error: Error) -> str:
    text = " ".join(error.text.split())[:SHOWN_CHARS].replace("`", "'")
    return f"- {error.score:.2f} {error.target}: `{text}`"
