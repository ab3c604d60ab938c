"""``vllm-unlearn recipe`` and ``learn``: recipes written by hand, searched and learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from ...corruption.operators.operators import AnyOperator
from ...guard.configuration import CorruptionSettings, load, read_mapping
from ...guard.plain import explain
from ..terminal import Config, config_file, console, fail, report_faults, say


@report_faults
def recipe(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, or a hub name.")],
    file: Annotated[Path, typer.Argument(help="The recipe to write (.safetensors).")],
    operator: Annotated[str, typer.Option(help="noise, zero_out, sign_flip or stand_in.")] = "noise",
    dimensions: Annotated[int, typer.Option(help="noise: on how many of the first dimensions.")] = 32,
    sigma: Annotated[float, typer.Option(help="noise: its standard deviation.")] = 100.0,
    top: Annotated[int, typer.Option(help="zero_out, sign_flip: how many of the largest entries.")] = 288,
    name_strength: Annotated[
        float | None,
        typer.Option(help="stand_in: how far a name gives way, above 0 and at most 1. Default: 0.4."),
    ] = None,
    seed: Annotated[int, typer.Option(help="stand_in: draws each token's among the nearest.")] = 0,
) -> None:
    """Write a recipe for MODEL that takes no learning: of one of ECO's operators, or of stand-ins."""
    from transformers import AutoTokenizer

    from ...corruption.embedding_table import EmbeddingTable
    from ...corruption.recipe import Recipe
    from ...guard.default_recipe import show_progress
    from ...guard.rewriter import model_folder
    from ...guard.substitute import substitute
    from ...vocabulary import Role

    parameters = {"dimensions": dimensions, "sigma": sigma} if operator == "noise" else {"top": top}
    try:
        folder = model_folder(model, None, tokenizer=operator == "stand_in")
        if operator == "stand_in":
            strengths = {Role.NAME: name_strength} if name_strength is not None else {}
            tokenizer = AutoTokenizer.from_pretrained(folder)
            with show_progress(console) as track:
                made = substitute(EmbeddingTable(folder), tokenizer, track, strengths, seed)
        else:
            chosen = _operator({"operator": operator, **parameters})
            table = EmbeddingTable(folder)
            made = Recipe(chosen, table.fingerprint, table.hidden)
    except (ValueError, OSError) as error:
        fail(error)
    made.save(file)
    say(f"{file}: recipe {made.digest} for embeddings {made.fingerprint[:12]}, {made.hidden} wide")


def _operator(values: dict[str, object]) -> AnyOperator:
    try:
        chosen = CorruptionSettings.model_validate({"operator": values}).operator
    except ValidationError as error:
        fail(explain(error, CorruptionSettings, "operator"))
    assert chosen
    return chosen


@report_faults
def learn(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, or a hub name.")],
    known: Annotated[
        Path | None,
        typer.Option(help="JSON Lines: questions that MODEL answers. Default: it is asked itself."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The recipe to write.")] = Path("recipe.safetensors"),
    strangers: Annotated[
        Path | None, typer.Option(help="The same about subjects that it never saw. Default: invented names.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML: stages, operator (docs/results/forgetting.md).")
    ] = None,
    behaviour: Annotated[
        str | None, typer.Option(help="never-knew (default), or decline: to say that nothing is known.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the start, the batches and invented names.")] = 0,
    start: Annotated[Path | None, typer.Option(help="A learned recipe of MODEL to refine.")] = None,
    operator: Annotated[
        str | None,
        typer.Option(help="Only search the strength of noise, zero_out or sign_flip, as ECO does."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; default: a GPU if there is one.")] = None,
    config: Config = None,
) -> None:
    """Learn a recipe for MODEL, once: it then forgets any target. Repeat it to go on where it stopped."""
    from ...corruption.learning.learning import LearningSettings
    from ...corruption.recipe import Recipe
    from ...guard.rewriter import model_folder
    from ..learn import learn as run
    from ..learn import search_strength
    from ..lesson_files import LessonFiles

    if strangers and not known:
        fail("--strangers are asked as the lessons of --known are: give both, or neither")
    try:
        values = read_mapping(settings) if settings else {}
        values |= {"behaviour": behaviour} if behaviour else {}
        learning = LearningSettings.model_validate(values | {"seed": seed})
        chosen = _operator({"operator": operator}) if operator else None
        folder = model_folder(model, None, tokenizer=True)
    except ValidationError as error:
        fail(explain(error, LearningSettings, str(settings)))
    except OSError as error:
        fail(error)
    guard = load(config_file(config))
    lessons = LessonFiles(known, strangers) if known else None
    try:
        if chosen:
            made = search_strength(folder, lessons, out, chosen, seed, guard, console, device)
        else:
            first = Recipe.load(start) if start else None
            made = run(folder, lessons, out, learning, guard, console, first, device)
    except KeyboardInterrupt:
        fail(f"interrupted: nothing is written to {out}; repeat the command to go on")
    say(f"{out}: recipe {made.digest} for embeddings {made.fingerprint[:12]}, {made.hidden} wide")
    for name, value in made.provenance["objective"].items():
        say(f"  {name} {value:.3f}")
