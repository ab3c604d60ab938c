"""Every command that README and docs show is there, with the options that it is shown with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner
from vllm_unlearn.server.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
SHOWN = re.compile(r"vllm-unlearn((?: [a-z][a-z0-9-]*)+)((?:\\\n|[^\n`#])*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Its options are vLLM's.
FREE = "serve"


def shown() -> dict[str, set[str]]:
    """The options that each command is shown with."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for words, rest in SHOWN.findall(page.read_text()):
            found.setdefault(words.strip(), set()).update(OPTION.findall(rest))
    return found


@pytest.mark.parametrize(("command", "options"), sorted(shown().items()))
def test_a_command_that_is_shown_is_there(command: str, options: set[str]) -> None:
    if command.split()[0] == FREE:
        return
    runner = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"})
    told = runner.invoke(app, [*command.split(), "--help"])
    assert told.exit_code == 0, told.output
    assert {option for option in options if option not in told.output} == set()
