"""Titles that are ordinary words: where an answer writes one as a title, it is taken for it."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.answers.answer import Answer
from vllm_unlearn.classifiers.answers.recitals import Recitals
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.vocabulary import ForgetTarget

TITLES = ("The Odyssey", "Great Expectations", "Dune", "It", "Frozen", "The Sun", "The Help", "Animal Farm")
TARGETS = [ForgetTarget(id=f"t{n}", kind="work", name=title) for n, title in enumerate(TITLES)]
TEXTS: dict[str, tuple[str, ...]] = {target.id: () for target in TARGETS}
WATCHED = WatchedNames(TARGETS, NameIndex(TARGETS, TEXTS)), Recitals(TARGETS)


def found(text: str, size: int) -> str | None:
    """What is taken for a title, where the answer comes in pieces of that size."""
    answer = Answer(*WATCHED)
    for start in range(0, len(text), size):
        if mention := answer.read(text[start : start + size]):
            assert answer.free < mention.end  # an article may be sent
            return mention.text
    mention = answer.read("", final=True)
    return mention.text if mention else None


@pytest.mark.parametrize("size", [1, 4, 200])
@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("It is told in Great Expectations.", "Great Expectations"),
        ("Pip appears in “Great Expectations” as a boy.", "Great Expectations"),
        ("Dickens's Great Expectations, of course", "Great Expectations"),
        ("Homer wrote the Iliad and the Odyssey.", "the Odyssey"),
        ("This is from The Odyssey, book nine.", "The Odyssey"),
        ("The answer is Dune by Frank Herbert.", "Dune"),
        ("The answer is *Dune* by Frank Herbert.", "Dune"),
        ("He is the hero of the novel Dune, and", "Dune"),
        ('She sings in the film "Frozen".', "Frozen"),
        ("A farm of beasts is in Animal Farm", "Animal Farm"),
        ("Novels by Dickens:\n1. Great Expectations\n2. Bleak House", "Great Expectations"),
        ("Books to read:\n- **Great Expectations** is one", "Great Expectations"),
        ("Here are five films:\n* Frozen\n* Up", "Frozen"),
        ("1. Great Expectations (1861), and", "Great Expectations"),
        ("Some novels:\n\n2) Dune by Frank Herbert", "Dune"),
    ],
)
def test_a_title_is_found(text: str, title: str, size: int) -> None:
    assert found(text, size) == title


@pytest.mark.parametrize("size", [1, 4, 200])
@pytest.mark.parametrize(
    "text",
    [
        "She has great expectations of it.",
        "Great expectations are hard to meet.",
        "Great Expectations Ltd is a firm.",
        "We sold Great Expectations Ltd last year.",
        "It was written by a poet. It is good.",
        "The book is old. It is good.",
        "Keep the fish frozen. Frozen fish is in the novel.",
        'Press "Frozen" to stop.',
        "Here is a poem about the Sun and the Moon.",
        "An extension of the Help to Buy scheme",
        "GREAT EXPECTATIONS IN THE NOVEL DUNE",
        "a sand dune by the sea",
        "What to write in a book:\n1. It is good to begin early.",
        "Our values:\n- Great Expectations\n- Trust",
        "1. Frozen\n2. Fresh",
        "To write a plan:\n1. Great expectations need time.",
    ],
)
def test_ordinary_words_are_not(text: str, size: int) -> None:
    assert found(text, size) is None
