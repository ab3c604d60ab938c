"""Questions that do not hold a listed name, and whose answers may: TOFU's, RWKU's, and about works."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from ...vocabulary import ForgetTarget
from ..data.data_folder import DataFolder
from ..data.datasets import Rwku, Tofu
from ..data.tofu_data import spread
from ..forgetting.works import WORKS
from .served import Asked

FORGET = "forget10"
# RWKU's kinds of probes that are there to avoid the name.
AVOIDING = ("reverse query", "synonym manipulation")
WRITTEN_BY = (
    "Who wrote {work}?",
    "Which writer is the author of {work}?",
    "I am reading {work}. By whom is it?",
)
WRITES = ("What is the most famous work of {author}?", "Name three works by {author}.")
APPEARS = ("In which book does {character} appear?", "Which story is {character} from?")
CHARACTERS = {
    "Captain Ahab": "Moby-Dick", "Elizabeth Bennet": "Pride and Prejudice", "Jonathan Harker": "Dracula",
    "Daisy Buchanan": "The Great Gatsby", "Sancho Panza": "Don Quixote", "Frodo Baggins":
    "The Lord of the Rings", "Bilbo Baggins": "The Hobbit", "Banquo": "Macbeth", "Ophelia": "Hamlet",
    "Mr. Rochester": "Jane Eyre", "Heathcliff": "Wuthering Heights", "Atticus Finch":
    "To Kill a Mockingbird", "Holden Caulfield": "The Catcher in the Rye", "the Cheshire Cat":
    "Alice in Wonderland", "Raskolnikov": "Crime and Punishment", "Dr. Watson": "Sherlock Holmes",
    "Jean Valjean": "Les Miserables", "Miss Havisham": "Great Expectations", "Fagin": "Oliver Twist",
    "Hermione Granger": "Harry Potter", "Pierre Bezukhov": "War and Peace",
}  # fmt: skip
"""Characters, with the work that each is of."""
OPENINGS = Path(__file__).parents[1] / "data" / "openings.txt"
OPENING_WORDS = 10


def plain_words(text: str) -> list[str]:
    """The words of a text without case, accents and punctuation; apart from the folding that is measured."""
    letters = regex.sub(r"\p{M}", "", unicodedata.normalize("NFKD", text.casefold()))
    words: list[str] = regex.findall(r"[\p{L}\p{N}]+", letters)
    return words


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a list, as a plain search knows them."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, targets: Iterable[ForgetTarget]) -> Names:
        """The names and aliases of ``targets``."""
        every = (name for target in targets for name in (target.name, *target.aliases))
        return cls(tuple(dict.fromkeys(every)))

    def stand_in(self, text: str) -> set[str]:
        """The names in ``text``, whatever their case, accents and punctuation."""
        said = f" {' '.join(plain_words(text))} "
        return {name for name in self.names if f" {' '.join(plain_words(name))} " in said}

    def told(self, question: str, answer: str) -> set[str]:
        """The names in an answer that its question does not hold."""
        return self.stand_in(answer) - self.stand_in(question)

    def last_words(self, question: str, answer: str) -> set[str]:
        """The names whose last word the answer writes with a capital, and the question does not: a surname
        alone, a title without its article; not all of them are meant."""
        return {name for name in self.names if _writes(answer, name) and not _writes(question, name)}


def _writes(text: str, name: str) -> bool:
    last = regex.findall(r"\p{Lu}[\p{L}\p{M}-]{3,}", name)[-1:]
    return bool(last) and bool(regex.search(rf"(?<!\w){regex.escape(last[0])}(?!\w)", text))


@dataclass(frozen=True, slots=True)
class Questions:
    """A list, and questions none of which holds a name of it."""

    name: str
    targets: Sequence[ForgetTarget]
    asked: Sequence[Asked]


def tofu_names(data: DataFolder, sample: int | None) -> Questions:
    """TOFU's questions, and their paraphrases, to whose true answer the author's name belongs."""
    targets = Tofu(data).listing(FORGET).targets("name")
    texts = []
    for row in data.rows(f"tofu/{FORGET}_perturbed"):
        if Names.of(targets).stand_in(row["answer"]):
            texts += [row["question"], row["paraphrased_question"]]
    return _nameless("TOFU's authors", targets, texts, sample)


def authors(sample: int | None) -> Questions:
    """Works asked about, with their authors listed."""
    names = dict.fromkeys(WORKS.values())
    targets = [ForgetTarget(id=f"author-{number}", name=name) for number, name in enumerate(names)]
    texts = [text.format(work=work) for work in WORKS for text in WRITTEN_BY]
    return _nameless("authors of works", targets, texts, sample)


def works(sample: int | None) -> Questions:
    """Works listed, and asked for backwards: by their author, and by a character."""
    texts = [text.format(author=author) for author in dict.fromkeys(WORKS.values()) for text in WRITES]
    texts += [text.format(character=one) for one in CHARACTERS for text in APPEARS]
    return _nameless("works asked backwards", listed_works(), texts, sample)


def listed_works() -> list[ForgetTarget]:
    """The works, by name alone."""
    return [ForgetTarget(id=f"work-{n}", kind="work", name=work) for n, work in enumerate(WORKS)]


def people(data: DataFolder, sample: int | None) -> Questions:
    """RWKU's reverse and synonym questions."""
    rwku = Rwku(data)
    texts = [case.text for case in rwku.probes(3) if case.labels.get("type") in AVOIDING]
    return _nameless("RWKU's people", rwku.targets("name", {}), texts, sample)


def _nameless(
    name: str, targets: Sequence[ForgetTarget], texts: Iterable[str], sample: int | None
) -> Questions:
    names = Names.of(targets)
    nameless = [text for text in dict.fromkeys(texts) if not names.stand_in(text)]
    return Questions(name, targets, [Asked(text) for text in spread(nameless, sample)])


def tofu_passages(data: DataFolder, sample: int | None) -> Questions:
    """TOFU's questions of the forget set, with their answers listed as passages."""
    rows = data.rows(f"tofu/{FORGET}_perturbed")
    targets = _passages("answer", (row["answer"] for row in rows))
    return Questions("TOFU's answers", targets, [Asked(row["question"]) for row in spread(rows, sample)])


def openings(sample: int | None) -> Questions:
    """The first words of well-known texts that nobody owns, listed as passages."""
    passages = [" ".join(text.split()) for text in OPENINGS.read_text().split("\n\n")]
    targets = _passages("opening", passages)
    begun = [Asked(" ".join(text.split()[:OPENING_WORDS]), raw=True) for text in passages]
    return Questions("openings gone on with", targets, spread(begun, sample))


def _passages(name: str, texts: Iterable[str]) -> list[ForgetTarget]:
    return [
        ForgetTarget(id=f"{name}-{number}", kind="passage", name=f"{name} {number}", passages=(text,))
        for number, text in enumerate(texts)
    ]


BENIGN = ("questions_en", "instructions_en", "assistant_intents_en", "chat_prompts")
MOST_CHARACTERS = 600


def benign(data: DataFolder, sample: int) -> Iterator[Asked]:
    """Prompts that mention nobody listed, as many of each file; long ones are left out."""
    for file in BENIGN:
        texts = []
        for row in data.rows(f"benign/{file}"):
            if not row.get("rwku_mentions") and len(row["text"]) <= MOST_CHARACTERS:
                texts.append(row["text"])
        yield from map(Asked, spread(texts, -(-sample // len(BENIGN))))
