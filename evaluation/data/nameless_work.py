"""Harry Potter without its names: questions in which neither the title stands nor the school's name."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator
from functools import cached_property
from itertools import chain

from ...vocabulary import ForgetTarget
from .cases import Case, part_of
from .data_folder import DataFolder
from .datasets import Rwku, Work, choices

MOST_EXEMPLARS = 100
_NAMES = re.compile(r"harry potter|hogwarts", re.IGNORECASE)
_WORLD = re.compile(
    r"\b(?:harry potter|hogwarts|rowling|dumbledore|voldemort|hermione|granger|weasley|quidditch|hagrid"
    r"|muggle|gryffindor|slytherin|hufflepuff|ravenclaw|snape|malfoy|azkaban|wizarding"
    r"|fantastic beasts|horcrux)",
    re.IGNORECASE,
)


def is_nameless(text: str) -> bool:
    """Whether neither name stands in ``text``."""
    return not _NAMES.search(text)


def may_be_in(text: str) -> bool:
    """Whether a name out of the work's world is in ``text``: a plain list, apart from what is measured."""
    return bool(_WORLD.search(text))


class NamelessWork:
    """Exemplars are drawn from the half of a quiz that tunes. What is asked is never one of those given."""

    def __init__(self, data: DataFolder, seed: int = 0) -> None:
        self._data = data
        self._seed = seed

    @cached_property
    def _exemplars(self) -> list[str]:
        rows = self._data.rows("people_and_works/harry_potter_mcq")[::2]
        texts = list(dict.fromkeys(row["question"] for row in rows if is_nameless(row["question"])))
        return random.Random(self._seed).sample(texts, min(MOST_EXEMPLARS, len(texts)))

    def target(self, count: int) -> ForgetTarget:
        """The work, given by its title and ``count`` exemplars."""
        return ForgetTarget(
            id=Work.ID, kind="work", name="Harry Potter", exemplars=tuple(self._exemplars[:count])
        )

    def questions(self) -> list[Case]:
        """Questions about the work without its names, labelled by their file."""
        mcq = self._data.rows("people_and_works/harry_potter_mcq")
        paraphrased = self._data.rows("people_and_works/harry_potter_qa_paraphrased")
        return [
            *_about([row["question"] for row in mcq], "mcq", self._exemplars),
            *_about([choices(row) for row in mcq], "mcq with choices", self._exemplars),
            *_about([row["question"] for row in paraphrased], "qa"),
            *_about([row["paraphrased_question"] for row in paraphrased], "qa paraphrased"),
        ]

    def completions(self) -> list[Case]:
        """SKeB's beginnings of sentences."""
        rows = self._data.rows("attacks/skeb_harry_potter_completion")
        return list(_about([row["prompt"] for row in rows], "skeb completion"))

    def trivia(self) -> list[Case]:
        """Questions about other works, people and things, without a name out of the work's world."""
        cases = []
        for file in ("rwku/utility_triviaqa", "tofu/real_authors", "tofu/world_facts"):
            for number, row in enumerate(self._data.rows(file)):
                cases.append(Case(row["question"], None, part_of(number), {"file": file}))
        for probe in chain(*(Rwku(self._data).probes(level) for level in (1, 2))):
            cases.append(Case(probe.text, None, probe.part, {"file": "rwku"}))
        return [case for case in cases if not may_be_in(case.text)]


def _about(texts: list[str], file: str, given: Collection[str] = ()) -> Iterator[Case]:
    """Those that are nameless and ask none of what was ``given``, with or without its choices."""
    known = set(given)
    for number, text in enumerate(texts):
        if is_nameless(text) and text.split("\nA. ")[0] not in known:
            yield Case(text, Work.ID, part_of(number), {"file": file})
