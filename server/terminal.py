"""What all commands share: how they speak to the user, and which configuration they mean."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..classifiers.encoders.encoder_export import EncoderError, find_source
from ..guard.configuration import CONFIG_VARIABLE, DEFAULT_FILE, Settings, is_configured, load
from ..guard.store.store import Store
from ..vocabulary import UserError

console = Console()

T = TypeVar("T")

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Default: VLLM_UNLEARN_CONFIG, else ./unlearn.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _seconds(value: float) -> float:
    if not 0 <= value < math.inf:  # what is no number neither
        raise typer.BadParameter(f"{value:g} is no number of seconds; give 0 or more")
    return value


Timeout = Annotated[float, typer.Option(help="Seconds to wait for the replicas.", callback=_seconds)]


def say(text: str) -> None:
    """Text as it is: a target's name may hold what rich would read as markup."""
    console.print(printable(text), highlight=False, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """What does not stop the command, but should be known."""
    _to_stderr(f"note: {message}", "yellow")


def note(message: str) -> None:
    """What the command is about to do, where that takes long."""
    _to_stderr(message, "dim")


def _to_stderr(text: str, style: str) -> None:
    Console(stderr=True).print(printable(text), style=style, markup=False, highlight=False, soft_wrap=True)


def fail(message: object) -> NoReturn:
    """Say why there is no going on, and leave with exit status 1."""
    _to_stderr(f"vllm-unlearn: {message}", "red")
    raise typer.Exit(1)


def printable(text: str) -> str:
    """``text`` with what no terminal takes, a file's name of odd bytes say, as escapes; and what turns the
    text's direction round, which shows another text than is there."""
    return _TURNS.sub(_escape, text).encode("utf-8", "backslashreplace").decode()


def _escape(char: re.Match[str]) -> str:
    return f"\\u{ord(char[0]):04x}"


_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")

# What a line of tab-separated cells cannot hold.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def show(headings: Sequence[str], rows: Iterable[Sequence[object]], styles: Mapping[str, str] = {}) -> None:
    """A table on a terminal, or a paragraph a row where it is too narrow for one; columns that are empty are
    left out. Elsewhere tab-separated lines. Nothing is cut.

    ``styles`` are the colours of cells that are just such a word.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not console.is_terminal:
        for line in (headings, *cells):
            typer.echo("\t".join(cell.translate(_ESCAPES) for cell in line))
        return
    used = [place for place in range(len(headings)) if any(line[place] for line in cells)]
    table = Table(*(headings[place] for place in used))
    for line in cells:
        table.add_row(*(_colour(line[place], styles) for place in used))
    if Measurement.get(console, console.options.update(max_width=100_000), table).maximum <= console.width:
        console.print(table, highlight=False)
        return
    for line in cells:
        said = [f"{headings[place]}: {line[place]}" for place in used if line[place]]
        say("\n".join(said) + "\n")


def _colour(cell: str, styles: Mapping[str, str]) -> Text:
    return Text(cell, styles.get(cell, ""))


def report_faults(command: Callable[..., Any]) -> Callable[..., Any]:
    """``UserError``, and files that cannot be used, are told in a sentence; anything else is a bug, and keeps
    its traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        _refuse_odd_bytes(kwargs)
        try:
            return command(*args, **kwargs)
        except OSError as error:
            if error.filename is None or error.strerror is None:
                raise
            fail(f"{os.fsdecode(error.filename)}: {error.strerror}")
        except UserError as error:
            fail(error)

    return run


def _refuse_odd_bytes(arguments: Mapping[str, Any]) -> None:
    """Text of the command line must be UTF-8; names of files may be any bytes, and are ``Path``."""
    for name, value in arguments.items():
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str) and text != text.encode("utf-8", "replace").decode():
                fail(f"{name.replace('_', '-')}: the text holds bytes that are not UTF-8; write it in UTF-8")


def progress(what: str, items: Sequence[T], /) -> Iterable[T]:
    """A bar while ``items`` are gone through, on a terminal only."""
    from rich.progress import track

    to = Console(stderr=True)
    return track(items, what, console=to, transient=True, disable=not to.is_terminal)


def config_file(config: Path | None) -> Path | None:
    """The file that was named, or else the one in this folder, unless the environment names another."""
    if config or CONFIG_VARIABLE in os.environ:
        return config
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def settings_of(config: Path | None) -> Settings:
    """The configuration; without any, the command fails."""
    path = config_file(config)
    if path is None and not is_configured():
        fail("nothing is configured here; run `vllm-unlearn init`, or name a file with --config")
    return load(path)


def warn_of_missing_files(settings: Settings) -> None:
    """A file that the configuration names and that is not there would be missed only when it is needed."""
    needed = (
        ("corruption.recipe", settings.corruption.recipe, "`serve` will not start"),
        ("detection.benign", settings.detection.benign, "`forget` will refuse every target"),
    )
    for setting, file, consequence in needed:
        if file and not file.is_file():
            warn(f"{setting}: {file} does not exist, so {consequence}; make it, or take the setting out")
    try:
        find_source(settings.encoder.model)
    except EncoderError as error:
        warn(f"encoder.model: {error}, or `serve` will not start")


def store_of(config: Path | None) -> Store:
    """The store that the configuration names."""
    return Store(settings_of(config).store)
