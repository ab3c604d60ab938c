"""``vllm-unlearn check``."""

from __future__ import annotations

import json

import typer

from ..terminal import AsJson, Config, progress, report_faults, say, settings_of


@report_faults
def check(text: str, as_json: AsJson = False, config: Config = None) -> None:
    """Explain how the guard decides on TEXT. Exit status 0 for pass, 3 for a match."""
    from ..explanation import explain_decision

    explanation = explain_decision(settings_of(config), text, progress)
    if as_json:
        typer.echo(json.dumps(explanation.as_json()))
    else:
        say("\n".join(explanation.lines()))
    raise typer.Exit(3 if explanation.matches else 0)
