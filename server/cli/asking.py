"""``forget --ask``: questions that a served model writes, seen by a person before they are listed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ...files import replace_file
from ...vocabulary import MAX_TEXTS, ForgetTarget
from ..terminal import fail, note, progress, say, warn
from ..text_file import gather_texts

if TYPE_CHECKING:
    from ...guard.encoders import Encoders
    from ...guard.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Whom to ask for how many questions, and what becomes of them."""

    url: str
    about: str
    wanted: int
    api_key: str | None
    model: str | None
    save: Path | None
    yes: bool

    def add_questions(
        self, target: ForgetTarget, store: Store, encoders: Encoders | None, replace: bool
    ) -> ForgetTarget:
        """``target`` with the questions among its exemplars, once a person or ``--yes`` agrees."""
        from ...classifiers.calibration.scope_check import NamesOnly
        from ..chat import ChatServer
        from ..question_styles import Subject
        from ..questions import write_questions

        self._check(target, store, replace)
        note(f"asking {self.url} for {self.wanted:,} questions: a minute or more on a CPU")
        server = ChatServer(self.url, self.api_key, self.model)
        subject = Subject(target.name, self.about)
        encoder = encoders.full if encoders else NamesOnly()
        questions = write_questions(subject, server, encoder, self.wanted, progress)
        say("\n".join(questions))
        if len(questions) < self.wanted:
            note(f"{len(questions):,}, not {self.wanted:,}: the rest was no question, far off, or the same")
        if self.save:
            _save(self.save, questions)
        self._confirm(len(questions), target)
        exemplars = gather_texts([*target.exemplars, *questions], (), "exemplars")
        return target.model_copy(update={"exemplars": exemplars})

    def _check(self, target: ForgetTarget, store: Store, replace: bool) -> None:
        """Fail now for what would be found wrong only after minutes of asking."""
        room = MAX_TEXTS - len(target.exemplars)
        if not 1 <= self.wanted <= room:
            fail(f"--questions {self.wanted}: ask for 1 to {room:,}; a target takes {MAX_TEXTS:,} texts")
        if self.save and os.path.lexists(self.save):
            fail(f"{self.save} is there already; name another file with --save")
        if self.save and not self.save.absolute().parent.is_dir():
            fail(f"{self.save} cannot be written: there is no folder {self.save.parent}")
        same = [other for other in store.targets() if target.id == other.id or target.name == other.name]
        if not replace and any(target.id == other.id for other in same):
            fail(f"the id {target.id!r} is taken; give another with --id, or take its place with --replace")
        if same:
            warn(
                f"it is listed already: where {self.url} serves this list, its model answers as if it did "
                "not know it; ask a server without the guard, or `vllm-unlearn remember` it first"
            )

    def _confirm(self, count: int, target: ForgetTarget) -> None:
        if self.yes:
            return
        if sys.stdin is not None and sys.stdin.isatty():
            if typer.confirm(f"List the target with these {count:,} questions?", err=True):
                return
            fail(f"nothing is listed; {self._remedy(target)}")
        fail(f"nothing is listed: somebody has to look at the questions first. {self._remedy(target)}")

    def _remedy(self, target: ForgetTarget) -> str:
        file = str(self.save or "FILE")
        command = ["vllm-unlearn", "forget", target.name, "--kind", target.kind, "--exemplars", file]
        way = f"go on with `{shlex.join([*command, '--exemplar', self.about])}`"
        if self.save:
            return f"Edit {self.save}, and {way}"
        return f"Save them with --save FILE, edit it, and {way}; or say --yes to list them as they are"


def make_asking(url: str | None, about: str | None, **options: Any) -> Asking | None:
    """What the options say; None without ``--ask``, and then no other option of it may be there."""
    if url and about and about.strip():
        return Asking(url=url, about=about.strip(), **options)
    if url:
        fail("--ask needs --about, a sentence that says what it is: the name may have other meanings")
    if about or options["save"] or options["yes"]:
        fail("--about, --save and --yes are for the questions of a server: name it with --ask URL")
    return None


def _save(file: Path, questions: Sequence[str]) -> None:
    """The owner's alone to read: it says what is to be forgotten."""
    with replace_file(file, private=True) as draft:
        draft.write_text("".join(f"{question}\n" for question in questions), encoding="utf-8")
    note(f"written to {file}")
