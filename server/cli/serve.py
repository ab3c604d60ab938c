"""``vllm-unlearn init`` and ``serve``: from nothing to a guarded server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from ...files import replace_file
from ...guard.configuration import DEFAULT_FILE, is_configured, load
from ...guard.store.store import Store, StoreError
from ..terminal import Config, config_file, fail, report_faults, say, warn, warn_of_missing_files

# vLLM's takes a group of flags, too: --help=ModelConfig.
_HELP = re.compile(r"-h$|--help(=|$)")


@report_faults
def init(
    config: Annotated[Path, typer.Option("--config", "-c", help="The file to write.")] = DEFAULT_FILE,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where the targets are kept: a SQLite file (forget.db), or postgresql://user@host/database."
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Sentence encoder: folder, package:PACKAGE/FOLDER or hub name.")
    ] = None,
) -> None:
    """Write a configuration and an empty store; what exists is left as it is."""
    made = not config.exists()
    if made:
        lines = [f"store: {json.dumps(store or 'forget.db')}", "mode: enforce"]
        if encoder:
            lines += ["encoder:", f"  model: {json.dumps(encoder)}"]
        with replace_file(config, private=True) as draft:  # the admin's key may come to stand in it
            draft.write_text("\n".join(lines) + "\n")
    settings = load(config)
    try:
        head = Store.create(settings.store).head()
    except StoreError:
        if made:  # or it would be left as it is the next time
            config.unlink()
        raise
    say(f"{config}: {'written' if made else 'exists, and was kept'}; store at generation {head.generation}")
    if not made and (store or encoder):
        warn(f"--store and --encoder change no file that exists: edit {config}")
    warn_of_missing_files(settings)


@report_faults
def serve(context: typer.Context, model: str, config: Config = None) -> None:
    """Serve MODEL behind the guard: vLLM's own server, with any `vllm serve` flag."""
    from ..serve import serve as run
    from ..serve import show_help

    if asked := [word for word in (model, *context.args) if _HELP.match(word)]:
        say("vllm-unlearn serve MODEL [--config FILE] [any flag of vLLM's, which are:]\n")
        show_help(asked[0])
    path = config_file(config)
    if path is None and not is_configured():
        fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    run(model, context.args, path)
