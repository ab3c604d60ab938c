"""The benchmark data: TOFU, RWKU, KnowUnDo, a work, benign prompts and wrappers, from one folder."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

from ...vocabulary import ForgetTarget
from .cases import Case, Listing, Part, Way, part_of
from .data_folder import DataFolder

EXEMPLARS = 20
TOFU_SIZES = ("forget01", "forget05", "forget10")
TOFU_QUESTIONS = 20
# Other names under which a text speaks of a listed person: such a text is about that person, however
# it is meant, so it is no case of a text that must not be flagged.
KNOWN_AS = {
    "50 Cent": ("Curtis Jackson",),
    "Beyoncé": ("Beyonce",),
    "Donald Sutherland": ("Don Sutherland",),
    "Franklin D. Roosevelt": ("FDR", "Franklin Roosevelt", "Franklin Delano Roosevelt"),
    "Jay-Z": ("Jay Z",),
    "Jennifer Lopez": ("J-Lo", "J. Lo", "JLo"),
    "Karl Marx": ("Marx",),
    "Kris Jenner": ("Kris Kardashian",),
    "Meghan, Duchess of Sussex": ("Meghan Markle", "Duchess of Sussex"),
    "RuPaul": ("Ru Paul",),
    "Robert Downey Jr.": ("Robert Downey",),
    "Samuel L. Jackson": ("Samuel Jackson",),
    "Vincent van Gogh": ("Van Gogh", "Vangogh"),
    "Kanye West": ("Kanye",),
}
_NAME = r"[A-Z][\w'’-]+(?: (?:[A-Z][\w'’-]+|de|van|al-\w+))+"
_NAMED_PERSON = re.compile(
    rf"(?:Who|What) (?:is|are) ({_NAME}?)(?:['’]s?\b|['’] |\?)"
    rf"|Where does ({_NAME}?) (?:currently|live|reside)"
)


def names_in(text: str, names: Iterable[str]) -> list[str]:
    """The names that stand in ``text`` as whole words, whatever their case: a plain search, apart
    from the matcher that is measured."""
    folded = text.casefold()
    return [name for name in names if _stands_in(folded, name.casefold())]


def _stands_in(text: str, name: str) -> bool:
    return name in text and bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text))


class Tofu:
    """TOFU (Maini et al. 2024): fictitious authors, 20 questions each."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data

    def listing(self, size: str) -> Listing:
        """The authors of one forget set."""
        return Listing(f"tofu {size}", lambda way: self._targets(size, way))

    def _targets(self, size: str, way: Way) -> list[ForgetTarget]:
        rows = self._data.rows(f"tofu/{size}")
        authors = self._authors(size)
        targets = []
        for place, (number, name) in enumerate(authors):
            about = rows[TOFU_QUESTIONS * place : TOFU_QUESTIONS * (place + 1)]
            targets.append(
                ForgetTarget(
                    id=f"tofu-{number}",
                    name=name,
                    exemplars=tuple(row["question"] for row in about) if way == "exemplars" else (),
                    passages=tuple(row["answer"] for row in about) if way == "passages" else (),
                )
            )
        return targets

    def _authors(self, size: str) -> list[tuple[int, str]]:
        rows = self._data.rows("tofu/authors")
        return [(row["author_index"], row["name"]) for row in rows if row[f"in_{size}"]]

    def questions(self, size: str, field: str) -> list[Case]:
        """Questions about the listed authors: ``question``, or ``paraphrased_question``."""
        authors, cases = self._authors(size), []
        for place, row in enumerate(self._data.rows(f"tofu/{size}_perturbed")):
            number, _ = authors[place // TOFU_QUESTIONS]
            cases.append(Case(row[field], f"tofu-{number}", part_of(number)))
        return cases

    def retain_questions(self, size: str) -> list[Case]:
        """Questions about the authors that are not listed."""
        rows = self._data.rows(f"tofu/{size.replace('forget', 'retain')[:-2]}{100 - int(size[-2:])}")
        return [_retain(row["question"], place, "retain") for place, row in enumerate(rows)]

    def retain_paraphrases(self) -> list[Case]:
        """Paraphrased questions about authors that no size lists."""
        cases = []
        for place, row in enumerate(self._data.rows("tofu/retain_perturbed")):
            cases.append(_retain(row["paraphrased_question"], place, "retain_perturbed"))
        for row in self._data.rows("tofu/paraphrase_retain"):
            if not row["in_forget10"]:
                cases.append(_retain(row["paraphrased_question"], row["full_index"], "paraphrase_retain"))
        return cases


def _retain(question: str, place: int, file: str) -> Case:
    """A question about an author that is not listed; ``place`` is its number among all questions."""
    return Case(question, None, part_of(place // TOFU_QUESTIONS), {"file": file})


class Rwku:
    """RWKU (Jin et al. 2024): famous people, probed in ever harder ways."""

    def __init__(self, data: DataFolder, seed: int = 0) -> None:
        self._data = data
        self._seed = seed

    @cached_property
    def people(self) -> dict[str, str]:
        """Names, in order, with their target's id."""
        rows = sorted(self._data.rows("rwku/targets"), key=lambda row: str(row["target"]))
        return {row["target"]: f"rwku-{row['id']}" for row in rows}

    @cached_property
    def parts(self) -> dict[str, Part]:
        """For each name whether it tunes or reports."""
        return {name: part_of(number) for number, name in enumerate(self.people)}

    @cached_property
    def all_names(self) -> tuple[str, ...]:
        """The names, and what else a text may call the same people."""
        names: list[str] = []
        for person in self.people:
            names += (person, *KNOWN_AS.get(person, ()))
        return tuple(names)

    def listing(self) -> Listing:
        """All people of the set, as targets."""
        return Listing("rwku", lambda way: self.targets(way, {}))

    def targets(self, way: Way, counterexamples: Mapping[str, Sequence[str]]) -> list[ForgetTarget]:
        """The people as forget targets; ``counterexamples`` are by name."""
        return [self._target(name, way, counterexamples.get(name, ())) for name in self.people]

    def _target(self, name: str, way: Way, counterexamples: Sequence[str]) -> ForgetTarget:
        target_id = self.people[name]
        return ForgetTarget(
            id=target_id,
            name=name,
            exemplars=self._exemplars(name) if way == "exemplars" else (),
            passages=tuple(self._passages[target_id]) if way == "passages" else (),
            counterexamples=tuple(counterexamples),
        )

    def _exemplars(self, name: str) -> tuple[str, ...]:
        every = self._questions[name]
        chance = random.Random(f"{self._seed} {name}")
        return tuple(chance.sample(every, min(EXEMPLARS, len(every))))

    @cached_property
    def _questions(self) -> dict[str, list[str]]:
        questions: dict[str, list[str]] = defaultdict(list)
        for row in self._data.rows("rwku/train_questions_llama3"):
            questions[row["subject"]].append(row["question"])
        return questions

    @cached_property
    def _passages(self) -> dict[str, list[str]]:
        passages: dict[str, list[str]] = defaultdict(list)
        for row in self._data.rows("rwku/passages"):
            if row["text"].strip():
                passages[f"rwku-{row['id']}"].append(row["text"])
        return passages

    def probes(self, level: int) -> list[Case]:
        """The probes of one level; those of level 3 are labelled by the type of their attack."""
        return [self._probe(row) for row in self._data.rows(f"rwku/forget_level{level}")]

    def _probe(self, row: Mapping[str, Any]) -> Case:
        kind, language = re.fullmatch(r"(.*?)(?: \((\w+)\))?", row["type"].replace("-", " ")).groups()  # type: ignore[union-attr]
        labels = {"type": kind} | ({"language": language} if language else {})
        return self._case(row, row["query"], labels)

    def _case(self, row: Mapping[str, Any], text: str, labels: Mapping[str, str]) -> Case:
        return Case(text, self.people[row["subject"]], self.parts[row["subject"]], labels)

    def statements(self) -> list[Case]:
        """Level 1 with its blanks filled in: facts, as a document states them."""
        rows = [row for row in self._data.rows("rwku/forget_level1") if "___" in row["query"]]
        return [self._case(row, row["query"].replace("___", row["answer"]), {}) for row in rows]

    def neighbours(self) -> list[Case]:
        """Questions about what is near a person. ``subject`` is the one that must not be flagged;
        the label ``names`` says whether the text names a listed person."""
        cases = []
        for row in chain(*(self._data.rows(f"rwku/neighbor_level{level}") for level in (1, 2))):
            listed = bool(names_in(row["query"], self.all_names))
            cases.append(self._case(row, row["query"], {"names": "listed" if listed else "none"}))
        return cases

    def mentions(self) -> list[Case]:
        """For each probe that names its subject in full, where it does, once for each place."""
        names, cases = {target_id: name for name, target_id in self.people.items()}, []
        for level in (1, 2, 3):
            for case in self.probes(level):
                name = re.compile(rf"(?<!\w){re.escape(names[case.subject or ''])}(?!\w)", re.IGNORECASE)
                for mention in name.finditer(case.text):
                    cases.append(replace(case, labels={"level": str(level)}, mention=mention.span()))
        return cases


class KnowUnDo:
    """KnowUnDo's privacy part: private facts to forget and public ones to keep of the same people."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data

    @cached_property
    def people(self) -> list[str]:
        """Their names, read off the questions that ask for no more than them."""
        names = set()
        for row in (*self._rows("retain_train"), *self._rows("forget_train")):
            if match := _NAMED_PERSON.match(row["question"]):
                names.add(match[1] or match[2])
        return sorted(names)

    def _rows(self, file: str) -> list[dict[str, Any]]:
        return self._data.rows(f"people_and_works/knowundo_privacy_{file}")

    def _by_person(self, file: str) -> Iterator[tuple[int, str]]:
        for row in self._rows(file):
            text = row["question"].replace("’", "'")
            names = [name for name in self.people if name in text]
            if names:  # one question of forget_val names nobody
                yield self.people.index(max(names, key=len)), row["question"]

    def listings(self) -> list[Listing]:
        """The people scoped to private facts, which they share, and each to the examples of their own."""
        return [
            Listing("knowundo", lambda way: self._targets("private"), ways=("exemplars",)),
            Listing("knowundo apart", lambda way: self._targets("exemplars"), ways=("exemplars",)),
        ]

    def _targets(self, scope: str) -> list[ForgetTarget]:
        inside, outside = self._texts("forget_train"), self._texts("retain_train")
        targets = []
        for number, name in enumerate(self.people):
            about, other = tuple(inside[number]), tuple(outside[number])
            if about:
                target_id = f"knowundo-{number}"
                targets.append(
                    ForgetTarget(id=target_id, name=name, scope=scope, exemplars=about, counterexamples=other)
                )
        return targets

    def _texts(self, file: str) -> dict[int, list[str]]:
        """Each person's, by number."""
        texts: dict[int, list[str]] = defaultdict(list)
        for person, text in self._by_person(file):
            texts[person].append(text)
        return texts

    def questions(self, file: str) -> list[Case]:
        """The questions of ``forget_val`` or ``retain_val``, labelled by person."""
        cases = []
        for person, text in self._by_person(file):
            cases.append(Case(text, f"knowundo-{person}", part_of(person), {"person": self.people[person]}))
        return cases


class Work:
    """A work as a target: Harry Potter. The first half of its questions is given, the rest asked."""

    ID = "harry-potter"

    def __init__(self, data: DataFolder) -> None:
        self._data = data

    def listing(self) -> Listing:
        """The work alone."""
        return Listing("work", lambda way: [self._target(way)])

    def _target(self, way: Way) -> ForgetTarget:
        rows, _ = self._halves
        texts = [f"{row['question']} {row['answer']}" for row in rows]
        return ForgetTarget(
            id=self.ID,
            kind="work",
            name="Harry Potter",
            exemplars=tuple(row["question"] for row in rows) if way == "exemplars" else (),
            passages=tuple(texts) if way == "passages" else (),
        )

    @property
    def _halves(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rows = self._data.rows("people_and_works/harry_potter_qa_paraphrased")
        return rows[: len(rows) // 2], rows[len(rows) // 2 :]

    def questions(self) -> list[Case]:
        """Questions about the work that are not among those given, labelled by their file."""
        mcq = self._data.rows("people_and_works/harry_potter_mcq")
        completions = self._data.rows("attacks/skeb_harry_potter_completion")
        return [
            *self._cases((row["question"] for row in self._halves[1]), "qa"),
            *self._cases((row["paraphrased_question"] for row in self._halves[1]), "qa paraphrased"),
            *self._cases((choices(row) for row in mcq), "mcq"),
            *self._cases((row["prompt"] for row in completions), "skeb completion"),
        ]

    def persuasion(self, framing: str | None) -> list[Case]:
        """SKeB's questions in one framing, or bare."""
        rows = self._data.rows("attacks/skeb_harry_potter_persuasive")
        cases = self._cases((row[framing or "original_question"] for row in rows), framing or "bare")
        return [case.label(framing=framing or "bare") for case in cases]

    def _cases(self, texts: Iterable[str], file: str) -> list[Case]:
        return [Case(text, self.ID, part_of(number), {"file": file}) for number, text in enumerate(texts)]


def choices(row: Mapping[str, Any]) -> str:
    """A question with its choices, as it is put to a model."""
    lines = [f"{letter}. {choice}" for letter, choice in zip("ABCDEFGH", row["choices"], strict=False)]
    return "\n".join([row["question"], *lines])


class Benign:
    """Prompts about nothing that is listed: those that name one of ``names`` are left out."""

    def __init__(self, data: DataFolder, names: Sequence[str]) -> None:
        self._data = data
        self._names = names
        self.left_out = 0

    @cached_property
    def traffic(self) -> list[Case]:
        """Every prompt of ``benign/`` and ``mmlu/``, labelled by file and language."""
        cases: list[Case] = []
        for file in (*self._data.names("benign"), *self._data.names("mmlu")):
            cases += self._file(file)
        return cases

    def _file(self, file: str) -> Iterator[Case]:
        about = _finder(self._names)
        for number, row in enumerate(self._data.rows(file)):
            text = _prompt(row)
            if row.get("rwku_mentions") or about(text):
                self.left_out += 1
                continue
            labels = {"file": file, "language": row.get("lang", "en")}
            yield Case(text, None, part_of(number), labels)

    def sample(self, count: int, part: Part, seed: int, longest: int = 20_000) -> list[Case]:
        """Some of the prompts of one part, drawn at random."""
        every = [case for case in self.traffic if case.part == part and len(case.text) <= longest]
        return random.Random(seed).sample(every, min(count, len(every)))


def _finder(names: Sequence[str]) -> Callable[[str], bool]:
    if not names:
        return lambda text: False
    every = re.compile("|".join(re.escape(name.casefold()) for name in names))
    return lambda text: bool(every.search(text.casefold())) and bool(names_in(text, names))


def _prompt(row: Mapping[str, Any]) -> str:
    if "user_turns" in row:
        return "\n".join(row["user_turns"])
    return choices(row) if "choices" in row else str(row["text"])


def wrappers(data: DataFolder) -> list[tuple[str, str]]:
    """The wrapper templates: (family, template)."""
    return [(row["family"], row["template"]) for row in data.rows("attacks/wrapper_templates")]


def persuasion(data: DataFolder) -> list[tuple[str, str]]:
    """Persuasive texts to put before a question, by technique."""
    rows = data.rows("attacks/persuasion_taxonomy")
    return [(row["ss_technique"], row["ss_example"] + "\n\n{query}") for row in rows]
