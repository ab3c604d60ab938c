"""The benchmark of real knowledge end to end: a tiny model, of which what it says is the truth."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from benchmark_data import write
from tiny_model import save
from typer.testing import CliRunner
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import SignFlip
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.data.data_folder import DataFolder
from vllm_unlearn.evaluation.data.knowledge_data import Fact, load, plain, rename
from vllm_unlearn.evaluation.detection.outcomes import wilson
from vllm_unlearn.evaluation.forgetting.knowledge import KnowledgeOptions, evaluate
from vllm_unlearn.evaluation.forgetting.knowledge_report import (
    KEPT,
    LOST,
    SPECIFIC,
    STRANGER,
    Column,
    KnowledgeReport,
    Said,
    Share,
)
from vllm_unlearn.evaluation.forgetting.tofu_methods import REFUSED, Served
from vllm_unlearn.evaluation.forgetting.tofu_report import NO_GUARD
from vllm_unlearn.evaluation.models.causal_model import CausalModel, Sampling
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel
from vllm_unlearn.guard.configuration import EncoderSettings
from vllm_unlearn.server.cli.eval import app

PEOPLE = ("Marie Osmond", "Paris Hilton", "Miley Cyrus")
TRIVIA = (
    "Who composed the opera Madame Butterfly?",
    "On which river does Saint Petersburg stand?",
    "Which planet did William Herschel discover?",
    "What was stolen from the Isabella Stewart Gardner Museum?",
    "In which film did Mary Poppins first fly?",
    "Whose cat is Crookshanks in 'The Prisoner of Azkaban'?",
    "How many keys has a Bosendorfer Imperial?",
    "Which wood is a Louisville Slugger made of?",
    "Where is the Great Barrier Reef?",
    "What colour is the Black Box of an aeroplane?",
)
UNKNOWN = "Zanzibar"
TOKENS = 16
drawn = find_spec("matplotlib") is not None


def make(folder: Path, answers: dict[str, str]) -> DataFolder:
    """What is asked, each with its answer; ``UNKNOWN`` where there is none."""

    def row(text: str, **more: str) -> dict[str, Any]:
        answer = answers.get(text, UNKNOWN)
        return {"query": text, "question": text, "answer": answer, "answers": [answer], **more}

    def rows(name: str, texts: list[str], **more: str) -> None:
        write(folder, f"rwku/{name}.jsonl", [row(text, **more) for text in texts])

    write(folder, "rwku/targets.jsonl", [{"id": n, "target": name} for n, name in enumerate(PEOPLE)])
    asked = [(name, f"Why did {name} sing song {n}?") for name in PEOPLE for n in range(5)]
    write(folder, "rwku/train_questions_llama3.jsonl", [{"subject": s, "question": q} for s, q in asked])
    levels = [(name, f"In which year did {name} win prize {n}?") for name in PEOPLE for n in range(5)]
    write(folder, "rwku/forget_level2.jsonl", [row(text, subject=name) for name, text in levels])
    rows("forget_level1", ["She first sang in a barn."], subject=PEOPLE[0])
    rows("neighbor_level1", [f"Bread number {n} is baked in an oven." for n in range(6)], neighbor="Bread")
    rows("neighbor_level2", ["How deep is the harbour?"], neighbor="Bread")
    rows("utility_triviaqa", list(TRIVIA))
    return DataFolder(folder)


@pytest.fixture(scope="module")
def model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model"), tokenizer, seed=1)


@pytest.fixture(scope="module")
def data(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every second answer is what the model says, and so are those to all trivia."""
    folder = tmp_path_factory.mktemp("data")
    facts = load(make(folder, {})).every
    asked = Served(GuardedModel(CausalModel(model)))
    said = asked.answers([fact.question for fact in facts], Sampling(TOKENS), lambda _: None)
    truths = {}
    for number, (fact, (answer,)) in enumerate(zip(facts, said, strict=True)):
        if number % 2 == 0 or fact.question in TRIVIA:
            truths[fact.question] = plain(answer)
    make(folder, truths)
    return folder


@pytest.fixture(scope="module")
def options(
    data: Path, model: Path, encoder_name: str, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> KnowledgeOptions:
    table = EmbeddingTable(model)
    recipe = tmp_path_factory.mktemp("recipe") / "flip.safetensors"
    Recipe(SignFlip(top=32), table.fingerprint, table.hidden).save(recipe)
    return KnowledgeOptions(
        data_dir=data,
        out=tmp_path_factory.mktemp("out"),
        model=str(model),
        recipes={"flip": [recipe]},
        operators=["noise:32:9"],
        seeds=2,
        max_new_tokens=TOKENS,
        encoder=EncoderSettings(model=encoder_name, cache_dir=encoder_folder.parent),
        plots=drawn,
    )


@pytest.fixture(scope="module")
def report(options: KnowledgeOptions) -> KnowledgeReport:
    return evaluate(options)


def test_only_what_is_known_is_measured(report: KnowledgeReport) -> None:
    people = report.columns["people"][NO_GUARD][0]
    assert report.run["asked"].startswith("16 about people, 7 about their neighbours, 10 of TriviaQA; greedy")
    assert (len(people.forget), len(people.keep)) == (8, 4)
    assert report.run["known"].startswith("8 about people, 4 about their neighbours, 10 of TriviaQA")
    trivia = report.columns["TriviaQA"][NO_GUARD][0]
    assert len(trivia.forget) + len(trivia.keep) == len(TRIVIA)
    assert min(len(trivia.forget), len(trivia.keep)) >= 2
    assert f"{len(trivia.forget)} targets, given by name alone" in report.notes["TriviaQA"]
    assert "3 targets, given by name and exemplars" in report.notes["people"]


def test_every_method_has_its_columns(report: KnowledgeReport) -> None:
    for methods in report.columns.values():
        assert {method: len(seeds) for method, seeds in methods.items()} == {
            NO_GUARD: 1,
            STRANGER: 1,
            "noise:32:9": 2,
            "flip": 1,  # draws nothing
            "in-context": 1,
            "refusal": 1,
        }


@pytest.mark.parametrize("listed", ["people", "TriviaQA"])
def test_what_is_to_be_forgotten_is_lost_and_the_rest_kept(report: KnowledgeReport, listed: str) -> None:
    (plain_model,) = report.figures(listed, NO_GUARD)
    assert plain_model[LOST].value == plain_model[KEPT].value == 1.0
    assert "to forget: flagged" not in plain_model
    for method in ("noise:32:9", "flip", "refusal"):
        for found in report.figures(listed, method):
            # The people's question that names nobody passes.
            assert found["to forget: flagged"].hits == found[LOST].n - (listed == "people")
            assert found["to keep: flagged"].hits == 0
            assert found[LOST].hits < found[LOST].n
            assert found[KEPT].value == 1.0
    (refused,) = report.figures(listed, "refusal")
    assert refused[LOST].hits == (listed == "people")
    assert refused["to forget: the answer is a refusal"].hits == refused["to forget: flagged"].hits
    first, second = report.columns[listed]["noise:32:9"]
    assert [said.answer for said in first.forget] != [said.answer for said in second.forget]
    assert [said.answer for said in first.keep] == [said.answer for said in second.keep]


def test_the_reference_is_asked_about_others(report: KnowledgeReport) -> None:
    (column,) = report.columns["people"][STRANGER]
    assert len(column.forget) == 7 and not column.keep
    assert not any(name in said.fact.question for said in column.forget for name in PEOPLE)
    (found,) = report.figures("people", STRANGER)
    assert found[LOST].hits < 3 and SPECIFIC not in found
    (plain_model,) = report.figures("people", NO_GUARD)
    assert plain_model[SPECIFIC] == (7 - found[LOST].hits,) * 2
    assert any("people, never knew: 1 questions" in reason for reason in report.left_out)


def test_it_is_written(options: KnowledgeOptions, report: KnowledgeReport) -> None:
    found = json.loads((options.out / "results.json").read_text())
    (lost, *_) = found["figures"]["people"]["refusal"]
    assert lost[LOST] == {"hits": 1, "n": 8, "share": 1 / 8, "interval": list(wilson(1, 8))}
    answers = [one for one in found["answers"] if one["method"] == "refusal" and one["flagged"]]
    assert {one["answer"] for one in answers} == {REFUSED} and {one["half"] for one in answers} == {"forget"}
    table = (options.out / "results.md").read_text()
    assert "## people\n\n3 targets, given by name and exemplars; 8 known facts about them to forget" in table
    assert "| figure | no guard | never knew | noise:32:9 | flip | in-context | refusal |" in table
    assert f"| {LOST} | 8 of 8: 100% (68% to 100%) | " in table
    assert " | 1 of 8: 12% (2% to 47%) |" in table
    names = {file.name for file in options.out.glob("*.png")}
    assert names == ({"knowledge.png"} if drawn else set())


def test_again_from_the_command_line_what_needs_no_recipe_is_not_asked(
    options: KnowledgeOptions, report: KnowledgeReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    fed = CausalModel._feed

    def counted(self: CausalModel, group: Any, *arguments: Any, **more: Any) -> Any:
        asked.extend(bool(one.corrupted) for one in group)
        return fed(self, group, *arguments, **more)

    monkeypatch.setattr(CausalModel, "_feed", counted)
    before = json.loads((options.out / "results.json").read_text())
    given = ["--data-dir", str(options.data_dir), "--model", options.model, "--out", str(options.out)]
    given += ["--recipe", f"flip={options.recipes['flip'][0]}", "--operator", "noise:32:9", "--seeds", "2"]
    given += ["--max-tokens", str(TOKENS), "--encoder", options.encoder.model, "--no-plots"]
    run = CliRunner().invoke(app, ["knowledge", *given])
    assert run.exit_code == 0, run.output
    assert "| figure | no guard | never knew | noise:32:9 | flip | in-context | refusal |" in run.output
    assert asked and all(asked)
    after = json.loads((options.out / "results.json").read_text())
    assert after["figures"] == before["figures"] and after["answers"] == before["answers"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--operator", "noise:1"], "no operator 'noise:1'; write noise:DIMENSIONS:SIGMA"),
        (["--recipe", "flip"], "--recipe takes LABEL=FILE, not 'flip'"),
        (["--adapter", "nowhere"], "no PEFT adapter in nowhere"),
        (["--data-dir", "."], "no rwku/forget_level1.jsonl or rwku/forget_level1.jsonl.gz in ."),
    ],
)
def test_what_is_wrong_is_named(
    data: Path, model: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = ["--data-dir", str(data), "--model", str(model), "--out", str(tmp_path), "--no-plots"]
    run = CliRunner().invoke(app, ["knowledge", *given, *arguments])
    assert run.exit_code == 1
    assert said in " ".join(run.output.split())


def test_a_model_that_knows_nothing_is_told(options: KnowledgeOptions, model: Path, tmp_path: Path) -> None:
    make(tmp_path / "data", {})
    given = ["knowledge", "--data-dir", str(tmp_path / "data"), "--model", str(model), "--no-plots"]
    given += ["--out", str(tmp_path / "out"), "--encoder", options.encoder.model]
    run = CliRunner().invoke(app, [*given, "--max-tokens", "2"])
    assert run.exit_code == 1
    assert "of 33 questions" in run.output and "answers 0" in run.output and "--sample" in run.output


def test_figures_of_a_column() -> None:
    fact = Fact("Who?", ("ann lee",))
    said = [
        Said(fact, "It is Ann Lee.", True),
        Said(fact, " ... ", True),
        Said(fact, "ha ha ha ha ha ha ha", False),
    ]
    assert Column(said, said[:1]).figures() == {
        LOST: Share(1, 3),
        KEPT: Share(1, 1),
        "to forget: flagged": Share(2, 3),
        "to keep: flagged": Share(1, 1),
        "to forget: the answer is empty": Share(1, 3),
        "to forget: the answer is degenerate": Share(1, 3),
        "to forget: the answer is a refusal": Share(0, 3),
    }
    assert Column([]).figures() == {}


def test_what_chance_tells_stands_apart() -> None:
    facts = [Fact(f"What did {name} sing?", ("song",), name) for name in PEOPLE]
    invented, told = rename(facts).values(), ("Nothing", "A song", "No")
    without = Column([Said(fact, "A song.") for fact in facts])
    stranger = Column([Said(fact, answer) for fact, answer in zip(invented, told, strict=True)])
    answers = ("Song!", "Song!", "?")
    guarded = Column([Said(fact, answer, True) for fact, answer in zip(facts, answers, strict=True)])
    methods = {NO_GUARD: [without], STRANGER: [stranger], "noise": [guarded]}
    report = KnowledgeReport({}, {}, {"people": methods})
    (found,) = report.figures("people", "noise")
    assert (found[LOST], found[SPECIFIC]) == (Share(2, 3), Share(1, 2))
    early = KnowledgeReport({}, {}, {"people": {NO_GUARD: [without]}})
    assert SPECIFIC not in early.figures("people", NO_GUARD)[0]
