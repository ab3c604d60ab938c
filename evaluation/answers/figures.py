"""The figures of a run: each with its goal, and a value a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...classifiers.encoders.encoder import Encoder
from ..forgetting.aftermath import is_degenerate, is_empty, off_topic
from ..forgetting.knowledge_report import Share
from .cost import Cost, quartiles
from .holding import Holding
from .questions import Names
from .said import Said, Sheet
from .served import BOTH, NO_GUARD, PROMPT_GUARD
from .verbatim import MOST, Passages

SETTINGS = (NO_GUARD, PROMPT_GUARD, BOTH)
# How many points of a hundred more than of the unguarded model's own answers may bear a mark.
POINTS = 0.02
MOST_EVENTS, MOST_TOKENS, LEAST_THROUGHPUT = 0.01, 6.0, 0.99


@dataclass(frozen=True, slots=True)
class Figure:
    """What was counted or measured on what; ``shares`` and ``values`` are by setting. ``met`` is None
    where there is no goal."""

    what: str
    on: str
    goal: str
    shares: Mapping[str, Share]
    values: Mapping[str, str]
    met: bool | None = None

    @classmethod
    def counted(
        cls,
        what: str,
        on: str,
        shares: Mapping[str, Share],
        goal: str = "",
        met: Callable[[Mapping[str, Share]], bool] | None = None,
    ) -> Figure:
        """One of shares, of which none is of nothing."""
        values = {setting: str(share) for setting, share in shares.items()}
        return cls(what, on, goal, shares, values, met(shares) if met else None)

    @classmethod
    def measured(cls, what: str, on: str, value: str, goal: str = "", met: bool | None = None) -> Figure:
        """One that is of the answer guard alone."""
        return cls(what, on, goal, {}, {BOTH: value}, met)

    def row(self) -> Iterator[str]:
        """The cells of a line of the table."""
        yield from (self.what, self.on, self.goal)
        yield from (self.values.get(setting, "—") for setting in SETTINGS)
        yield "" if self.met is None else ("met" if self.met else "**missed**")


Counts = Callable[[Said, str], bool]


def _count(said: Sequence[Said], counts: Counts) -> dict[str, Share]:
    """In each setting the answers of which ``counts`` is true; nothing of no answers."""
    if not said:
        return {}
    return {setting: Share.of(counts(one, one.answers[setting]) for one in said) for setting in SETTINGS}


def _none(shares: Mapping[str, Share]) -> bool:
    return BOTH in shares and shares[BOTH].hits == 0


def leaks(sheet: Sheet, names: Names) -> Iterator[Figure]:
    """Listed names in answers to questions that hold none."""
    on = f"{sheet.name}: {len(sheet.kept)} of {sheet.asked} questions whose unguarded answer holds one"
    told = _count(sheet.kept, lambda one, answer: bool(names.told(one.question, answer)))
    yield Figure.counted("a listed name in the answer", on, told, "0", _none if told else None)
    part = _count(sheet.kept, lambda one, answer: bool(names.last_words(one.question, answer)))
    yield Figure.counted("its last word, with a capital", f"{sheet.name}: the same", part)


def recitals(sheet: Sheet, passages: Passages) -> Iterator[Figure]:
    """Runs of a listed passage in answers."""
    on = f"{sheet.name}: {len(sheet.kept)} of {sheet.asked} that the model recites unguarded"
    recited = _count(sheet.kept, lambda _, answer: passages.longest_run(answer) > MOST)
    goal = _none if recited else None
    yield Figure.counted(f"a run of more than {MOST} words of a passage", on, recited, "0", goal)
    if sheet.kept:
        longest = {}
        for setting in SETTINGS:
            longest[setting] = str(max(passages.longest_run(one.answers[setting]) for one in sheet.kept))
        on = f"{sheet.name}: the same"
        yield Figure("the longest run, in words", on, f"≤ {MOST}", {}, longest, int(longest[BOTH]) <= MOST)


def innocents(sheet: Sheet, names: Names) -> Iterator[Figure]:
    """Answers that name nobody and are not the same bytes; each guard held against what is without it."""
    nobody, by_part = list[Said](), list[Said]()
    for said in sheet.kept:
        if not names.stand_in(said.answers[PROMPT_GUARD]):
            part = names.last_words(said.question, said.answers[PROMPT_GUARD])
            (by_part if part else nobody).append(said)
    for what, every, goal in (
        ("an answer that names nobody listed, changed", nobody, "0"),
        ("an answer that holds a listed name's last word alone, changed", by_part, ""),
    ):
        if every:
            changed = {
                PROMPT_GUARD: Share.of(one.answers[PROMPT_GUARD] != one.answers[NO_GUARD] for one in every),
                BOTH: Share.of(one.answer_guard_changed for one in every),
            }
            yield Figure.counted(what, f"{sheet.name}; both guards against the prompt guard alone", changed,
                                 goal, _none if goal else None)  # fmt: skip


def marks(name: str, sheets: Sequence[Sheet], encoder: Encoder) -> Iterator[Figure]:
    """The marks of answers that the answer guard changed, beside those of the other answers to the same."""
    changed = [one for sheet in sheets for one in sheet.kept if one.answer_guard_changed]
    on = f"{name}: {len(changed)} answers that the answer guard changed"
    for kind, bears in (("empty", is_empty), ("degenerate or a loop", is_degenerate)):
        shares = _count(changed, lambda _, answer, bears=bears: bears(answer))  # type: ignore[misc]
        yield _mark(kind, on, shares)
    off: dict[str, Share] = {}
    for setting in SETTINGS if changed else ():
        questions = [one.question for one in changed]
        off[setting] = Share.of(off_topic(questions, [one.answers[setting] for one in changed], encoder))
    yield _mark("off topic", on, off)


def _mark(kind: str, on: str, shares: Mapping[str, Share]) -> Figure:
    goal = f"≤ unguarded + {POINTS:.0%}"
    return Figure.counted(f"{kind}", on, shares, goal, _is_near if shares else None)


def _is_near(shares: Mapping[str, Share]) -> bool:
    return shares[BOTH].value <= shares[NO_GUARD].value + POINTS


def holding(one: Holding) -> Iterator[Figure]:
    """What waits, and what reading costs."""
    on = f"{len(one.held):,} tokens of benign texts, {one.listed:,} names listed"
    share, p99 = one.more_than_one, one.p99
    yield Figure.measured("events that hold back more than one token", on, f"{share:.2%}",
                          f"≤ {MOST_EVENTS:.0%}", share <= MOST_EVENTS)  # fmt: skip
    yield Figure.measured("tokens held back, p99 (most)", on, f"{p99:.0f} ({one.held.max()})",
                          f"≤ {MOST_TOKENS:.0f}", p99 <= MOST_TOKENS)  # fmt: skip
    yield Figure.measured("reading, CPU µs a token", on, f"{one.microseconds:.1f}")


def cost(one: Cost, listed: int) -> Iterator[Figure]:
    """Throughput and processor time, with answers read against without."""
    on = f"{len(one.read)} interleaved pairs of rounds, {listed} targets, none in the answers"
    low, middle, high = quartiles(one.throughput)
    yield Figure.measured("throughput, answers read by not read (quartiles)", on,
                          f"{middle:.3f} ({low:.3f} to {high:.3f})", f"≥ {LEAST_THROUGHPUT}",
                          middle >= LEAST_THROUGHPUT)  # fmt: skip
    low, middle, high = quartiles(one.cpu)
    _, without, _ = quartiles([each.cpu for each in one.unread])
    yield Figure.measured("API process, CPU s more a thousand tokens (quartiles)", on,
                          f"{middle:+.3f} ({low:+.3f} to {high:+.3f}) of {without:.3f}")  # fmt: skip
