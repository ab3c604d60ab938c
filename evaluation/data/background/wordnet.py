"""WordNet's data files: words, what they mean, and sentences that use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....vocabulary import UserError

_EXAMPLE = re.compile(r'"([^"]{25,})"')
_INSTANCE = "@i"
_OF_TOPIC = ";c"


@dataclass(frozen=True, slots=True)
class Synset:
    """One sense. ``field`` is the number of its lexicographer file (5 animals, 13 food, see
    ``lexnames(5WN)``). An ``instance`` is somebody or something by name: a city, a person. What is
    ``technical`` belongs to a field of knowledge."""

    word: str
    field: int
    gloss: str
    examples: tuple[str, ...]
    instance: bool
    technical: bool


def read_synsets(folder: Path, kind: str) -> list[Synset]:
    """Of ``data.noun``, ``data.verb``, ``data.adj`` or ``data.adv`` in a folder, in the file's order
    (format: ``wndb(5WN)``). Raises ``UserError`` where there is no such file."""
    try:
        text = (folder / f"data.{kind}").read_text("utf-8")
    except OSError as error:
        raise UserError(f"{folder} holds no data.{kind} of WordNet: {error.strerror}") from None
    return list(_synsets(text))


def _synsets(text: str) -> Iterator[Synset]:
    for line in text.splitlines():
        # The licence stands at the top, indented.
        if line.startswith(" "):
            continue
        data, _, note = line.partition(" | ")
        parts = data.split()
        yield Synset(
            # "(a)" and the like say where an adjective may stand.
            word=parts[4].split("(")[0].replace("_", " "),
            field=int(parts[1]),
            gloss=note.partition('; "')[0].strip(),
            examples=tuple(_EXAMPLE.findall(note)),
            instance=_INSTANCE in parts,
            technical=_OF_TOPIC in parts,
        )
