"""``vllm-unlearn targets``, ``log`` and ``status``: what is listed, and who changed and serves it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

import typer

from ...guard.store.fleet import Replica, tell_differences
from ...guard.store.store import Change, Store
from ...vocabulary import ForgetTarget
from ..terminal import (
    AsJson,
    Config,
    report_faults,
    say,
    settings_of,
    show,
    store_of,
    warn,
    warn_of_missing_files,
)

_HEADINGS = (
    *("id", "kind", "name", "aliases", "exemplars", "counterexamples", "passages"),
    *("scope", "expires", "note"),
)


_OF_REPLICAS = (
    *("replica", "serves generation", "since", "mode", "last seen"),
    *("model", "encoder", "recipe", "version", "vLLM"),
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
    """Show the newest generation, which replicas serve which, and in what they differ."""
    settings = settings_of(config)
    warn_of_missing_files(settings)
    store = Store(settings.store)
    generation, replicas = store.head().generation, store.fleet.replicas()
    differences = tell_differences(replicas)
    if as_json:
        found = {
            "generation": generation,
            "targets": len(store.targets()),
            "replicas": [asdict(replica) for replica in replicas],
            "differences": differences,
            "corruption": settings.corruption.source,
        }
        typer.echo(json.dumps(found, default=datetime.isoformat))
        return
    counts = (_count(len(store.targets()), "target"), _count(len(replicas), "replica"))
    say(f"generation {generation}, {', '.join(counts)}")
    say(f"corruption: {settings.corruption.source}")
    if replicas:
        show(_OF_REPLICAS, map(_replica_row, replicas))
    for difference in differences:
        warn(difference)


def _replica_row(replica: Replica) -> tuple[object, ...]:
    return (
        replica.id,
        replica.generation,
        replica.since.isoformat(timespec="seconds") if replica.since else "",
        replica.mode,
        replica.seen_at.isoformat(timespec="seconds"),
        replica.model,
        replica.encoder[:12],
        replica.recipe,
        replica.version,
        replica.vllm,
    )
