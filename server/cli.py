"""The command ``vllm-unlearn``."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..guard.configuration import (
    CONFIG_VARIABLE,
    DEFAULT_FILE,
    Settings,
    is_configured,
    load,
    read_mapping,
)
from ..guard.store import Store, StoreError
from ..vocabulary import ForgetTarget
from .eval_command import app as eval_app
from .target_file import make_target, read_passages, read_targets

if TYPE_CHECKING:
    from .scope import Finding


app = typer.Typer(
    help="Make a served model answer as if it had never known: an unlearning guard for vLLM.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(eval_app, name="eval")
console = Console()
# Of a file of many targets, say.
_WARNINGS = 20

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Default: VLLM_UNLEARN_CONFIG, else ./unlearn.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the replicas.")]


def _print(text: str) -> None:
    """Text as it is: a target's name may hold what rich would read as markup."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _warn(message: str) -> None:
    Console(stderr=True).print(
        f"note: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True
    )


def _fail(message: object) -> NoReturn:
    Console(stderr=True).print(f"vllm-unlearn: {message}", style="red", markup=False, highlight=False)
    raise typer.Exit(1)


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Our own errors are sentences for the user; anything else is a bug, and keeps its traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (ValueError, StoreError) as error:
            if isinstance(error, _sentences()):
                _fail(error)
            raise

    return run


def _sentences() -> tuple[type[Exception], ...]:
    """Our own errors; imported late, as what raises them takes time to import."""
    from ..classifiers.prompt_file import PromptFileError
    from ..corruption.learning import LearningError
    from ..corruption.recipe import RecipeError
    from ..guard.configuration import ConfigurationError
    from ..guard.lessons import LessonError
    from ..guard.store import TargetError
    from .calibrate import CalibrationError
    from .scope import OverBroadError
    from .target_file import TargetFileError
    from .yaml_setting import YamlSettingError

    ours = (ConfigurationError, StoreError, TargetError, TargetFileError, RecipeError)
    return (
        *ours,
        LessonError,
        LearningError,
        PromptFileError,
        OverBroadError,
        CalibrationError,
        YamlSettingError,
    )


def _progress(what: str, items: Sequence[Any]) -> Iterable[Any]:
    """A bar while ``items`` are gone through, on a terminal only."""
    from rich.progress import track

    to = Console(stderr=True)
    return track(items, what, console=to, transient=True, disable=not to.is_terminal)


def _config_file(config: Path | None) -> Path | None:
    if config or CONFIG_VARIABLE in os.environ:
        return config
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _settings(config: Path | None) -> Settings:
    path = _config_file(config)
    if path is None and not is_configured():
        _fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    return load(path)


def _store(config: Path | None) -> Store:
    return Store(_settings(config).store)


@app.command()
@_told
def init(
    config: Annotated[Path, typer.Option("--config", "-c", help="The file to write.")] = DEFAULT_FILE,
    store: Annotated[
        str, typer.Option(help="Where the targets are kept: a SQLite file, or a SQLAlchemy URL.")
    ] = "forget.db",
    encoder: Annotated[
        str | None, typer.Option(help="Sentence encoder: folder, package:PACKAGE/FOLDER or hub name.")
    ] = None,
) -> None:
    """Write a configuration and an empty store; what exists is left as it is."""
    if not config.exists():
        lines = [f"store: {json.dumps(store)}", "mode: enforce"]
        if encoder:
            lines += ["encoder:", f"  model: {json.dumps(encoder)}"]
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("\n".join(lines) + "\n")
    head = Store.create(load(config).store).head()
    _print(f"{config}: store at generation {head.generation}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
@_told
def serve(context: typer.Context, model: str, config: Config = None) -> None:
    """Serve MODEL behind the guard: vLLM's own server, with any `vllm serve` flag."""
    from .serve import serve as run

    path = _config_file(config)
    if path is None and not is_configured():
        _fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    run(model, context.args, path)


@app.command()
@_told
def forget(
    name: Annotated[str | None, typer.Argument(help="What must not be known.")] = None,
    kind: Annotated[str, typer.Option(help="entity, work, topic or passage.")] = "entity",
    id: Annotated[str | None, typer.Option(help="Default: made from the name.")] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name; repeat for more.")] = None,
    exemplar: Annotated[list[str] | None, typer.Option(help="A text about it; repeat for more.")] = None,
    counterexample: Annotated[
        list[str] | None, typer.Option(help="A near text that is not about it.")
    ] = None,
    passages: Annotated[
        list[Path] | None, typer.Option(help="A text file about it (an article, say); repeat for more.")
    ] = None,
    scope: Annotated[str, typer.Option(help="all, or exemplars: only what the exemplars are about.")] = "all",
    note: Annotated[str, typer.Option(help="For the record: a case number, say.")] = "",
    expires: Annotated[datetime | None, typer.Option(help="When it may be known again (UTC).")] = None,
    file: Annotated[Path | None, typer.Option(help="Targets as JSON Lines, - for standard input.")] = None,
    replace: Annotated[bool, typer.Option(help="Replace a target of the same id.")] = False,
    force: Annotated[bool, typer.Option(help="List it though it is over-broad; the log says so.")] = False,
    wait: Annotated[bool, typer.Option(help="Return when every replica serves it.")] = True,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Suppress a target from the next request on."""
    if (name is None) == (file is None):
        _fail("give a name, or --file with targets")
    settings = _settings(config)
    store = Store(settings.store)
    if file:
        lines = sys.stdin.buffer if str(file) == "-" else _bytes(file).splitlines()
        targets = read_targets(lines)
    else:
        targets = [
            _target(
                name=name,
                id=id,
                kind=kind,
                aliases=alias or (),
                exemplars=exemplar or (),
                counterexamples=counterexample or (),
                passages=[passage for path in passages or () for passage in read_passages(path)],
                scope=scope,
                note=note,
                expires_at=expires and expires.replace(tzinfo=UTC),
            )
        ]
    finding = _examine(targets, store, settings)
    if not force:
        finding.refuse("--force")
    for broad in finding.over_broad[:_WARNINGS]:
        _warn(f"over-broad, and listed all the same: {broad}")
    actor = f"{getpass.getuser()}, forced" if finding.over_broad else None
    generation = store.forget(targets, replace=replace, actor=actor)
    ids = ", ".join(target.id for target in targets[:3]) + (
        f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    )
    _print(f"generation {generation}: {ids} suppressed")
    if wait:
        _wait(store, generation, timeout)


def _examine(targets: Sequence[ForgetTarget], store: Store, settings: Settings) -> Finding:
    """The scope check; where the encoder cannot be loaded, of the names alone."""
    from ..classifiers.encoder import Encoder
    from ..classifiers.scope_check import NamesOnly
    from ..guard.guard import load_encoder
    from .scope import examine

    encoder: Encoder = NamesOnly()
    try:
        encoder = load_encoder(settings)
    except (ValueError, OSError) as error:
        _warn(f"the encoder cannot be loaded ({error}): names are checked, texts are not")
    finding = examine(targets, store, settings, encoder, partial(_progress, "scope check"))
    for warning in finding.warnings[:_WARNINGS]:
        _warn(warning)
    if len(finding.warnings) > _WARNINGS:
        _warn(f"and {len(finding.warnings) - _WARNINGS:,} more notes of this kind")
    return finding


def _target(**fields: Any) -> ForgetTarget:
    try:
        return make_target(**{key: value for key, value in fields.items() if value is not None})
    except ValueError as error:
        _fail(error)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}")


@app.command()
@_told
def remember(
    targets: Annotated[list[str], typer.Argument(help="Ids, or exact names.")],
    wait: Annotated[bool, typer.Option(help="Return when every replica serves without them.")] = True,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Take targets off the list: the model answers about them again."""
    store = _store(config)
    listed = store.targets()
    generation = store.remember([_id(given, listed) for given in targets])
    _print(f"generation {generation}: {', '.join(targets)} no longer suppressed")
    if wait:
        _wait(store, generation, timeout)


def _id(given: str, listed: Sequence[ForgetTarget]) -> str:
    """The id that is meant: itself, or that of the one target of this name."""
    named = [target.id for target in listed if target.name == given]
    if any(target.id == given for target in listed) or not named:
        return given
    if len(named) > 1:
        _fail(f"{len(named)} targets have the name {given!r}: give the id, one of {', '.join(named)}")
    return named[0]


@app.command()
@_told
def targets(as_json: AsJson = False, config: Config = None) -> None:
    """List the forget targets."""
    listed = _store(config).targets()
    if as_json:
        for target in listed:
            typer.echo(target.model_dump_json(exclude_defaults=True))
        return
    table = Table("id", "kind", "name", "aliases", "exemplars", "counterexamples", "scope", "expires")
    for t in listed:
        expires = t.expires_at.isoformat(timespec="minutes") if t.expires_at else ""
        row = (
            t.id,
            t.kind,
            t.name,
            ", ".join(t.aliases),
            len(t.exemplars),
            len(t.counterexamples),
            t.scope,
            expires,
        )
        table.add_row(*(escape(str(cell)) for cell in row))
    console.print(table)


@app.command()
@_told
def log(as_json: AsJson = False, config: Config = None) -> None:
    """Show the change log: who changed what, when, and the digest of all targets after it."""
    changes = _store(config).changes()
    table = Table("generation", "at", "who", "what", "targets", "digest")
    for c in changes:
        at = c.at.isoformat(timespec="seconds")
        if as_json:
            fields = {
                "generation": c.generation,
                "at": at,
                "actor": c.actor,
                "action": c.action,
                "targets": c.target_ids,
                "digest": c.digest,
            }
            typer.echo(json.dumps(fields))
        table.add_row(str(c.generation), at, c.actor, c.action, ", ".join(c.target_ids), c.digest[:12])
    if not as_json:
        console.print(table)


@app.command()
@_told
def status(as_json: AsJson = False, config: Config = None) -> None:
    """Show the newest generation, and which replicas serve which."""
    store = _store(config)
    generation, replicas = store.head().generation, store.replicas()
    if as_json:
        rows = [{"id": r.id, "generation": r.generation, "mode": r.mode} for r in replicas]
        typer.echo(json.dumps({"generation": generation, "targets": len(store.targets()), "replicas": rows}))
        return
    _print(f"generation {generation}, {len(store.targets())} targets, {len(replicas)} replicas")
    table = Table("replica", "serves generation", "mode", "last seen")
    for r in replicas:
        table.add_row(r.id, str(r.generation), r.mode, r.seen_at.isoformat(timespec="seconds"))
    if replicas:
        console.print(table)


@app.command()
@_told
def wait(
    generation: Annotated[int, typer.Option(help="The generation that must be served.")],
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Return once no replica serves a generation older than this."""
    _wait(_store(config), generation, timeout)


def _wait(store: Store, generation: int, timeout: float) -> None:
    newest = store.head().generation
    if generation > newest:
        _fail(f"there is no generation {generation} yet; the newest is {newest}")
    deadline = time.monotonic() + timeout
    while behind := [r for r in store.replicas() if r.generation < generation]:
        if time.monotonic() > deadline:
            names = ", ".join(f"{r.id} (generation {r.generation})" for r in behind)
            _fail(
                f"after {timeout:g} s these replicas still serve an older generation: {names}; see their logs"
            )
        time.sleep(0.05)
    count = len(store.replicas())
    served = f"served by {count} replica{'s' * (count != 1)}" if count else "no server runs on this store"
    _print(f"generation {generation}: {served}")


@app.command()
@_told
def check(text: str, as_json: AsJson = False, config: Config = None) -> None:
    """Explain how the guard decides on TEXT. Exit status 0 for pass, 3 for a match."""
    from .explanation import explain_decision

    settings = _settings(config)
    try:
        explanation = explain_decision(settings, text)
    except ValueError as error:
        _fail(error)
    if as_json:
        matches = [asdict(match) for match in explanation.matches]
        typer.echo(json.dumps({"generation": explanation.generation, "matches": matches}))
    else:
        _print("\n".join(explanation.lines()))
    raise typer.Exit(3 if explanation.matches else 0)


@app.command()
@_told
def calibrate(
    benign: Annotated[
        Path | None,
        typer.Option(
            help="Your benign prompts: JSON Lines or plain text, .gz or not. Default: detection.benign."
        ),
    ] = None,
    max_fpr: Annotated[
        float | None,
        typer.Option(help="The share of benign prompts that may be flagged. Default: detection's."),
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure that must be.")] = 0.95,
    forget: Annotated[
        Path | None, typer.Option(help="Prompts about targets (text, target): the recall that is left.")
    ] = None,
    write: Annotated[bool, typer.Option(help="Put the threshold into the configuration.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Fit the detection threshold to your own benign traffic, with a guarantee."""
    from ..classifiers.prompt_file import read_prompts
    from .calibrate import fit
    from .yaml_setting import write_setting

    settings, path = _settings(config), _written_file(config) if write else None
    file = benign or settings.detection.benign
    if file is None:
        _fail("give --benign FILE, or name one in the configuration (detection: {benign: FILE})")
    fitted = fit(
        settings,
        read_prompts(file),
        read_prompts(forget) if forget else [],
        settings.detection.max_fpr if max_fpr is None else max_fpr,
        confidence,
        _progress,
    )
    if as_json:
        typer.echo(json.dumps(fitted.as_json()))
    else:
        table = Table("", "now", "new")
        for row in fitted.rows():
            table.add_row(*map(escape, row))
        console.print(table)
        _print("\n".join(fitted.lines()))
    threshold = fitted.calibration.threshold
    if path:
        write_setting(path, "detection", "threshold", threshold)
    if not as_json:
        done = f"written to {path}; restart the servers" if path else f"--write puts {threshold:g} into"
        _print(done if path else f"{done} the configuration")


def _written_file(config: Path | None) -> Path:
    """The configuration file that a setting is to be written to. Fails where another place rules it."""
    variable = "VLLM_UNLEARN_DETECTION__THRESHOLD"
    if variable in os.environ:
        _fail(f"{variable} is set, and rules over any file: change it there, or unset it")
    path = _config_file(config) or (CONFIG_VARIABLE in os.environ and Path(os.environ[CONFIG_VARIABLE]))
    return path or _fail("no configuration file is used here: run `vllm-unlearn init`, or name one")


@app.command()
@_told
def recipe(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, or a hub name.")],
    file: Annotated[Path, typer.Argument(help="The recipe to write (.safetensors).")],
    operator: Annotated[str, typer.Option(help="noise, zero_out or sign_flip.")] = "noise",
    dimensions: Annotated[int, typer.Option(help="noise: on how many of the first dimensions.")] = 32,
    sigma: Annotated[float, typer.Option(help="noise: its standard deviation.")] = 100.0,
    top: Annotated[int, typer.Option(help="zero_out, sign_flip: how many of the largest entries.")] = 288,
) -> None:
    """Write a recipe of one of ECO's operators for MODEL."""
    from pydantic import TypeAdapter, ValidationError

    from ..corruption.embedding_table import EmbeddingTable
    from ..corruption.operators import AnyOperator
    from ..corruption.recipe import Recipe
    from ..guard.screen import model_folder

    parameters = {"dimensions": dimensions, "sigma": sigma} if operator == "noise" else {"top": top}
    try:
        chosen = TypeAdapter[AnyOperator](AnyOperator).validate_python({"operator": operator, **parameters})
        table = EmbeddingTable(model_folder(model, None))
    except ValidationError as error:
        _fail("; ".join(e["msg"] for e in error.errors()))
    except (ValueError, OSError) as error:
        _fail(error)
    made = Recipe(chosen, table.fingerprint, table.hidden)
    made.save(file)
    _print(f"{file}: recipe {made.digest} for embeddings {made.fingerprint[:12]}, {made.hidden} wide")


@app.command()
@_told
def learn(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, or a hub name.")],
    known: Annotated[Path, typer.Option(help="JSON Lines: questions that the model answers.")],
    out: Annotated[Path, typer.Option(help="The recipe to write.")] = Path("recipe.safetensors"),
    strangers: Annotated[
        Path | None, typer.Option(help="The same about subjects that it never saw. Default: invented names.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML: stages, operator (docs/forgetting.md).")
    ] = None,
    behaviour: Annotated[
        str | None, typer.Option(help="never-knew (default), or decline: to say that nothing is known.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the start and the batches.")] = 0,
    start: Annotated[Path | None, typer.Option(help="A learned recipe of MODEL to refine.")] = None,
    operator: Annotated[
        str | None,
        typer.Option(help="Only search the strength of noise, zero_out or sign_flip, as ECO does."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; default: a GPU if there is one.")] = None,
    config: Config = None,
) -> None:
    """Learn a recipe for MODEL, once: it then forgets any target. Repeat it to go on where it stopped."""
    from pydantic import TypeAdapter, ValidationError

    from ..corruption.learning import LearningSettings
    from ..corruption.operators import AnyOperator
    from ..corruption.recipe import Recipe
    from ..guard.screen import model_folder
    from .learn import learn as run
    from .learn import search_strength

    try:
        values = read_mapping(settings) if settings else {}
        values |= {"behaviour": behaviour} if behaviour else {}
        learning = LearningSettings.model_validate(values | {"seed": seed})
        chosen = TypeAdapter[AnyOperator | None](AnyOperator | None).validate_python(
            {"operator": operator} if operator else None
        )
        folder = model_folder(model, None, tokenizer=True)
    except ValidationError as error:
        _fail("; ".join(f"{'.'.join(map(str, e['loc'])) or 'operator'}: {e['msg']}" for e in error.errors()))
    except OSError as error:
        _fail(error)
    guard = load(_config_file(config))
    if chosen:
        made = search_strength(folder, known, strangers, out, chosen, seed, guard, console, device)
    else:
        first = Recipe.load(start) if start else None
        made = run(folder, known, strangers, out, learning, guard, console, first, device)
    _print(f"{out}: recipe {made.digest} for embeddings {made.fingerprint[:12]}, {made.hidden} wide")
    for name, value in made.provenance["objective"].items():
        _print(f"  {name} {value:.3f}")


@app.command()
@_told
def doctor(
    url: Annotated[
        str, typer.Argument(help="The server, such as http://localhost:8000.")
    ] = "http://localhost:8000",
    api_key: Annotated[
        str | None, typer.Option(envvar="VLLM_API_KEY", help="The server's own API key.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Default: the first that the server lists.")] = None,
) -> None:
    """Ask a running server, on every surface, whether it is really guarded. Exit status 0 only if so."""
    import httpx

    from .doctor import Doctor

    table = Table("surface", "state", "why")
    states = []
    try:
        for finding in Doctor(url, api_key, model).examine():
            states.append(finding.state)
            colour = {"guarded": "green", "not served": "dim"}.get(finding.state, "red")
            table.add_row(finding.surface, f"[{colour}]{finding.state}", finding.detail)
    except httpx.HTTPError as error:
        _fail(f"{url} does not answer: {error}")
    console.print(table)
    bad = [state for state in states if state in ("not guarded", "cannot tell")]
    if bad or "guarded" not in states:
        _fail(f"{len(bad)} surfaces are not known to be guarded")


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
