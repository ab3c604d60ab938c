"""``vllm-unlearn forget`` and ``remember``: changes of the list."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...guard.configuration import Settings
from ...guard.plain import nearest
from ...guard.store.store import Store, TakenError
from ...vocabulary import ForgetTarget
from ..target_file import make_target, read_passages, read_targets
from ..terminal import Config, Timeout, fail, progress, report_faults, say, settings_of, store_of, warn
from .wait import wait_for

if TYPE_CHECKING:
    from ..scope import Admission

# Of a file of many targets, say.
_WARNINGS = 20


@report_faults
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
        str,
        typer.Option(help="all; exemplars: only what they are about; or a word that targets share: private."),
    ] = "all",
    note: Annotated[str, typer.Option(help="For the record: a case number, say.")] = "",
    expires: Annotated[
        str | None,
        typer.Option(
            help="Until when: a date (to its end, UTC), or a time with its zone, 2031-01-31T12:00Z."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Targets as JSON Lines, - for standard input.")] = None,
    replace: Annotated[bool, typer.Option(help="Replace a target of the same id.")] = False,
    force: Annotated[bool, typer.Option(help="List it though it is over-broad; the log says so.")] = False,
    wait: Annotated[bool, typer.Option(help="Return when every replica serves it.")] = True,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """List a target: servers suppress it from the next request on."""
    if (name is None) == (file is None):
        fail("give a name, or --file with targets")
    settings = settings_of(config)
    store = Store(settings.store)
    if file:
        targets = _read(file)
    else:
        target = _target(
            name=name,
            id=id,
            kind=kind,
            aliases=alias or (),
            exemplars=exemplar or (),
            counterexamples=counterexample or (),
            passages=list(chain.from_iterable(map(read_passages, passages or ()))),
            scope=scope,
            note=note,
            expires_at=expires,
        )
        targets = [target]
    generation = _suppress(targets, store, settings, replace, force)
    if wait:
        wait_for(store, generation, timeout)


def _read(file: Path) -> list[ForgetTarget]:
    return read_targets((_standard_input() if str(file) == "-" else _bytes(file)).split(b"\n"))


def _suppress(
    targets: Sequence[ForgetTarget], store: Store, settings: Settings, replace: bool, force: bool
) -> int:
    """List ``targets``, say what is worth knowing of them, and return the generation."""
    admission = _examine(targets, store, settings)
    try:
        generation = admission.admit(store, replace=replace, force=force, way="--force")
    except TakenError as error:
        fail(f"{error}; give another with --id, or take its place with --replace")
    for broad in admission.over_broad[:_WARNINGS]:
        warn(f"over-broad, and listed all the same: {broad}")
    for separation in admission.inseparable[:_WARNINGS]:
        warn(f"not told from ordinary texts, and listed all the same: {separation}")
    ids = ", ".join(target.id for target in targets[:3])
    more = f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    say(f"generation {generation}: {ids}{more} listed")
    for note in admission.notes[:_WARNINGS]:
        say(note)
    if len(admission.notes) > _WARNINGS:
        say(f"and {len(admission.notes) - _WARNINGS:,} more notes")
    return generation


def _examine(targets: Sequence[ForgetTarget], store: Store, settings: Settings) -> Admission:
    """The scope check; where the encoder cannot be loaded, of the names alone."""
    from ...classifiers.calibration.scope_check import NamesOnly
    from ...classifiers.encoders.encoder import Encoder
    from ...classifiers.index.lines import Draw
    from ...guard.encoders import Encoders
    from ..scope import examine

    encoder: Encoder = NamesOnly()
    backgrounds: Draw | None = None
    try:
        encoders = Encoders.from_settings(settings, progress)
        encoder, backgrounds = encoders.full, encoders.backgrounds
    except (ValueError, OSError) as error:
        warn(f"the encoder cannot be loaded ({error}): names are checked, texts are not")
    admission = examine(targets, store, settings, encoder, progress, backgrounds)
    for warning in admission.warnings[:_WARNINGS]:
        warn(warning)
    if len(admission.warnings) > _WARNINGS:
        warn(f"and {len(admission.warnings) - _WARNINGS:,} more notes of this kind")
    return admission


def _target(**fields: Any) -> ForgetTarget:
    try:
        return make_target(**{key: value for key, value in fields.items() if value is not None})
    except ValueError as error:
        fail(error)


def _standard_input() -> bytes:
    if sys.stdin is None:
        fail("standard input is closed; pipe targets into it, or name their file")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        fail(f"standard input cannot be read: {error.strerror}")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


@report_faults
def remember(
    targets: Annotated[list[str], typer.Argument(help="Ids, or exact names.")],
    wait: Annotated[bool, typer.Option(help="Return when every replica serves without them.")] = True,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """Take targets off the list: the model answers about them again."""
    store = store_of(config)
    listed = store.targets()
    ids = [_id(text, listed) for text in targets]
    generation = store.remember(ids)
    say(f"generation {generation}: {', '.join(targets)} no longer listed")
    if wait:
        wait_for(store, generation, timeout)


def _id(text: str, listed: Sequence[ForgetTarget]) -> str:
    """The id that is meant: itself, or that of the one target of this name."""
    if any(target.id == text for target in listed):
        return text
    named = [target.id for target in listed if target.name == text]
    if len(named) > 1:
        fail(f"{len(named)} targets have the name {text!r}: give the id, one of {', '.join(named)}")
    if not named:
        near = nearest(text, [*(target.id for target in listed), *(target.name for target in listed)])
        meant = f"did you mean {near!r}?" if near else "`vllm-unlearn targets` lists them"
        fail(f"no target has the id or name {text!r}; {meant}")
    return named[0]
