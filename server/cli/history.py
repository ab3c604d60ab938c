"""``vllm-unlearn diff`` and ``rollback``: what changed, and back to what was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from ...guard.store.difference import Difference
from ...vocabulary import ForgetTarget
from ..terminal import AsJson, Config, Timeout, report_faults, say, show, store_of
from .wait import wait_for


@report_faults
def diff(
    before: Annotated[int, typer.Argument(min=0, help="A generation.")],
    after: Annotated[int, typer.Argument(min=0, help="Another.")],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show which targets came, went and changed from one generation to another."""
    difference = store_of(config).diff(before, after)
    if as_json:
        typer.echo(json.dumps({"before": before, "after": after, **_fields(difference)}))
        return
    say(f"generation {before} to {after}: {_count(difference)}")
    show(("what", "id", "kind", "name", "in what"), _rows(difference))


@report_faults
def rollback(
    generation: Annotated[int, typer.Argument(min=0, help="The generation whose list is wanted again.")],
    wait: Annotated[bool, typer.Option(help="Return when every replica serves it.")] = True,
    timeout: Timeout = 30.0,
    config: Config = None,
) -> None:
    """List again what an earlier generation listed, and nothing else, as a new generation."""
    store = store_of(config)
    made = store.rollback(generation)
    say(f"generation {made} lists what generation {generation} did: {_count(store.diff(made - 1, made))}")
    if expired := store.diff(generation, made).went:
        say(f"left out, since they have expired: {', '.join(target.id for target in expired)}")
    if wait:
        wait_for(store, made, timeout)


def _count(difference: Difference) -> str:
    came, went, changed = map(len, (difference.came, difference.went, difference.changed))
    return f"{came} came, {went} went, {changed} changed"


def _rows(difference: Difference) -> Iterator[tuple[object, ...]]:
    for what, targets in (("came", difference.came), ("went", difference.went)):
        for target in targets:
            yield what, target.id, target.kind, target.name, ""
    for changed in difference.changed:
        target = changed.after
        yield "changed", target.id, target.kind, target.name, ", ".join(changed.fields)


def _fields(difference: Difference) -> dict[str, object]:
    return {
        "came": [_dump(target) for target in difference.came],
        "went": [_dump(target) for target in difference.went],
        "changed": [
            {"id": changed.after.id, "before": _dump(changed.before), "after": _dump(changed.after)}
            for changed in difference.changed
        ],
    }


def _dump(target: ForgetTarget) -> object:
    return target.model_dump(mode="json", exclude_defaults=True)
