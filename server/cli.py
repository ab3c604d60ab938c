"""The command ``vllm-unlearn``."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ..guard.configuration import (
    CONFIG_VARIABLE,
    DEFAULT_FILE,
    Settings,
    is_configured,
    load,
)
from ..guard.store import Store
from ..guard.watch import Watch
from ..vocabulary import ForgetTarget
from .doctor_command import doctor
from .eval_command import app as eval_app
from .recipe_commands import learn, recipe
from .target_file import make_target, read_passages, read_targets
from .terminal import Config, config_file, console, fail, progress, say, settings_of, told, warn

if TYPE_CHECKING:
    from .scope import Finding


app = typer.Typer(
    help="Make a served model answer as if it had never known: an unlearning guard for vLLM.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(eval_app, name="eval")
# Of a file of many targets, say.
_WARNINGS = 20

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the replicas.")]


def _store(config: Path | None) -> Store:
    return Store(settings_of(config).store)


@app.command()
@told
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
    say(f"{config}: store at generation {head.generation}")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
@told
def serve(context: typer.Context, model: str, config: Config = None) -> None:
    """Serve MODEL behind the guard: vLLM's own server, with any `vllm serve` flag."""
    from .serve import serve as run

    path = config_file(config)
    if path is None and not is_configured():
        fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    run(model, context.args, path)


@app.command()
@told
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
    scope: Annotated[
        str, typer.Option(help="all; exemplars: what they are about; or a word to share them.")
    ] = "all",
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
        fail("give a name, or --file with targets")
    settings = settings_of(config)
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
        warn(f"over-broad, and listed all the same: {broad}")
    actor = f"{getpass.getuser()}, forced" if finding.over_broad else None
    generation = store.forget(targets, replace=replace, actor=actor)
    ids = ", ".join(target.id for target in targets[:3]) + (
        f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    )
    say(f"generation {generation}: {ids} suppressed")
    for surname in finding.notes[:_WARNINGS]:
        say(surname)
    if len(finding.notes) > _WARNINGS:
        say(f"and {len(finding.notes) - _WARNINGS:,} more surnames")
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
        warn(f"the encoder cannot be loaded ({error}): names are checked, texts are not")
    finding = examine(targets, store, settings, encoder, partial(progress, "scope check"))
    for warning in finding.warnings[:_WARNINGS]:
        warn(warning)
    if len(finding.warnings) > _WARNINGS:
        warn(f"and {len(finding.warnings) - _WARNINGS:,} more notes of this kind")
    return finding


def _target(**fields: Any) -> ForgetTarget:
    try:
        return make_target(**{key: value for key, value in fields.items() if value is not None})
    except ValueError as error:
        fail(error)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


@app.command()
@told
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
    say(f"generation {generation}: {', '.join(targets)} no longer suppressed")
    if wait:
        _wait(store, generation, timeout)


def _id(given: str, listed: Sequence[ForgetTarget]) -> str:
    """The id that is meant: itself, or that of the one target of this name."""
    named = [target.id for target in listed if target.name == given]
    if any(target.id == given for target in listed) or not named:
        return given
    if len(named) > 1:
        fail(f"{len(named)} targets have the name {given!r}: give the id, one of {', '.join(named)}")
    return named[0]


@app.command()
@told
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
@told
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
@told
def status(as_json: AsJson = False, config: Config = None) -> None:
    """Show the newest generation, and which replicas serve which."""
    store = _store(config)
    generation, replicas = store.head().generation, store.replicas()
    if as_json:
        rows = [{"id": r.id, "generation": r.generation, "mode": r.mode} for r in replicas]
        typer.echo(json.dumps({"generation": generation, "targets": len(store.targets()), "replicas": rows}))
        return
    count = f"{len(replicas)} replica{'s' * (len(replicas) != 1)}"
    say(f"generation {generation}, {len(store.targets())} targets, {count}")
    table = Table("replica", "serves generation", "mode", "last seen")
    for r in replicas:
        table.add_row(r.id, str(r.generation), r.mode, r.seen_at.isoformat(timespec="seconds"))
    if replicas:
        console.print(table)


@app.command()
@told
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
        fail(f"there is no generation {generation} yet; the newest is {newest}")
    deadline, watch = time.monotonic() + timeout, Watch(store)
    while behind := watch.behind(generation):
        if time.monotonic() > deadline:
            names = ", ".join(f"{r.id} (generation {r.generation})" for r in behind)
            fail(f"after {timeout:g} s these replicas still serve an older list: {names}; see their logs")
        time.sleep(0.05)
    count = len(store.replicas())
    served = f"served by {count} replica{'s' * (count != 1)}" if count else "no server runs on this store"
    say(f"generation {generation}: {served}")


@app.command()
@told
def check(text: str, as_json: AsJson = False, config: Config = None) -> None:
    """Explain how the guard decides on TEXT. Exit status 0 for pass, 3 for a match."""
    from .explanation import explain_decision

    settings = settings_of(config)
    try:
        explanation = explain_decision(settings, text)
    except ValueError as error:
        fail(error)
    if as_json:
        matches = [asdict(match) for match in explanation.matches]
        typer.echo(json.dumps({"generation": explanation.generation, "matches": matches}))
    else:
        say("\n".join(explanation.lines()))
    raise typer.Exit(3 if explanation.matches else 0)


@app.command()
@told
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

    settings, path = settings_of(config), _written_file(config) if write else None
    file = benign or settings.detection.benign
    if file is None:
        fail("give --benign FILE, or name one in the configuration (detection: {benign: FILE})")
    fitted = fit(
        settings,
        read_prompts(file),
        read_prompts(forget) if forget else [],
        settings.detection.max_fpr if max_fpr is None else max_fpr,
        confidence,
        progress,
    )
    if as_json:
        typer.echo(json.dumps(fitted.as_json()))
    else:
        table = Table("", "now", "new")
        for row in fitted.rows():
            table.add_row(*map(escape, row))
        console.print(table)
        say("\n".join(fitted.lines()))
    threshold = fitted.calibration.threshold
    if path:
        write_setting(path, "detection", "threshold", threshold)
    if not as_json:
        done = f"written to {path}; restart the servers" if path else f"--write puts {threshold:g} into"
        say(done if path else f"{done} the configuration")


def _written_file(config: Path | None) -> Path:
    """The configuration file that a setting is to be written to. Fails where another place rules it."""
    variable = "VLLM_UNLEARN_DETECTION__THRESHOLD"
    if variable in os.environ:
        fail(f"{variable} is set, and rules over any file: change it there, or unset it")
    path = config_file(config) or (CONFIG_VARIABLE in os.environ and Path(os.environ[CONFIG_VARIABLE]))
    return path or fail("no configuration file is used here: run `vllm-unlearn init`, or name one")


app.command()(doctor)
app.command()(recipe)
app.command()(learn)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
