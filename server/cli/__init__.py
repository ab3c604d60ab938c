"""The command ``vllm-unlearn``: a file for each group of its commands."""

from __future__ import annotations

import typer

from .calibrate import calibrate
from .check import check
from .doctor import doctor
from .eval import app as eval_app
from .forget import forget, remember
from .listing import log, status, targets
from .recipe import learn, recipe
from .serve import init, serve
from .wait import wait

app = typer.Typer(
    help="Make a served model answer as if it had never known: an unlearning guard for vLLM.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(eval_app, name="eval")
app.command()(init)
# Its flags, --help among them, are vLLM's.
_VLLMS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
app.command(context_settings=_VLLMS)(serve)
for _command in (forget, remember, targets, log, status, wait, check, calibrate, doctor, recipe, learn):
    app.command()(_command)


def main() -> None:
    """The console script."""
    app()
