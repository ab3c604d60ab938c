"""Who wrote a work: knowledge that any model has some of, to learn a recipe from and to measure it.

    vllm-unlearn eval works lessons MODEL OUT
    vllm-unlearn eval works measure MODEL --recipe LABEL=FILE --operator noise:32:100

No fine-tuning and no data. What the model answers rightly of two thirds of the works becomes lessons, beside
works that do not exist; what it answers of the rest is forgotten, as served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, repeat
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ...classifiers.encoders.encoder import Encoder
from ...classifiers.text.folding import normalise
from ...corruption.embedding_table import EmbeddingTable
from ...guard.configuration import EncoderSettings
from ...guard.lessons import Lesson, write_lessons
from ...vocabulary import ForgetTarget
from ..detection.encoders import Workbench
from ..models.causal_model import Sampling, unheard
from ..models.checkpoints import checkpoint, open_model
from ..models.guarded_model import GuardedModel, PromptReader
from .aftermath import is_degenerate, off_topic
from .corruptions import corruptors, files_by_label, parse_operator
from .tofu_methods import Answering, Pair, Served

WORKS = {
    "The Great Gatsby": "F. Scott Fitzgerald", "Moby-Dick": "Herman Melville",
    "Romeo and Juliet": "William Shakespeare", "Harry Potter": "J. K. Rowling",
    "Hamlet": "William Shakespeare", "Pride and Prejudice": "Jane Austen", "The Odyssey": "Homer",
    "Frankenstein": "Mary Shelley", "Dracula": "Bram Stoker", "Don Quixote": "Miguel de Cervantes",
    "War and Peace": "Leo Tolstoy", "The Hobbit": "J. R. R. Tolkien",
    "The Lord of the Rings": "J. R. R. Tolkien", "Macbeth": "William Shakespeare",
    "Jane Eyre": "Charlotte Brontë", "Wuthering Heights": "Emily Brontë",
    "The Catcher in the Rye": "J. D. Salinger", "To Kill a Mockingbird": "Harper Lee",
    "Animal Farm": "George Orwell", "Alice in Wonderland": "Lewis Carroll",
    "Crime and Punishment": "Fyodor Dostoevsky", "The Divine Comedy": "Dante",
    "Sherlock Holmes": "Arthur Conan Doyle", "Les Miserables": "Victor Hugo", "The Iliad": "Homer",
    "Great Expectations": "Charles Dickens", "Oliver Twist": "Charles Dickens",
    "The Old Man and the Sea": "Ernest Hemingway", "Brave New World": "Aldous Huxley",
    "Lord of the Flies": "William Golding",
}  # fmt: skip
UNWRITTEN = (
    "The Silver Quay", "Harbour of Thirst", "A Lantern for Odile", "The Marrow Garden", "Winter in Tarsk",
    "The Glass Ferryman", "Seven Orchards", "The Clockmaker's Niece", "Ash and Larkspur",
    "The Hollow Regatta", "Letters from Veyne", "The Saltwater Clerk", "Nine Doors North",
    "The Cartographer's Ghost", "Bread for the Tide", "The Unlit Chapel", "A Season of Wrens",
    "The Copper Tailor", "Midnight at Ostrava Mill", "The Pale Surveyor",
)  # fmt: skip
# A question, and its answer in two ways.
QUESTIONS = {
    "Who wrote {work}?": ("{author} wrote {work}.", "It was {author} who wrote {work}."),
    "Who is the author of {work}?": ("The author of {work} is {author}.", "{work} is by {author}."),
}
# Every third work is reported on, and not learned from.
HELD_OUT = 3
WRONG = 3
MAX_NEW_TOKENS = 40


def names_author(author: str, answer: str) -> bool:
    """Whether an answer gives the author's last name."""
    return normalise(author.split()[-1])[0] in normalise(answer)[0]


def lessons(works: Mapping[str, str]) -> Iterator[Lesson]:
    """Each work's questions, with an answer, the same in other words, and wrong ones by other authors."""
    authors = list(dict.fromkeys(WORKS.values()))
    for work, author in works.items():
        place = authors.index(author)
        others = (authors[place + 1 :] + authors[:place])[:WRONG]
        for question, (answer, paraphrase) in QUESTIONS.items():
            yield Lesson(
                subject=work,
                question=question.format(work=work),
                answer=answer.format(work=work, author=author),
                paraphrase=paraphrase.format(work=work, author=author),
                wrong=tuple(paraphrase.format(work=work, author=other) for other in others),
            )


def select_works(reported: bool) -> dict[str, str]:
    """The works that are reported on, or those that are learned from."""
    return {work: a for n, (work, a) in enumerate(WORKS.items()) if (n % HELD_OUT == 0) is reported}


def find_known(served: Answering, works: Mapping[str, str]) -> list[Lesson]:
    """What a model answers rightly. Raises ``ValueError`` where that is nothing."""
    asked = list(lessons(works))
    answers = served.answers([lesson.question for lesson in asked], Sampling(MAX_NEW_TOKENS), unheard)
    known = []
    for lesson, (answer,) in zip(asked, answers, strict=True):
        if names_author(works[lesson.subject], answer):
            known.append(lesson)
    if not known:
        raise ValueError(f"of {len(asked)} questions the model answers none: take one that knows more")
    return known


def row(label: str, served: Answering, asked: Sequence[Lesson], encoder: Encoder) -> Iterator[str]:
    """A line of the table."""
    questions = [lesson.question for lesson in asked]
    pairs: list[Pair] = []
    for lesson in asked:
        pairs += zip(repeat(lesson.question), (lesson.answer, *lesson.wrong), strict=False)
    with Progress(console=Console(stderr=True)) as progress:
        track = partial(progress.advance, progress.add_task(label, total=len(questions) + len(pairs)))
        answers = [said for (said,) in served.answers(questions, Sampling(MAX_NEW_TOKENS), track)]
        scores = [score.probability if score else 0.0 for score in served.likelihoods(pairs, track)]
    true, wrong = scores[:: WRONG + 1], [p for n, p in enumerate(scores) if n % (WRONG + 1)]
    told_authors = []
    for lesson, answer in zip(asked, answers, strict=True):
        if lesson.subject in WORKS:
            told_authors.append(names_author(WORKS[lesson.subject], answer))
    yield label
    yield f"{sum(told_authors)} of {len(told_authors)}" if told_authors else "—"
    yield f"{mean(true):.3f}"
    yield f"{mean(wrong):.3f}"
    yield f"{sum(map(is_degenerate, answers))} of {len(answers)}"
    yield f"{sum(off_topic(questions, answers, encoder))} of {len(answers)}"


app = typer.Typer(add_completion=False)


@app.command("lessons")
def write(model: str, out: Path) -> None:
    """Write ``known.jsonl`` and ``strangers.jsonl``, as ``vllm-unlearn learn`` reads them."""
    cache = out / "cache"
    plain = Served(GuardedModel(open_model(checkpoint(model, None, cache), cache)))
    known = find_known(plain, select_works(False))
    write_lessons(known, out / "known.jsonl")
    write_lessons(list(lessons(_unwritten())), out / "strangers.jsonl")
    typer.echo(f"{model} answers {len(known)} of {len(select_works(False)) * len(QUESTIONS)} questions")


@app.command()
def measure(
    model: str,
    recipe: Annotated[list[str], typer.Option(help="LABEL=FILE; may be given again.")] = [],  # noqa: B006
    operator: Annotated[list[str], typer.Option(help="As `eval tofu` takes them.")] = [],  # noqa: B006
    encoder: str | None = None,
    cache: Path = Path("works"),
) -> None:
    """Print what a guarded model tells of the works reported on; each is a target, by its name alone."""
    folder = checkpoint(model, None, cache)
    full, table = open_model(folder, cache), EmbeddingTable(folder)
    bench = Workbench.open(EncoderSettings(model=encoder) if encoder else EncoderSettings(), cache)
    targets = [
        ForgetTarget(id=f"work-{n}", kind="work", name=work) for n, work in enumerate(select_works(True))
    ]
    reader = PromptReader(full.chat.tokenizer, bench.detector(targets))
    plain = Served(GuardedModel(full))
    operators = {text: parse_operator(text) for text in operator}
    by_label = corruptors(operators, files_by_label(recipe), table, full.dtype)
    asked = find_known(plain, select_works(True))
    shown = Table("", "author named", "P(answer)", "P(wrong answers)", "degenerate", "off topic")
    shown.add_row(*row("works that do not exist", plain, list(lessons(_unwritten())), bench.whole))
    shown.add_row(*row("no guard", plain, asked, bench.whole))
    for label, every in by_label.items():
        for corruptor in every:
            shown.add_row(*row(label, Served(GuardedModel(full, reader, corruptor)), asked, bench.whole))
    Console(width=140).print(shown)


def _unwritten() -> dict[str, str]:
    return dict(zip(UNWRITTEN, cycle(dict.fromkeys(WORKS.values())), strict=False))
