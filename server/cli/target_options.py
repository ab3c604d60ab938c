"""The options of ``forget``: what a target is given by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ASK = "Questions by a served model"

Name = Annotated[str | None, typer.Argument(help="What must not be known.")]
Kind = Annotated[str, typer.Option(help="entity, work, topic or passage.")]
Id = Annotated[str | None, typer.Option(help="Default: made from the name.")]
Alias = Annotated[list[str] | None, typer.Option(help="Another name; repeat for more.")]
Exemplar = Annotated[list[str] | None, typer.Option(help="A text about it; repeat for more.")]
Exemplars = Annotated[
    list[Path] | None,
    typer.Option(help="A file of texts about it: one a line, or JSON Lines (text, question or prompt)."),
]
Counterexample = Annotated[list[str] | None, typer.Option(help="A near text that is not about it.")]
Counterexamples = Annotated[list[Path] | None, typer.Option(help="A file of such texts.")]
Passages = Annotated[
    list[Path] | None, typer.Option(help="A text file about it (an article, say); repeat for more.")
]
TargetScope = Annotated[
    str,
    typer.Option(help="all; exemplars: only what they are about; or a word that targets share: private."),
]
Note = Annotated[str, typer.Option(help="For the record: a case number, say.")]
Expires = Annotated[
    str | None,
    typer.Option(help="Until when: a date (to its end, UTC), or a time with its zone, 2031-01-31T12:00Z."),
]
File = Annotated[Path | None, typer.Option(help="Targets as JSON Lines, - for standard input.")]
Replace = Annotated[bool, typer.Option(help="Replace a target of the same id.")]
Force = Annotated[bool, typer.Option(help="List it though it is over-broad; the log says so.")]
Wait = Annotated[bool, typer.Option(help="Return when every replica serves it.")]

Ask = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=_ASK,
        help="A server whose model writes questions about it, from its name and --about.",
    ),
]
About = Annotated[str | None, typer.Option(rich_help_panel=_ASK, help="A sentence that says what it is.")]
Questions = Annotated[int, typer.Option(rich_help_panel=_ASK, help="How many.")]
Model = Annotated[
    str | None, typer.Option(rich_help_panel=_ASK, help="Default: the first that the server lists.")
]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="VLLM_API_KEY", rich_help_panel=_ASK, help="The server's own API key."),
]
Save = Annotated[
    Path | None, typer.Option(rich_help_panel=_ASK, help="A new file for the questions, one a line.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", rich_help_panel=_ASK, help="List them unseen.")]
