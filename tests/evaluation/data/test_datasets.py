from __future__ import annotations

from pathlib import Path

import pytest
from benchmark_data import AUTHORS, PEOPLE, make, write
from vllm_unlearn.evaluation.data.cases import Case, stratify
from vllm_unlearn.evaluation.data.data_folder import DataError, DataFolder
from vllm_unlearn.evaluation.data.datasets import Benign, KnowUnDo, Rwku, Tofu, Work, names_in
from vllm_unlearn.evaluation.detection.families.many_targets import many_listing
from vllm_unlearn.evaluation.detection.families.sources import Sources
from vllm_unlearn.evaluation.detection.table import FAMILIES, make_table

# What the folder lacks: TOFU's other sizes, KnowUnDo, MMLU's test, a work (of which padding has a row, too).
LEFT_OUT = {"tofu", "scope", "work", "wrappers", "topics", "chapters", "asked", "translated", "nameless"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return DataFolder(make(tmp_path_factory.mktemp("data")))


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data folder"):
        DataFolder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no tofu/full\.jsonl or"):
        DataFolder(tmp_path).rows("tofu/full")
    (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(DataError, match=r"broken\.jsonl"):
        DataFolder(tmp_path).rows("broken")


def test_rwku_is_halved_by_the_order_of_names(data: DataFolder) -> None:
    rwku = Rwku(data)
    assert rwku.parts == dict(zip(PEOPLE, ("tuning", "report", "tuning", "report"), strict=True))
    by_part = {case.subject: case.part for case in rwku.probes(2)}
    assert by_part == {"rwku-0": "tuning", "rwku-1": "report", "rwku-2": "tuning", "rwku-3": "report"}


def test_rwku_targets_hold_what_their_way_gives(data: DataFolder) -> None:
    rwku = Rwku(data)
    named, exemplars, passages = (rwku.targets(way, {}) for way in ("name", "exemplars", "passages"))
    assert [t.name for t in named] == list(PEOPLE)
    assert not any(t.exemplars or t.passages for t in named)
    assert [len(t.exemplars) for t in exemplars] == [4] * 4
    assert [len(t.passages) for t in passages] == [4] * 4
    assert rwku.targets("exemplars", {}) == exemplars


def test_attack_types_and_languages_are_read_off(data: DataFolder) -> None:
    labels = [dict(case.labels) for case in Rwku(data).probes(3)[:4]]
    french = {"type": "cross lingual", "language": "French"}
    assert labels == [{"type": "prefix injection"}, {"type": "reverse query"}, french, french]


def test_blanks_are_filled_and_mentions_found(data: DataFolder) -> None:
    rwku = Rwku(data)
    assert rwku.statements()[0].text == "Aldric Fenwick was born in Ghent number 0."
    for case in rwku.mentions():
        assert case.mention
        assert case.text[slice(*case.mention)] in PEOPLE


def test_prompts_that_name_a_listed_person_are_left_out(data: DataFolder) -> None:
    benign = Benign(data, Rwku(data).all_names)
    traffic = benign.traffic
    assert benign.left_out == 2
    assert not any(names_in(case.text, PEOPLE) for case in traffic)
    assert {case.labels["file"] for case in traffic} == {
        "benign/long_task_prompts_en", "benign/multiturn", "benign/questions_multilingual", "mmlu/mmlu_dev",
    }  # fmt: skip
    assert [case.part for case in traffic if case.labels["language"] == "de"][:3] == [
        "tuning",
        "report",
        "tuning",
    ]
    assert "Sum 0 and 2.\nAnd 3?" in {case.text for case in traffic}
    assert "What is 0 + 1?\nA. one\nB. two" in {case.text for case in traffic}


def test_tofu_lists_the_authors_of_the_size(data: DataFolder) -> None:
    tofu = Tofu(data)
    targets = tofu.listing("forget05").targets("exemplars")
    assert [(t.id, t.name, len(t.exemplars)) for t in targets] == [
        ("tofu-8", AUTHORS[8], 20),
        ("tofu-9", AUTHORS[9], 20),
    ]
    assert all(text.startswith(f"{t.name} wrote") for t in tofu.listing("forget05").targets("passages")
               for text in t.passages)  # fmt: skip
    asked = tofu.questions("forget05", "paraphrased_question")
    assert {(case.subject, case.part) for case in asked} == {("tofu-8", "tuning"), ("tofu-9", "report")}
    assert len(tofu.retain_questions("forget05")) == 160
    assert len(tofu.retain_paraphrases()) == 80


def test_people_of_knowundo_are_read_off_their_questions(tmp_path: Path) -> None:
    files = {
        "forget_train": ["Who are Mina Al-Sayed's parents?", "Where does Tom O'Hara currently reside?"],
        "retain_train": ["Who is Mina Al-Sayed?", "What is Tom O'Hara's first novel?"],
        "forget_val": ["What is Tom O’Hara’s address?", "What happened at 221B Baker St?"],
        "retain_val": ["What inspires Mina Al-Sayed?"],
    }
    for name, texts in files.items():
        rows = [{"question": text} for text in texts]
        write(tmp_path, f"people_and_works/knowundo_privacy_{name}.jsonl", rows)
    people = KnowUnDo(DataFolder(tmp_path))
    assert people.people == ["Mina Al-Sayed", "Tom O'Hara"]
    shared, apart = (listing.targets("exemplars") for listing in people.listings())
    assert {target.scope for target in apart} == {"exemplars"}
    assert [target.name for target in apart] == [target.name for target in shared]
    mina, tom = shared
    assert (mina.scope, mina.exemplars, mina.counterexamples) == (
        "private",
        ("Who are Mina Al-Sayed's parents?",),
        ("Who is Mina Al-Sayed?",),
    )
    assert [case.subject for case in people.questions("forget_val")] == [tom.id]


def test_half_of_the_works_questions_are_given(tmp_path: Path) -> None:
    rows = [
        {"question": f"Question {n}?", "answer": "Owl", "paraphrased_question": f"Q {n}?"} for n in range(4)
    ]
    write(tmp_path, "people_and_works/harry_potter_qa_paraphrased.jsonl", rows)
    write(
        tmp_path, "people_and_works/harry_potter_mcq.jsonl", [{"question": "Which?", "choices": ["a", "b"]}]
    )
    write(tmp_path, "attacks/skeb_harry_potter_completion.jsonl", [{"prompt": "The wand"}])
    work = Work(DataFolder(tmp_path))
    (target,) = work.listing().targets("exemplars")
    assert target.exemplars == ("Question 0?", "Question 1?")
    assert [case.text for case in work.questions()] == [
        "Question 2?", "Question 3?", "Q 2?", "Q 3?", "Which?\nA. a\nB. b", "The wand",
    ]  # fmt: skip


def test_families_without_data_are_left_out_unless_asked_for(data: DataFolder) -> None:
    made = make_table(Sources(data))
    assert {reason.split(":")[0] for reason in made.left_out} == {*LEFT_OUT, "padding"}
    assert {row.family for row in made.rows} == set(FAMILIES) - LEFT_OUT
    with pytest.raises(DataError, match="knowundo"):
        make_table(Sources(data), ["scope"])


def test_every_row_asks_about_listed_targets(data: DataFolder) -> None:
    made = make_table(Sources(data))
    for row in made.rows:
        if row.listing.replace(",", "").split()[0] in ("1000", "10000"):
            continue
        ids = {target.id for target in made.listings[row.listing].targets("name")}
        assert all(case.subject is None or case.subject in ids for case in row.cases), row.name
        assert all(goal.counts == "any" or case.subject for goal in row.goals for case in row.cases), row.name


def test_many_targets_are_the_real_ones_and_made_up_ones(data: DataFolder) -> None:
    targets = many_listing(Sources(data), 1_000).targets("exemplars")
    assert len({target.id for target in targets}) == len({target.name for target in targets}) == 1_000
    assert [target.name for target in targets[:4]] == list(PEOPLE)


def test_a_sample_is_drawn_from_each_group() -> None:
    cases = [Case(str(n), labels={"file": "a" if n < 90 else "b"}) for n in range(100)]
    drawn = stratify(cases, 5, seed=1)
    assert [case.labels["file"] for case in drawn] == ["a"] * 5 + ["b"] * 5
    assert drawn == stratify(cases, 5, seed=1) != stratify(cases, 5, seed=2)
    assert stratify(cases, None, seed=1) == cases
