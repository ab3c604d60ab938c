"""The command ``vllm-unlearn``: a file for each group of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from ... import __version__
from .calibrate import calibrate
from .check import check
from .doctor import doctor
from .eval import app as eval_app
from .forget import forget, remember
from .history import diff, rollback
from .listing import log, status, targets
from .recipe import learn, recipe
from .serve import init, serve
from .wait import wait


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"vllm-unlearn {__version__}")
        raise typer.Exit


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(eval_app, name="eval")
app.command()(init)
# Its flags, --help among them, are vLLM's.
_VLLMS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
app.command(context_settings=_VLLMS)(serve)
_LIST = (forget, remember, rollback, targets, log, diff, status, wait)
for _command in (*_LIST, check, calibrate, doctor, recipe, learn):
    app.command()(_command)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make a served model answer as if it had never known: an unlearning guard for vLLM."""


def main() -> None:
    """The console script."""
    app()
