"""Topics and a work without its names: what is given is never asked, and what is near is apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_data import make, write
from vllm_unlearn.evaluation.data.data_folder import DataError, DataFolder
from vllm_unlearn.evaluation.data.nameless_work import NamelessWork
from vllm_unlearn.evaluation.data.topics import LANGUAGES, TOPICS, Topic, Topics, chapter, translated
from vllm_unlearn.evaluation.detection.families.sources import Sources
from vllm_unlearn.evaluation.detection.table import make_table

ECONOMICS, PHYSICS, LAW = TOPICS
SUBJECTS = [subject for topic in TOPICS for subject in (*topic.subjects, *topic.near)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("data"))
    rows = []
    for subject in (*SUBJECTS, "anatomy"):
        for number in range(7):  # an odd number, so that each subject is in both halves
            question = f"What does {subject}\x80\x99s question {number} ask?"
            rows.append({"subject": subject, "question": question, "choices": ["owls", "mice"]})
    write(folder, "mmlu/mmlu_test.jsonl.gz", rows)
    quiz = [{"question": f"Who is wizard {n}?", "choices": ["an owl", "a cat"]} for n in range(8)]
    quiz += [
        {"question": "Who is Harry Potter?", "choices": []},
        {"question": "Who?", "choices": ["Hogwarts"]},
    ]
    write(folder, "people_and_works/harry_potter_mcq.jsonl", [*quiz, *quiz[:1]])
    asked = [{"question": "Where is the wand?", "answer": "Here", "paraphrased_question": "Where may it be?"}]
    write(folder, "people_and_works/harry_potter_qa_paraphrased.jsonl", asked * 2)
    write(folder, "attacks/skeb_harry_potter_completion.jsonl", [{"prompt": "The wand"}] * 2)
    trivia = [{"question": "Who smuggles muggles?"}, {"question": "What do smugglers do?"}]
    for file in ("rwku/utility_triviaqa", "tofu/real_authors", "tofu/world_facts"):
        write(folder, f"{file}.jsonl", trivia)
    return folder


@pytest.fixture
def topics(folder: Path) -> Topics:
    return Topics(DataFolder(folder))


def test_few_exemplars_are_the_first_of_many_and_none_is_asked(topics: Topics) -> None:
    few, many = topics.target(ECONOMICS, 2), topics.target(ECONOMICS, 100)
    assert few.kind == "topic" and few.name == "economics"
    assert few.exemplars == many.exemplars[:2]
    asked = topics.questions(ECONOMICS)
    assert not set(many.exemplars) & {case.text.split("\n")[0] for case in asked}
    assert {case.labels["subject"] for case in asked} == set(ECONOMICS.subjects)
    assert len(many.exemplars) + len(asked) / 2 == 7 * len(ECONOMICS.subjects)
    assert topics.target(ECONOMICS, 2) != Topics(topics._data, seed=1).target(ECONOMICS, 2)


def test_every_question_is_asked_alone_and_with_its_choices(topics: Topics) -> None:
    bare, full = topics.near(LAW)[:2]
    assert (bare.labels["form"], full.labels["form"]) == ("bare", "with choices")
    assert full.text == f"{bare.text}\nA. owls\nB. mice"
    assert bare.subject is None


def test_subjects_are_the_topics_near_to_it_or_others(topics: Topics) -> None:
    for topic in TOPICS:
        about, near, others = topics.questions(topic), topics.near(topic), topics.others(topic)
        seen = [{case.labels["subject"] for case in cases} for cases in (about, near, others)]
        assert seen[:2] == [set(topic.subjects), set(topic.near)]
        assert seen[2] == {*SUBJECTS, "anatomy"} - seen[0] - seen[1]


def test_counterexamples_are_the_near_questions_of_the_half_that_tunes(topics: Topics) -> None:
    target = topics.target(PHYSICS, 3, near=True)
    reported = {case.text for case in topics.near(PHYSICS) if case.part == "report"}
    assert target.counterexamples and not reported & set(target.counterexamples)
    assert not topics.target(PHYSICS, 3).counterexamples


@pytest.mark.parametrize(
    ("topic", "text", "said"),
    [
        (ECONOMICS, "Why did inflation rise?", True),
        (ECONOMICS, "Why did the dough rise?", False),
        (PHYSICS, "What is QUANTUM mechanics?", True),
        (LAW, "Mow the lawn", True),  # the list is broad: what is left is surely not about it
        (LAW, "I was flawed", False),
    ],
)
def test_words_that_may_speak_of_a_topic(topic: Topic, text: str, said: bool) -> None:
    assert topic.may_be_in(text) is said


def test_a_chapter_is_one_passage_and_translations_are_parallel(topics: Topics) -> None:
    english = [(case.subject, case.part) for case in translated("en")]
    for topic in TOPICS:
        assert topics.target_by_chapter(topic).passages == (chapter(topic).strip(),)
        assert 800 <= len(chapter(topic).split()) <= 1500
        assert sum(subject == topic.id for subject, _ in english) == 20
    texts: set[str] = set()
    for language in LANGUAGES:
        cases = translated(language)
        assert [(case.subject, case.part) for case in cases] == english
        texts.update(case.text for case in cases)
    assert len(texts) == len(LANGUAGES) * len(english)


def test_a_models_questions_are_read_from_a_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "law.txt").write_text("What is a tort?\n\n  What is a tort?\nWho is a judge?\n")
    (tmp_path / "physics.txt").write_text("\n")
    topics = Topics(DataFolder(folder), questions=tmp_path)
    assert topics.target_by_asking(LAW).exemplars == ("What is a tort?", "Who is a judge?")
    for topic, said in ((PHYSICS, "no question in"), (ECONOMICS, r"economics\.txt cannot be read: No such")):
        with pytest.raises(DataError, match=said):
            topics.target_by_asking(topic)
    with pytest.raises(DataError, match="--questions"):
        Topics(DataFolder(folder)).target_by_asking(LAW)


def test_a_work_is_asked_about_without_its_names(folder: Path) -> None:
    work = NamelessWork(DataFolder(folder))
    target = work.target(100)
    assert target.kind == "work" and set(target.exemplars) == {f"Who is wizard {n}?" for n in (0, 2, 4, 6)}
    by_file = [(case.labels["file"], case.text) for case in work.questions()]
    odd = [f"Who is wizard {n}?" for n in (1, 3, 5, 7)]
    assert [text for file, text in by_file if file == "mcq"] == [*odd, "Who?"]
    assert [text for file, text in by_file if file == "mcq with choices"] == [
        f"{text}\nA. an owl\nB. a cat" for text in odd
    ]
    assert {file for file, _ in by_file} == {"mcq", "mcq with choices", "qa", "qa paraphrased"}
    assert len(work.completions()) == 2
    assert {case.text for case in work.trivia() if case.labels["file"] != "rwku"} == {"What do smugglers do?"}


def test_the_families_have_rows_over_their_listings(folder: Path, tmp_path: Path) -> None:
    for topic in TOPICS:
        (tmp_path / f"{topic.name}.txt").write_text("What is it?\n")
    families = ["topics", "chapters", "asked", "translated", "nameless"]
    made = make_table(Sources(DataFolder(folder), questions=tmp_path), families)
    assert {row.family for row in made.rows} == set(families)
    for row in made.rows:
        (way,) = made.listings[row.listing].ways
        listed = {target.id for target in made.listings[row.listing].targets(way)}
        assert {case.subject for case in row.cases} - {None} <= listed, row.name
    benign = next(row for row in made.rows if row.name == "law, a chapter: benign")
    assert not any(case.labels["file"].startswith("mmlu/") for case in benign.cases)
