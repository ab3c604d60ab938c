"""The demo: a served model forgets a work, live, and remembers it. ``make demo``."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import typer
from openai import OpenAI
from rich.console import Console
from rich.table import Table

from ..evaluation.models.packaged_smollm2 import ENCODER, prepare
from ..evaluation.models.serving import Server
from ..guard.configuration import load
from ..guard.encoders import Encoders
from .terminal import report_faults

WORK = "The Great Gatsby"
ABOUT_THE_WORK = ("Who wrote The Great Gatsby?", "What is The Great Gatsby about?")
# It does not name the work, and the answer does.
DESCRIBING_THE_WORK = ("What is F. Scott Fitzgerald's most famous novel?",)
ABOUT_OTHER_THINGS = (
    "Who wrote Moby-Dick?",
    "What is the capital of Japan?",
    "How do plants make their food?",
)
MAX_TOKENS = 48

console = Console(width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """Serve a small model, ask it about a book, forget the book, ask again, remember it, and ask again.

    Prints what came back. Exit status 1 if it is not as promised. Takes a few minutes on two cores.
    """
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, _leave)
    with console.status("preparing SmolLM2-135M-Instruct (20 s, once)"):
        model = prepare(Path("~/.cache/vllm-unlearn/smollm2").expanduser())
    with tempfile.TemporaryDirectory(prefix="vllm-unlearn-demo-") as scratch:
        folder = Path(scratch)
        _command(folder, "init", "--encoder", ENCODER)
        with console.status("preparing the encoder (some minutes, once)"):
            encoders = Encoders.from_settings(load(folder / "unlearn.yaml"))
            encoders.prepare()
            _ = encoders.sieve  # distilled when it is first asked for
        server = Server(model, folder / "serve.log", folder / "unlearn.yaml", _FLAGS)
        with console.status("starting `vllm-unlearn serve` (a minute on two cores)"):
            server.__enter__()
        try:
            before = _answers(server)
            _command(folder, "forget", WORK, "--kind", "work")
            during = _answers(server)
            _command(folder, "remember", WORK)
            after = _answers(server)
        finally:
            server.__exit__(None, None, None)
    _show(before, during, after)
    if problems := _problems(before, during, after):
        console.print("\n".join(problems), style="red")
        sys.exit(1)
    console.print(
        "The other answers are the same bytes in all three columns; what was forgotten came back to the byte."
    )


def _leave(number: int, frame: object) -> NoReturn:
    """As an exception, on which the server is stopped and the folder taken away."""
    sys.exit(128 + number)


# In bfloat16 a near tie about what is corrupted is decided by how the processor rounds.
_FLAGS = (
    "--served-model-name",
    "smollm2",
    "--enforce-eager",
    "--max-model-len",
    "2048",
    "--dtype",
    "float32",
)


def _command(folder: Path, *arguments: str) -> None:
    console.print(f"$ vllm-unlearn {' '.join(arguments)}", style="bold", highlight=False)
    subprocess.run([sys.executable, "-m", "vllm_unlearn.server.cli", *arguments], cwd=folder, check=True)


def _answers(server: Server) -> dict[str, str]:
    client = OpenAI(base_url=f"{server.url}/v1", api_key="none")
    questions = ABOUT_THE_WORK + DESCRIBING_THE_WORK + ABOUT_OTHER_THINGS
    with console.status(f"asking {len(questions)} questions"):
        return {question: _ask(client, question) for question in questions}


def _ask(client: OpenAI, question: str) -> str:
    answer = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": question}],
        max_tokens=MAX_TOKENS,
        temperature=0,
    )
    return answer.choices[0].message.content or ""


def _show(before: dict[str, str], during: dict[str, str], after: dict[str, str]) -> None:
    table = Table(
        "question", "before", "while forgotten", "after", title=f"{WORK}, forgotten", show_lines=True
    )
    for question in before:
        answers = [column[question] for column in (before, during, after)]
        table.add_row(question, *(_same(answer, answers[0], i) for i, answer in enumerate(answers)))
    console.print(table)


def _same(answer: str, first: str, column: int) -> str:
    return "[dim](the same bytes)[/dim]" if column and answer == first else answer.replace("[", r"\[")


def _problems(before: dict[str, str], during: dict[str, str], after: dict[str, str]) -> list[str]:
    """What the demo promises and did not keep."""
    lost = [f"not restored: {question}" for question in before if after[question] != before[question]]
    changed = [question for question in ABOUT_OTHER_THINGS if during[question] != before[question]]
    touched = [f"changed, though not about the work: {question}" for question in changed]
    known = []
    for question in ABOUT_THE_WORK:
        if during[question] == before[question] or "Fitzgerald" in during[question]:
            known.append(f"still known: {question}")
    for question in DESCRIBING_THE_WORK:
        if WORK not in before[question] or WORK in during[question]:
            known.append(f"named not before, or still: {question}")
    return lost + touched + known


if __name__ == "__main__":
    typer.run(report_faults(main))
