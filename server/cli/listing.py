"""``vllm-unlearn targets``, ``log`` and ``status``: what is listed, and who changed and serves it."""

from __future__ import annotations

import json

import typer

from ...guard.store.store import Change, Store
from ...vocabulary import ForgetTarget
from ..terminal import AsJson, Config, report_faults, say, settings_of, show, store_of, warn_of_missing_files

_HEADINGS = (
    *("id", "kind", "name", "aliases", "exemplars", "counterexamples", "passages"),
    *("scope", "expires", "note"),
)


@report_faults
def targets(as_json: AsJson = False, config: Config = None) -> None:
    """List the forget targets."""
    listed = store_of(config).targets()
    if as_json:
        for target in listed:
            typer.echo(target.model_dump_json(exclude_defaults=True))
        return
    show(_HEADINGS, map(_row, listed))


def _row(target: ForgetTarget) -> tuple[object, ...]:
    return (
        target.id,
        target.kind,
        target.name,
        ", ".join(target.aliases),
        len(target.exemplars) or "",
        len(target.counterexamples) or "",
        len(target.passages) or "",
        target.scope,
        target.expires_at.isoformat() if target.expires_at else "",
        target.note,
    )


@report_faults
def log(as_json: AsJson = False, config: Config = None) -> None:
    """Show the change log: who changed what, when, and the digest of all targets after it."""
    changes = store_of(config).changes()
    if as_json:
        for change in changes:
            typer.echo(json.dumps(_fields(change)))
        return
    show(("generation", "at", "who", "what", "targets", "digest", "forced", "notes"), map(_cells, changes))


def _cells(change: Change) -> tuple[object, ...]:
    return (
        change.generation,
        _at(change),
        change.actor,
        change.action,
        ", ".join(change.target_ids),
        change.digest[:12],
        "forced" if change.forced else "",
        "; ".join(change.notes),
    )


def _fields(change: Change) -> dict[str, object]:
    return {
        "generation": change.generation,
        "at": _at(change),
        "actor": change.actor,
        "action": change.action,
        "targets": change.target_ids,
        "digest": change.digest,
        "forced": change.forced,
        "notes": change.notes,
    }


def _at(change: Change) -> str:
    return change.at.isoformat(timespec="seconds")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


@report_faults
def status(as_json: AsJson = False, config: Config = None) -> None:
    """Show the newest generation, and which replicas serve which."""
    settings = settings_of(config)
    warn_of_missing_files(settings)
    store = Store(settings.store)
    generation, replicas = store.head().generation, store.fleet.replicas()
    if as_json:
        each = [{"id": r.id, "generation": r.generation, "mode": r.mode} for r in replicas]
        typer.echo(json.dumps({"generation": generation, "targets": len(store.targets()), "replicas": each}))
        return
    counts = (_count(len(store.targets()), "target"), _count(len(replicas), "replica"))
    say(f"generation {generation}, {', '.join(counts)}")
    if replicas:
        rows = ((r.id, r.generation, r.mode, r.seen_at.isoformat(timespec="seconds")) for r in replicas)
        show(("replica", "serves generation", "mode", "last seen"), rows)
