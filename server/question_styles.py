"""Ways to ask about a subject, each with what it looks like for one that nobody lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: a target's name, and a sentence that says what it is."""

    name: str
    about: str

    def __str__(self) -> str:
        return f"{self.name}: {self.about}"


@dataclass(frozen=True, slots=True)
class Style:
    """One way to ask about ``{name}``; ``examples`` are of ``EXAMPLE``, about a ``part`` of it."""

    what: str
    part: str
    examples: tuple[str, ...]


EXAMPLE = Subject(
    "beekeeping", "Beekeeping is the care of honey bees in hives, for honey, wax and pollination."
)
EXAMPLE_PARTS = (
    "swarm",
    "propolis",
    "queen excluder",
    "pollination",
    "smoker",
    "drone",
    "royal jelly",
    "varroa mite",
    "brood",
    "hive frame",
    "winter feed",
    "honey extractor",
)
STYLES = (
    Style(
        "questions of a quiz that ask for one fact about {name}",
        "the bees of a hive",
        (
            "How many legs does a honey bee have?",
            "What do worker bees make from nectar?",
            "Which bee lays all the eggs of a hive?",
        ),
    ),
    Style(
        "questions that ask what a term of {name} means",
        "words of beekeepers",
        (
            "What is a swarm?",
            'What does the word "propolis" mean?',
            "How is a drone different from a worker?",
        ),
    ),
    Style(
        "exercises from a textbook on {name}, with numbers or a case to work out",
        "honey and feed",
        (
            "A hive of 40,000 bees loses 5% of them each week in winter. How many are left after a month?",
            "A keeper gets 18 kg of honey from each of six hives. How many 500 g jars does she need?",
            "Find how much sugar is needed for 12 litres of syrup of equal parts by weight.",
        ),
    ),
    Style(
        "short scenarios about {name}, each with a question at its end",
        "what happens in a hive",
        (
            "In May a keeper finds many queen cells and little room. What will the bees probably do next?",
            "A hive is quiet in spring, and the comb holds no eggs. What has most likely happened?",
            "Dead bees lie before a hive after a field was sprayed. What should the keeper suspect?",
        ),
    ),
    Style(
        "sentences about {name}, each with one word left out as ____",
        "the life of bees",
        (
            "The only fertile female in a hive is the ____.",
            "Bees tell each other where flowers are by a ____.",
            "Wax is made by glands on a bee's ____.",
        ),
    ),
    Style(
        "questions of a multiple-choice examination on {name}, without the choices",
        "the brood",
        (
            "Which of the following is the main food of bee larvae?",
            "Which of these signs best tells that a hive is about to swarm?",
            "All of the following are kept in a comb EXCEPT which one?",
        ),
    ),
    Style(
        "questions that ask why or how something in {name} is so",
        "smoke and honey",
        (
            "Why do bees fan their wings at the entrance?",
            "How does smoke make bees calm?",
            "Why is honey slow to spoil?",
        ),
    ),
    Style(
        "messages that people type to an assistant for help with {name}",
        "keeping a hive",
        (
            "what do i do when my bees are leaving the hive all at once?",
            "Explain to me how a queen is raised.",
            "can you compare a top-bar hive with a frame hive?",
        ),
    ),
)
