"""The command ``vllm-unlearn eval``: the benchmarks."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ...classifiers.evidence import THRESHOLD
from ...guard.configuration import EncoderSettings, load
from ..terminal import fail, report_faults

TOOLS = {
    "by-name": ("detection.by_name", "What is found of people listed by name alone, on every row."),
    "written-names": ("detection.written_names", "How many ways to write a name are found."),
    "declensions": ("detection.declensions", "How many declined names are found."),
    "snapshot": ("snapshot", "What the guard does with 5,000 prompts, to compare two commits."),
    "operators": ("forgetting.operators", "What each of ECO's operators leaves known."),
    "truth-ratios": ("forgetting.truth_ratios", "Truth ratios and membership of a whole forget set."),
    "tofu-lessons": ("forgetting.tofu_lessons", "TOFU as lessons for `learn`."),
    "works": ("forgetting.works", "Lessons about works, and what a recipe leaves known of them."),
    "answers": ("answers.answers", "What comes out in answers, and what reading them changes and costs."),
    "topics": ("forgetting.topics", "What a guarded model still knows of a topic: MMLU's subjects."),
    "ablations": ("forgetting.ablations", "A learned recipe with parts taken away."),
    "quantised": ("models.quantised", "An int8 copy of a checkpoint."),
    "packaged-gemma": ("models.packaged_gemma", "Write Gemma 3 270M from its package."),
    "packaged-e5": ("models.packaged_e5", "Write a multilingual encoder from its package."),
    "overhead": ("cost.overhead", "What a guarded request costs against plain vLLM: `make bench`."),
    "first-token": ("cost.first_token", "The time to the first token behind a cached prefix."),
    "corruption-cost": ("cost.corruption_cost", "What it costs to corrupt a flagged token."),
    "name-cost": ("cost.name_cost", "What the search for misspelt names costs."),
    "target-cost": ("cost.target_cost", "What 10,000 targets cost a segment, and what one more costs."),
    "linear-time": ("cost.linear_time", "Processor time of inputs that are made to be slow."),
    "fairness": ("cost.fairness", "How long short prompts take beside long ones."),
}
"""What else can be measured or made, each with its module in ``evaluation``."""


HELP = """Measure the guard.

DATA is a folder of public benchmarks (TOFU, RWKU, KnowUnDo, SKeB, MMLU, chats) as JSON Lines, compressed
or not. It does not come with this package. evaluation/data/ reads it, and names each set and its files;
docs/results/ says which figure is of which.
"""


class Tool(TyperCommand):
    """A tool of ``evaluation`` that is imported when it is run: each loads a model's libraries."""

    def __init__(self, name: str) -> None:
        self._module, help = TOOLS[name]
        super().__init__(name, help=help, add_help_option=False)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the tool's own command, which is imported here."""
        module = import_module(f"...evaluation.{self._module}", __package__)
        tool = getattr(module, "app", None)
        if tool is None:
            tool = typer.Typer(add_completion=False)
            tool.command()(module.main)
        for command in tool.registered_commands:
            if command.callback:
                command.callback = report_faults(command.callback)
        return typer.main.get_command(tool).make_context(*args, **kwargs)


class Tools(TyperGroup):
    """The commands of this file, and ``TOOLS``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name in TOOLS:
            self.add_command(Tool(name))


app = typer.Typer(help=HELP, no_args_is_help=True, cls=Tools)

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Whose encoder and threshold are measured: a YAML file.")
]
Encoder = Annotated[
    str | None, typer.Option(help="Another encoder: a folder, package:PACKAGE/FOLDER, or a hub name.")
]
Out = Annotated[Path, typer.Option(help="Where the report is written.")]
DataDir = Annotated[
    Path, typer.Option(help="The benchmark data, with a folder tofu/ (docs/results/data.md).")
]
Learned = Annotated[
    str, typer.Option(help="The model that learned what is to be forgotten: folder or hub name.")
]
RetainModel = Annotated[
    str | None, typer.Option(help="A model that never learned it: what forgetting is compared with.")
]
RetainAdapter = Annotated[Path | None, typer.Option(help="A PEFT adapter to merge into the retain model.")]
ForgetSet = Annotated[str, typer.Option(help="The authors to forget: forget01, forget05 or forget10.")]
Questions = Annotated[int | None, typer.Option(min=2, help="At most so many questions of each set.")]
Samples = Annotated[int, typer.Option(min=0, help="Answers drawn to see whether one leaks; 0 draws none.")]
EndpointUrl = Annotated[
    str | None, typer.Option(help="A guarded server of the model to measure too, over HTTP: its URL.")
]
ApiKey = Annotated[str | None, typer.Option(envvar="VLLM_API_KEY", help="The endpoint's.")]
Plots = Annotated[bool, typer.Option(help="Draw the figures (needs matplotlib).")]
Adapter = Annotated[Path | None, typer.Option(help="A PEFT adapter to merge into the model.")]
Recipes = Annotated[
    list[str], typer.Option(help="LABEL=FILE; may be given again; files of one label are seeds.")
]
Operators = Annotated[
    list[str], typer.Option(help="noise:DIMENSIONS:SIGMA, zero_out:TOP or sign_flip:TOP; may be given again.")
]
Baselines = Annotated[bool, typer.Option(help="Compare with an instruction, and with refusing.")]
Seeds = Annotated[int, typer.Option(min=1, help="How often noise is drawn.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Tokens of an answer, at most.")]


def _settings(config: Path | None, model: str | None) -> tuple[EncoderSettings, float]:
    """The encoder and the threshold that are measured."""
    settings = load(config) if config else None
    encoder = settings.encoder if settings else EncoderSettings()
    threshold = settings.detection.threshold if settings else THRESHOLD
    return (encoder.model_copy(update={"model": model}) if model else encoder), threshold


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@app.command()
@report_faults
def detection(
    data_dir: Annotated[Path, typer.Option(help="The benchmark data (docs/results/data.md).")],
    out: Out = Path("detection"),
    sample: Annotated[
        int | None, typer.Option(min=1, help="At most so many cases of each group of a row.")
    ] = None,
    only: Annotated[str, typer.Option(help="Families, with commas: tofu,rwku,benign, ...")] = "",
    split: Annotated[str, typer.Option(help="report, tuning or all.")] = "report",
    baselines: Annotated[bool, typer.Option(help="Compare with what others do.")] = True,
    plots: Annotated[bool, typer.Option(help="Draw curves (needs matplotlib).")] = True,
    classifier_encoder: Annotated[
        Path | None, typer.Option(help="What the classifier baseline fine-tunes: a model folder.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="What a model asked about topics: a folder with economics.txt, ...")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws samples, exemplars and disguises.")] = 0,
    config: Config = None,
    encoder: Encoder = None,
) -> None:
    """Recall under attack, and false positives: the whole table, or some of its families."""
    from ...evaluation.data.cases import SPLITS
    from ...evaluation.detection.detection import Options, evaluate

    if split not in SPLITS:
        fail(f"--split is one of {', '.join(SPLITS)}, not {split!r}")
    measured, threshold = _settings(config, encoder)
    options = Options(
        data_dir=data_dir,
        out=out,
        encoder=measured,
        threshold=threshold,
        sample=sample,
        only=_names(only),
        split=SPLITS[split],
        baselines=baselines,
        plots=plots,
        classifier_encoder=classifier_encoder,
        questions=questions,
        seed=seed,
    )
    try:
        evaluate(options)
    except ValueError as error:
        fail(error)
    typer.echo((out / "results.md").read_text())


@app.command()
@report_faults
def latency(
    out: Out = Path("latency"),
    targets: Annotated[str, typer.Option(help="Sizes of the index, with commas.")] = "10,100,1000,10000",
    tokens: Annotated[str, typer.Option(help="Lengths of the prompts, with commas.")] = "20,200,2000,8000",
    repeats: Annotated[int, typer.Option(min=2, help="Prompts of each length for each index.")] = 50,
    config: Config = None,
    encoder: Encoder = None,
) -> None:
    """Milliseconds a prompt, by its length and by the size of the index, and for a conversation."""
    from ...evaluation.cost.latency import measure

    try:
        sizes, lengths = (tuple(map(int, _names(text))) for text in (targets, tokens))
        measure(out, _settings(config, encoder)[0], sizes, lengths, repeats)
    except ValueError as error:
        fail(error)
    typer.echo((out / "latency.md").read_text())


@app.command()
@report_faults
def tofu(
    data_dir: DataDir,
    model: Learned,
    retain_model: RetainModel = None,
    adapter: Adapter = None,
    retain_adapter: RetainAdapter = None,
    forget: ForgetSet = "forget10",
    recipe: Recipes = [],  # noqa: B006
    operator: Operators = [],  # noqa: B006
    baselines: Baselines = True,
    sample: Questions = None,
    samples_per_prompt: Samples = 64,
    seeds: Seeds = 5,
    max_tokens: MaxTokens = 128,
    endpoint: EndpointUrl = None,
    api_key: ApiKey = None,
    plots: Plots = True,
    out: Out = Path("tofu"),
    config: Config = None,
    encoder: Encoder = None,
) -> None:
    """Forgetting as served: TOFU through the guard, against a model that never learned."""
    from ...evaluation.forgetting.corruptions import files_by_label
    from ...evaluation.forgetting.tofu import TofuOptions, evaluate

    settings, threshold = _settings(config, encoder)
    try:
        options = TofuOptions(
            data_dir=data_dir,
            out=out,
            model=model,
            retain_model=retain_model,
            adapter=adapter,
            retain_adapter=retain_adapter,
            forget=forget,
            recipes=files_by_label(recipe),
            operators=operator,
            baselines=baselines,
            sample=sample,
            samples_per_prompt=samples_per_prompt,
            seeds=seeds,
            max_new_tokens=max_tokens,
            threshold=threshold,
            encoder=settings,
            plots=plots,
            endpoint=endpoint,
            api_key=api_key,
        )
        evaluate(options)
    except (ValueError, OSError) as error:
        fail(error)
    typer.echo((out / "results.md").read_text())


@app.command()
@report_faults
def knowledge(
    data_dir: Annotated[
        Path, typer.Option(help="The benchmark data, with a folder rwku/ (docs/results/data.md).")
    ],
    model: Annotated[str, typer.Option(help="A model as it is: folder or hub name.")],
    adapter: Adapter = None,
    recipe: Recipes = [],  # noqa: B006
    operator: Operators = [],  # noqa: B006
    baselines: Baselines = True,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many questions about people, about neighbours, of TriviaQA."),
    ] = None,
    seeds: Seeds = 5,
    max_tokens: MaxTokens = 32,
    plots: Annotated[bool, typer.Option(help="Draw the figure (needs matplotlib).")] = True,
    out: Out = Path("knowledge"),
    config: Config = None,
    encoder: Encoder = None,
) -> None:
    """Forgetting of what a model knows of the world: famous people and trivia, without fine-tuning."""
    from ...evaluation.forgetting.corruptions import files_by_label
    from ...evaluation.forgetting.knowledge import KnowledgeOptions, evaluate

    settings, threshold = _settings(config, encoder)
    try:
        options = KnowledgeOptions(
            data_dir=data_dir,
            out=out,
            model=model,
            adapter=adapter,
            recipes=files_by_label(recipe),
            operators=operator,
            baselines=baselines,
            sample=sample,
            seeds=seeds,
            max_new_tokens=max_tokens,
            threshold=threshold,
            encoder=settings,
            plots=plots,
        )
        evaluate(options)
    except (ValueError, OSError) as error:
        fail(error)
    typer.echo((out / "results.md").read_text())
