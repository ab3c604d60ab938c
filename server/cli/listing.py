"""``vllm-unlearn targets``, ``log`` and ``status``: what is listed, and who changed and serves it."""

from __future__ import annotations

import json

import typer
from rich.markup import escape
from rich.table import Table

from ..terminal import AsJson, Config, console, say, store_of, told


@told
def targets(as_json: AsJson = False, config: Config = None) -> None:
    """List the forget targets."""
    listed = store_of(config).targets()
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


@told
def log(as_json: AsJson = False, config: Config = None) -> None:
    """Show the change log: who changed what, when, and the digest of all targets after it."""
    changes = store_of(config).changes()
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


@told
def status(as_json: AsJson = False, config: Config = None) -> None:
    """Show the newest generation, and which replicas serve which."""
    store = store_of(config)
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
