"""``vllm-unlearn init`` and ``serve``: from nothing to a guarded server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ...guard.configuration import DEFAULT_FILE, is_configured, load
from ...guard.store.store import Store, StoreError
from ..terminal import Config, config_file, fail, say, told


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
    made = not config.exists()
    if made:
        lines = [f"store: {json.dumps(store)}", "mode: enforce"]
        if encoder:
            lines += ["encoder:", f"  model: {json.dumps(encoder)}"]
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("\n".join(lines) + "\n")
    try:
        head = Store.create(load(config).store).head()
    except StoreError:
        if made:  # or it would be left as it is the next time
            config.unlink()
        raise
    say(f"{config}: store at generation {head.generation}")


@told
def serve(context: typer.Context, model: str, config: Config = None) -> None:
    """Serve MODEL behind the guard: vLLM's own server, with any `vllm serve` flag."""
    from ..serve import serve as run

    path = config_file(config)
    if path is None and not is_configured():
        fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    run(model, context.args, path)
