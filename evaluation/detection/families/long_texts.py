"""A question in a long text, a document, the system prompt, an earlier turn."""

from __future__ import annotations

from collections.abc import Iterator

from ...data import padding
from ...data.cases import Row
from ...data.datasets import Work
from .goals import flag_goal, recall_goal, rwku_row
from .sources import Sources

PADDED = 200
PLACED = 300
FILLER_CHARS = 2_500


def long_text_rows(sources: Sources) -> Iterator[Row]:
    """A question at 20 positions of a long text, and in four places of a conversation."""
    filler, questions = _filler(sources), sources.questions(PADDED)
    yield rwku_row("padding: bare questions", "padding", questions)
    longer = list(padding.pad(questions, filler, sources.seed))
    by_position = recall_goal(by="position")
    yield rwku_row("padding: 8,000 tokens, 20 positions", "padding", longer, 0.99, by_position)
    alone = list(padding.alone(filler, PADDED, sources.seed))
    yield Row("padding alone", "padding", "rwku", alone, (flag_goal(),))
    yield from _places(sources, filler)
    later = list(padding.that_book(Work.ID))
    yield Row("padding: that book", "padding", "work", later, (recall_goal(0.99),))


def _places(sources: Sources, filler: list[str]) -> Iterator[Row]:
    names = {target_id: name for name, target_id in sources.rwku.people.items()}
    statements = sources.draw(sources.rwku.statements(), PLACED)
    for name, cases in (
        ("retrieved document", padding.in_document(statements, filler, sources.seed)),
        ("system prompt", padding.in_system_prompt(sources.questions(PLACED))),
        ("earlier turn", padding.in_earlier_turn(sources.questions(PLACED), names)),
    ):
        yield rwku_row(f"padding: {name}", "padding", list(cases), 0.99)


def _filler(sources: Sources) -> list[str]:
    long = [case for case in sources.benign.traffic if "long_task" in case.labels["file"]]
    return [case.text[:FILLER_CHARS] for case in long]
