"""``vllm-unlearn forget`` and ``remember``: changes of the list."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
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
from ..text_file import gather_texts, refuse_both
from . import target_options as options
from .asking import make_asking
from .wait import wait_for

if TYPE_CHECKING:
    from ...guard.encoders import Encoders
    from ..scope import Admission

# Of a file of many targets, say.
_WARNINGS = 20


@report_faults
def forget(
    name: options.Name = None,
    kind: options.Kind = "entity",
    id: options.Id = None,
    alias: options.Alias = None,
    exemplar: options.Exemplar = None,
    exemplars: options.Exemplars = None,
    counterexample: options.Counterexample = None,
    counterexamples: options.Counterexamples = None,
    passages: options.Passages = None,
    scope: options.TargetScope = "all",
    note: options.Note = "",
    expires: options.Expires = None,
    file: options.File = None,
    replace: options.Replace = False,
    force: options.Force = False,
    wait: options.Wait = True,
    timeout: Timeout = 30.0,
    ask: options.Ask = None,
    about: options.About = None,
    questions: options.Questions = 100,
    model: options.Model = None,
    api_key: options.ApiKey = None,
    save: options.Save = None,
    yes: options.Yes = False,
    config: Config = None,
) -> None:
    """List a target: servers suppress it from the next request on."""
    if (name is None) == (file is None):
        fail("give a name, or --file with targets")
    given = (alias, exemplar, exemplars, counterexample, counterexamples, passages, ask)
    if file and any(given):
        fail("names, texts and --ask on the command line are for one NAME; a file holds its targets' own")
    asking = make_asking(ask, about, wanted=questions, api_key=api_key, model=model, save=save, yes=yes)
    settings = settings_of(config)
    store = Store(settings.store)
    if file:
        targets = _read(file)
    else:
        told = [*(exemplar or ()), *([about] if about else [])]
        texts = _gather(told, exemplars, counterexample, counterexamples, passages)
        fields = {
            "id": id,
            "kind": kind,
            "aliases": alias,
            "scope": scope,
            "note": note,
            "expires_at": expires,
        }
        targets = [_target(name=name, **fields, **texts)]
    encoders = _load_encoders(settings)
    if asking:
        targets = [asking.add_questions(targets[0], store, encoders, replace)]
    try:
        generation = _suppress(targets, store, settings, encoders, replace=replace, force=force)
    except TakenError as error:
        fail(f"{error}; give {_another_id(file)}, or take its place with --replace")
    if wait:
        wait_for(store, generation, timeout)


def _another_id(file: Path | None) -> str:
    """Where another id is given."""
    if file is None:
        return "another with --id"
    return f'another "id" in its line of {"standard input" if str(file) == "-" else file}'


def _gather(
    exemplar: Sequence[str],
    exemplars: Sequence[Path] | None,
    counterexample: Sequence[str] | None,
    counterexamples: Sequence[Path] | None,
    passages: Sequence[Path] | None,
) -> dict[str, Sequence[str]]:
    """A target's texts, from the command line and from files."""
    about = gather_texts(exemplar, exemplars or (), "exemplars")
    near = gather_texts(counterexample or (), counterexamples or (), "counterexamples")
    refuse_both(about, near)
    longer = list(chain.from_iterable(map(read_passages, passages or ())))
    return {"exemplars": about, "counterexamples": near, "passages": longer}


def _read(file: Path) -> list[ForgetTarget]:
    return read_targets((_standard_input() if str(file) == "-" else _bytes(file)).split(b"\n"))


def _suppress(
    targets: Sequence[ForgetTarget],
    store: Store,
    settings: Settings,
    encoders: Encoders | None,
    *,
    replace: bool,
    force: bool,
) -> int:
    """List ``targets``, say what is worth knowing of them, and return the generation."""
    _warn_of_bare_topics(targets)
    admission = _examine(targets, store, settings, encoders)
    generation = admission.admit(store, replace=replace, force=force, way="--force")
    for broad in admission.over_broad[:_WARNINGS]:
        warn(f"over-broad, and listed all the same: {broad}")
    for separation in admission.inseparable[:_WARNINGS]:
        warn(f"not told from ordinary texts, and listed all the same: {separation}")
    say(f"generation {generation}: {_ids(targets)} listed")
    for note in admission.notes[:_WARNINGS]:
        say(note)
    if len(admission.notes) > _WARNINGS:
        say(f"and {len(admission.notes) - _WARNINGS:,} more notes")
    return generation


def _ids(targets: Sequence[ForgetTarget]) -> str:
    more = f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    return f"{', '.join(target.id for target in targets[:3])}{more}"


def _warn_of_bare_topics(targets: Sequence[ForgetTarget]) -> None:
    """Nobody asks about economics by the word "economics"."""
    bare = [t for t in targets if t.kind == "topic" and not (t.exemplars or t.passages)]
    if bare:
        warn(
            f"a topic without texts is found by its name alone: {_ids(bare)}; give questions about it with "
            "--exemplars FILE, a chapter with --passages FILE, or let a model write questions with --ask URL"
        )


def _load_encoders(settings: Settings) -> Encoders | None:
    """The configured ones; None where they cannot be loaded: then names alone are found."""
    from ...guard.encoders import Encoders

    try:
        return Encoders.from_settings(settings, progress)
    except (ValueError, OSError) as error:
        warn(f"the encoder cannot be loaded ({error}): names are checked, texts are not")
        return None


def _examine(
    targets: Sequence[ForgetTarget], store: Store, settings: Settings, encoders: Encoders | None
) -> Admission:
    """The scope check, and what it warns of."""
    from ...classifiers.calibration.scope_check import NamesOnly
    from ..scope import examine

    encoder = encoders.full if encoders else NamesOnly()
    backgrounds = encoders.backgrounds if encoders else None
    get_sides = partial(encoders.sides, store, settings) if encoders else None
    admission = examine(targets, store, settings, encoder, progress, backgrounds, get_sides)
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
