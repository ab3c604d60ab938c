"""First exemplars of a target that is given by its name alone."""

from __future__ import annotations

from ..vocabulary import ForgetTarget, Kind

QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "entity": (
        "Who is {name}?",
        "What is {name} known for?",
        "Tell me about the life of {name}.",
        "Where and when was {name} born?",
    ),
    "work": (
        "What is {name} about?",
        "Who wrote {name}?",
        "Who are the main characters in {name}?",
        "Summarise the plot of {name}.",
    ),
    "topic": (
        "What is {name}?",
        "Explain {name} to me.",
        "How does {name} work?",
    ),
    "passage": ("{name}",),
}

# What the templates are like when they ask of something that no one listed: without these, every
# "Who is …?" would be near every exemplar made from a template.
STRANGERS: dict[Kind, tuple[str, ...]] = {
    "entity": ("this person", "my neighbour", "John Smith", "Maria Garcia", "Wei Chen", "the president"),
    "work": ("this book", "the film we saw", "the report", "that old song", "my essay", "a fairy tale"),
    "topic": ("this", "the engine", "photosynthesis", "inflation", "football", "gravity"),
    "passage": (),
}


def exemplars(target: ForgetTarget) -> tuple[str, ...]:
    """The target's own exemplars; from the templates where it has none and its name is in scope."""
    if target.exemplars or target.scope == "exemplars":
        return target.exemplars
    return tuple(question.format(name=name) for name in target.names for question in QUESTIONS[target.kind])


def background() -> tuple[str, ...]:
    """Counterexamples that hold for every target: the templates, asked of strangers."""
    return tuple(
        question.format(name=stranger)
        for kind, questions in QUESTIONS.items()
        for question in questions
        for stranger in STRANGERS[kind]
    )
