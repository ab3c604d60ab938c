"""What is asked, what counts as told, and which facts are to be forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_data import write
from vllm_unlearn.evaluation.data.data_folder import DataError, DataFolder
from vllm_unlearn.evaluation.data.knowledge_data import Fact, Facts, entity, lists, load, rename


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    write(tmp_path, "rwku/targets.jsonl", [{"id": 7, "target": "Paris Hilton"}])
    questions = [
        {"subject": "Paris Hilton", "question": f"Why did Paris Hilton leave film {n}?"} for n in (1, 2)
    ]
    write(tmp_path, "rwku/train_questions_llama3.jsonl", questions)
    write(
        tmp_path,
        "rwku/forget_level1.jsonl",
        [
            {"subject": "Paris Hilton", "query": "Paris Hilton was born in ___.", "answer": "New York"},
            {"subject": "Paris Hilton", "query": "Paris Hilton was born on May ___.", "answer": "7"},
            {"subject": "Paris Hilton", "query": "Is Paris Hilton a model?", "answer": "Yes!"},
            {"subject": "Paris Hilton", "query": "Paris ___ is a heiress.", "answer": "the Paris"},
        ],
    )
    level2 = {
        "subject": "Paris Hilton",
        "query": "Which show made Paris Hilton famous?",
        "answer": "The Simple Life",
    }
    write(tmp_path, "rwku/forget_level2.jsonl", [level2, level2])
    near = {"subject": "Paris Hilton", "neighbor": "Nicole Richie"}
    write(
        tmp_path,
        "rwku/neighbor_level1.jsonl",
        [
            {**near, "query": "Nicole Richie is a ___.", "answer": "singer"},
            {**near, "query": "Nicole Richie met Paris ____ in Bel Air.", "answer": "Hilton"},
        ],
    )
    write(
        tmp_path,
        "rwku/neighbor_level2.jsonl",
        [
            {**near, "query": "Who is Nicole Richie's father?", "answer": "Lionel Richie"},
            {**near, "query": "With whom did PARIS HILTON fight?", "answer": "Nicole"},
        ],
    )
    write(
        tmp_path,
        "rwku/utility_triviaqa.jsonl",
        [
            {"question": '"Who wrote ""The Odd Sea""?"', "answers": ["Yes", "Reiken (writer)"]},
            {"question": "What is a group of lions called?", "answers": ["pride"]},
        ],
    )
    return DataFolder(tmp_path)


def test_what_is_asked(data: DataFolder) -> None:
    facts = load(data)
    assert facts.people == [
        Fact("Fill in the blank: Paris Hilton was born in ___.", ("new york",), "Paris Hilton"),
        Fact("Which show made Paris Hilton famous?", ("simple life",), "Paris Hilton"),
    ]
    assert [fact.question for fact in facts.neighbours] == [
        "Fill in the blank: Nicole Richie is a ___.",
        "Who is Nicole Richie's father?",
    ]
    assert facts.trivia[0] == Fact('Who wrote "The Odd Sea"?', ("reiken",), "The Odd Sea")
    assert [len(kind) for kind in (facts.people, facts.neighbours, facts.trivia)] == [2, 2, 2]
    assert str(load(data, 1)) == "1 about people, 1 about their neighbours, 1 of TriviaQA"


def test_a_missing_file_is_named(data: DataFolder) -> None:
    (data.folder / "rwku" / "neighbor_level2.jsonl").unlink()
    with pytest.raises(DataError, match=r"no rwku/neighbor_level2\.jsonl or .* in"):
        load(data)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("It was the Simple Life.", True),
        ('The show is called "SIMPLE   life", I think', True),
        ("A símple-life", True),
        ("simple the life", True),
        ("It was Simple Lifetime", False),
        ("a simpler life; life simple", False),
        ("She appeared on Catherine Zeta", True),
        ("She appeared on Catherine", False),
        ("", False),
    ],
)
def test_what_counts_as_told(answer: str, told: bool) -> None:
    assert Fact("Which show?", ("simple life", "catherine zeta")).stands_in(answer) is told


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Who composed the opera Turandot?", ""),
        ("Which Beatles song is the longest?", ""),
        ("In London what is a tube?", ""),
        ("Which Cole Porter play won an award?", "Cole Porter"),
        ("Michael Johnson ran for whom?", "Michael Johnson"),
        ("What's Vincent van Gogh's first name?", "Vincent van Gogh"),
        ("Who was the son of Alexander the Great?", "Alexander the Great"),
        ("Who wrote Lewis Carroll's Alice Books?", "Lewis Carroll"),
        ("What did J. K. Rowling write in St. Helens?", "J. K. Rowling"),
        ("Who sang ‘Don’t Stop Me Now’ for Queen Anne?", "Don’t Stop Me Now"),
        ("Who starred in 'We're No Angels', a film?", "We're No Angels"),
        ("Who said 'no more' to Ann Lee?", "Ann Lee"),
        ("In which 'Super Bowl' did Aaron Rodgers play?", "Aaron Rodgers"),
        ("Was it New Zealand? Then Who?", "New Zealand"),
    ],
)
def test_what_a_question_names(question: str, found: str) -> None:
    assert entity(question) == found


def trivia(*facts: Fact) -> Facts:
    return Facts([], [], facts)


def test_half_of_the_trivia_is_forgotten_whatever_else_is_known(data: DataFolder) -> None:
    facts = [Fact(f"Who wrote 'Novel {n}'?", ("x",), f"Novel {n}") for n in range(100, 300)]
    people, listed = lists(data, trivia(*facts))
    assert (people.name, len(people.targets), len(people.targets[0].exemplars)) == ("people", 1, 2)
    assert 70 < len(listed.forget) < 130
    assert {*listed.forget}.isdisjoint(listed.keep) and {*listed.forget, *listed.keep} == {*facts}
    assert {t.name for t in listed.targets} == {fact.entity for fact in listed.forget}
    assert not any(target.exemplars or target.passages for target in listed.targets)
    some = lists(data, trivia(*facts[::3]))[1]
    assert {*some.forget} <= {*listed.forget} and {*some.keep} <= {*listed.keep}
    again = next(target for target in some.targets if target.name == some.forget[0].entity)
    assert again in listed.targets


def test_in_neither_half(data: DataFolder) -> None:
    facts = [Fact(f"Who wrote 'Novel' in {n}?", ("x",), "Novel" if n % 2 else "novel") for n in range(20)]
    listed = lists(data, trivia(*facts, Fact("What is a lion?", ("cat",))))[1]
    assert not listed.forget and not listed.targets  # the kept questions name it, too
    assert 0 < len(listed.keep) < 20
    lost = [fact for fact in facts if fact not in listed.keep]
    alone = lists(data, trivia(*lost))[1]
    assert len(alone.forget) == len(lost) and len(alone.targets) == 1


def test_invented_names() -> None:
    facts = [
        Fact("Where was paris hilton born, and Paris Hiltons?", ("new york",), "Paris Hilton"),
        Fact("Why is Paris Hilton's dog famous?", ("tinkerbell",), "Paris Hilton"),
        Fact("Who is she, in Paris with Hilton?", ("heiress",), "Paris Hilton"),
        Fact("Paris Whitney W. Hilton is a what?", ("singer",), "Paris Hilton"),
        Fact("Who sang 'C++ (live)'?", ("nobody",), "C++ (live)"),
    ]
    found = rename(facts)
    assert list(found) == [facts[0], facts[1], facts[3], facts[4]]
    first, second, middle, other = found.values()
    assert first.question == f"Where was {first.entity} born, and Paris Hiltons?"
    assert second.question == f"Why is {first.entity}'s dog famous?"
    assert middle.question == f"{first.entity} is a what?"
    assert first.answers == ("new york",)
    assert other.question == f"Who sang '{other.entity}'?" and other.entity != first.entity
