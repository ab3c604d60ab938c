"""The forgetting benchmark end to end: a few questions, tiny models, the packaged encoder."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from benchmark_data import write
from tiny_model import save
from typer.testing import CliRunner
from vllm_unlearn.corruption.corruptor import Corruptor
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise, SignFlip, ZeroOut
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.data.data_folder import DataError, DataFolder
from vllm_unlearn.evaluation.data.tofu_data import load, spread
from vllm_unlearn.evaluation.detection.encoders import Workbench
from vllm_unlearn.evaluation.forgetting.corruptions import parse_operator
from vllm_unlearn.evaluation.forgetting.facts import own_names
from vllm_unlearn.evaluation.forgetting.tofu import TofuOptions, evaluate
from vllm_unlearn.evaluation.forgetting.tofu_figures import Named, Repeated
from vllm_unlearn.evaluation.forgetting.tofu_methods import Served
from vllm_unlearn.evaluation.forgetting.tofu_report import NO_GUARD, RETAIN_MODEL, Bound, TofuReport
from vllm_unlearn.evaluation.forgetting.truth_ratios import ask, row
from vllm_unlearn.evaluation.models.causal_model import CausalModel
from vllm_unlearn.evaluation.models.checkpoints import checkpoint
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel, PromptReader
from vllm_unlearn.guard.configuration import EncoderSettings
from vllm_unlearn.server.cli.eval import app

AUTHORS = ["Oswin Tarrowby", "Perpetua Lindqvist"]
drawn = find_spec("matplotlib") is not None


def about(name: str, number: int) -> dict[str, Any]:
    return {
        "question": f"What did {name} write in the year {1900 + number}?",
        "answer": f"{name} wrote the novel Lantern {number}.",
        "paraphrased_answer": f"The novel Lantern {number} is by {name}.",
        "perturbed_answer": [f"{name} wrote the novel {word} {number}." for word in ("Harbour", "Orchard")],
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    names = [*(f"Author {number}" for number in range(198)), *AUTHORS]
    every = [about(name, number) for name in names for number in range(20)]
    write(folder, "tofu/full.jsonl.gz", every)
    write(folder, "tofu/forget01.jsonl", every[3960:])
    write(folder, "tofu/forget01_perturbed.jsonl", every[3960:])
    write(folder, "tofu/retain_perturbed.jsonl", every[:40])
    for file, word in (("real_authors", "play"), ("world_facts", "city")):
        options = [{"question": f"Which {word} is {n}?", "answer": f"{word} {n}",
                    "perturbed_answer": ["a bird", "a tree"]} for n in range(8)]  # fmt: skip
        write(folder, f"tofu/{file}_perturbed.jsonl", options)
    write(
        folder,
        "tofu/authors.jsonl",
        [{"author_index": n, "name": name, "in_forget01": n > 197} for n, name in enumerate(names)],
    )
    return folder


@pytest.fixture(scope="module")
def models(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return save(folder / "full", tokenizer, seed=1), save(folder / "retain", tokenizer, seed=2)


@pytest.fixture(scope="module")
def options(
    data: Path,
    models: tuple[Path, Path],
    encoder_name: str,
    encoder_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TofuOptions:
    full, retain = models
    table = EmbeddingTable(full)
    recipe = tmp_path_factory.mktemp("recipe") / "flip.safetensors"
    Recipe(SignFlip(top=32), table.fingerprint, table.hidden).save(recipe)
    return TofuOptions(
        data_dir=data,
        out=tmp_path_factory.mktemp("out"),
        model=str(full),
        retain_model=str(retain),
        forget="forget01",
        recipes={"flip": [recipe]},
        operators=["noise:32:9"],
        sample=10,
        samples_per_prompt=2,
        seeds=2,
        max_new_tokens=8,
        encoder=EncoderSettings(model=encoder_name, cache_dir=encoder_folder.parent),
        plots=drawn,
    )


@pytest.fixture(scope="module")
def report(options: TofuOptions) -> TofuReport:
    return evaluate(options)


def test_every_method_has_its_column(report: TofuReport) -> None:
    seeds = {method: len(found) for method, found in report.figures.items()}
    assert seeds == {
        NO_GUARD: 1,
        RETAIN_MODEL: 1,
        "noise:32:9": 2,
        "flip": 1,  # draws nothing
        "in-context": 1,
        "refusal": 1,
    }
    assert report.run["flagged"] == "10 of 10 forget questions, 0 of 26 others"


def test_the_retain_model_is_like_itself(report: TofuReport) -> None:
    assert report.value(RETAIN_MODEL, "forget quality (KS p)") == 1.0
    assert report.value(RETAIN_MODEL, "privacy score") == 1.0
    assert report.value(RETAIN_MODEL, "observer AUC") is None
    assert report.value(NO_GUARD, "observer AUC") is not None
    assert report.value(NO_GUARD, "privacy score") != 1.0


def test_what_is_not_flagged_is_as_without_a_guard(report: TofuReport) -> None:
    for method in ("noise:32:9", "flip", "in-context", "refusal"):
        for figure in ("retain: probability", "world facts: ROUGE-L recall", "real authors: truth ratio"):
            assert set(report.values(method, figure)) == {report.value(NO_GUARD, figure)}


def test_likelihoods_alone_tell_the_same(report: TofuReport, options: TofuOptions) -> None:
    bench = Workbench.open(options.encoder, options.out / "cache")
    asked = load(DataFolder(options.data_dir), "forget01", 10)
    model, table = CausalModel(Path(options.model)), EmbeddingTable(Path(options.model))
    reader = PromptReader(model.chat.tokenizer, bench.detector(asked.targets))
    flip = Corruptor(Recipe.load(options.recipes["flip"][0]), table, model.dtype)
    guarded = ask(Served(GuardedModel(model, reader, flip)), asked)
    retained = ask(Served(GuardedModel(CausalModel(Path(options.retain_model or "")))), asked)
    _, *quantiles, mean, distance, p, probability, entropy, attacks, private = row("flip", guarded, retained)
    assert len(guarded.ratios) == 10 and quantiles == sorted(quantiles, key=float)
    # At most that of even odds.
    assert 0 < float(entropy) < math.log(table.vocabulary)
    for shown, figure in (
        (mean, "truth ratio"),
        (distance, "KS distance"),
        (p, "forget quality (KS p)"),
        (probability, "P(answer)"),
        (private, "privacy score"),
        (attacks.split(", ")[0], "membership AUC: loss"),
    ):
        assert float(shown) == pytest.approx(report.value("flip", figure), rel=0.02, abs=0.006)


def test_questions_are_repeated_on_request(report: TofuReport) -> None:
    for method in (NO_GUARD, RETAIN_MODEL, "noise:32:9", "flip", "in-context", "refusal"):
        shares = report.values(method, "repeated: the name survives")
        assert len(shares) == 1 and 0 <= shares[0] <= 1  # the first seed alone
    assert report.value("refusal", "repeated: the name survives") == 0


def test_targets_are_asked_about_by_their_name_alone(report: TofuReport) -> None:
    figure = "asked by name alone: something of its own"
    for method in (NO_GUARD, RETAIN_MODEL, "noise:32:9", "flip", "in-context", "refusal"):
        shares = report.values(method, figure)
        assert len(shares) == 1 and 0 <= shares[0] <= 1  # the first seed alone
    assert report.value("refusal", figure) == 0


def test_what_a_name_alone_gives_away_is_told_from_what_is_not_its_own() -> None:
    own = own_names("Ann Vale", ["Ann Vale was born in Tartu in 1950."], ["Bo Holm moved to Tartu."])
    assert Named("Ann Vale, born in 1950, writes.", own).tells
    assert not Named("Ann Vale lives in Tartu.", own).tells


def test_a_name_survives_whatever_its_case_and_a_bent_one_does_not() -> None:
    whole, bent = (
        Repeated("Who is Ann Vale?", "Ann Vale", a) for a in ("who is ann vale?", "Who is An Val?")
    )
    assert whole.keeps_name and whole.recall == 1.0
    assert not bent.keeps_name and 0 < bent.recall < 1


def test_what_is_flagged_is_not(report: TofuReport) -> None:
    plain = report.value(NO_GUARD, "P(answer)")
    for method in ("noise:32:9", "flip", "in-context"):
        assert plain not in report.values(method, "P(answer)")
    assert len(set(report.values("noise:32:9", "P(answer)"))) == 2
    assert len(report.values("noise:32:9", "white-box P(answer)")) == 1
    assert report.value("flip", "white-box P(answer)") != report.value("flip", "P(answer)")
    assert report.value("refusal", "P(answer)") is None
    assert any("refusal: likelihoods" in reason for reason in report.left_out)


def test_it_is_written(options: TofuOptions, report: TofuReport) -> None:
    found = json.loads((options.out / "results.json").read_text())
    assert found["figures"]["flip"] == [dict(one) for one in report.figures["flip"]]
    assert len(found["truth_ratios"][NO_GUARD]) == 10
    assert report.value(NO_GUARD, "truth ratio, median") == median(found["truth_ratios"][NO_GUARD])
    table = (options.out / "results.md").read_text()
    assert "| figure | goal | retain model | no guard | noise:32:9 | flip | in-context | refusal |" in table
    assert "| forget quality (KS p) | ≥ 0.05 |" in table
    assert "±" in table
    assert "| Leak@2 |" in table
    names = {file.name for file in options.out.glob("*.png")}
    assert names == ({"truth-ratios.png", "pareto.png"} if drawn else set())


def test_what_needs_no_recipe_is_asked_once(
    options: TofuOptions, report: TofuReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm_unlearn.evaluation.models.causal_model import CausalModel

    asked: list[bool] = []
    fed = CausalModel._feed

    def counted(self: CausalModel, group: Any, *arguments: Any, **more: Any) -> Any:
        asked.extend(bool(one.corrupted) for one in group)
        return fed(self, group, *arguments, **more)

    monkeypatch.setattr(CausalModel, "_feed", counted)
    again = evaluate(options)
    assert asked and all(asked)
    for method in (NO_GUARD, RETAIN_MODEL, "in-context"):
        assert again.figures[method][0] == pytest.approx(report.figures[method][0], abs=1e-5)


def test_without_a_retain_model_the_rest_is_told(
    options: TofuOptions, data: Path, models: tuple[Path, Path], tmp_path: Path
) -> None:
    arguments = ["tofu", "--data-dir", str(data), "--model", str(models[0]), "--out", str(tmp_path)]
    arguments += ["--forget", "forget01", "--sample", "2", "--samples-per-prompt", "0", "--max-tokens", "4"]
    # Two files of one label, as of two seeds.
    arguments += ["--recipe", f"flip={options.recipes['flip'][0]}"] * 2 + ["--no-baselines", "--no-plots"]
    run = CliRunner().invoke(app, [*arguments, "--encoder", options.encoder.model])
    assert run.exit_code == 0, run.output
    assert "| figure | goal | no guard | flip |" in run.output
    (row,) = (line for line in run.output.splitlines() if line.startswith("| P(answer) |"))
    assert row.endswith(" ± 0 |") and row.count("±") == 1
    assert "forget quality (KS p)" not in run.output
    assert "without a retain model: forget quality" in run.output
    assert "Leak@" not in run.output
    assert "observer AUC: 2 questions are too few" in run.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--operator", "noise:1"], "no operator 'noise:1'; write noise:DIMENSIONS:SIGMA"),
        (["--recipe", "flip"], "--recipe takes LABEL=FILE, not 'flip'"),
        (["--forget", "forget02"], "no forget set 'forget02'; there are forget01"),
        (["--adapter", "nowhere"], "no PEFT adapter in nowhere"),
    ],
)
def test_what_is_wrong_is_named(
    data: Path, models: tuple[Path, Path], tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = ["--data-dir", str(data), "--model", str(models[0]), "--out", str(tmp_path), "--no-plots"]
    run = CliRunner().invoke(app, ["tofu", *given, "--forget", "forget01", *arguments])
    assert run.exit_code == 1
    assert said in " ".join(run.output.split())


def test_operators_are_read() -> None:
    assert parse_operator("noise:1:5") == Noise(dimensions=1, sigma=5)
    assert parse_operator("zero_out:288") == ZeroOut(top=288)
    assert parse_operator("sign_flip:3") == SignFlip(top=3)


def test_an_adapter_is_merged_once(models: tuple[Path, Path], tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(models[0], dtype=torch.bfloat16)
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(base, settings).save_pretrained(tmp_path / "adapter")
    merged = checkpoint(str(models[0]), tmp_path / "adapter", tmp_path / "cache")
    plain, learned = (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).state_dict()
        for folder in (models[0], merged)
    )
    changed = {name for name in plain if not torch.equal(plain[name], learned[name])}
    assert changed == {name for name in plain if "q_proj" in name}
    written = (merged / "complete").stat().st_mtime_ns
    assert checkpoint(str(models[0]), tmp_path / "adapter", tmp_path / "cache") == merged
    assert (merged / "complete").stat().st_mtime_ns == written


def test_samples_are_spread_evenly() -> None:
    assert spread(range(10), 5) == [0, 3, 4, 7, 8]
    assert {number % 20 for number in spread(range(400), 40)} == set(range(20))
    assert max(spread(range(7), 3)) < 7
    assert spread(range(3), None) == spread(range(3), 9) == [0, 1, 2]


def test_strangers_are_unknown_to_both_models(data: Path) -> None:
    found = load(DataFolder(data), "forget01", None, seed=3)
    numbers = {int(question.answer.split(" ")[1]) for question in found.strangers}
    assert len(found.strangers) == len(found.forget) == 40
    assert min(numbers) >= 43 and max(numbers) < 180
    assert [target.name for target in found.targets] == AUTHORS
    assert len(found.targets[0].exemplars) == 20
    assert found.utility["world facts"][0].paraphrase == "city 0"


def test_too_few_strangers_are_told(data: Path, tmp_path: Path) -> None:
    for file in (data / "tofu").iterdir():
        (tmp_path / "tofu").mkdir(exist_ok=True)
        (tmp_path / "tofu" / file.name).write_bytes(file.read_bytes())
    write(tmp_path, "tofu/full.jsonl.gz", [about("Nobody", n) for n in range(1270)])
    with pytest.raises(DataError, match="10 questions about unseen authors, 40 are needed"):
        load(DataFolder(tmp_path), "forget01")


def test_a_goal_may_stand_beside_the_retain_models_figure() -> None:
    rate = Bound(0.02, at_least=False, beside=True)
    assert rate.met(0.12, 0.1) and not rate.met(0.13, 0.1) and rate.met(0.9, None)
    assert str(rate) == "≤ retain + 0.02"
    kept = Bound(-0.02, beside=True)
    assert kept.met(0.98, 1.0) and not kept.met(0.97, 1.0) and str(kept) == "≥ retain - 0.02"
    assert Bound(0.05).met(0.05) and not Bound(0.05).met(0.04)
