"""Makes the background: ordinary texts of many kinds, out of templates and WordNet.

    python -m vllm_unlearn.evaluation.data.background.background WORDNET FILE

``WORDNET`` is the folder of WordNet 3.0's data files (Debian's package ``wordnet-base`` has it as
``/usr/share/wordnet``), ``FILE`` what is written. It comes out the same every time. No text of a benchmark
goes in: people, works and firms are made up.
"""

from __future__ import annotations

import gzip
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path

from wordfreq import zipf_frequency

from ....classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ....vocabulary import UserError
from .grammar import Grammar, read_slots
from .wordnet import Synset, read_synsets

PARTS = {
    "wordnet": 1200,
    "glosses": 1200,
    "statements": 400,
    "examples": 800,
    "people": 1400,
    "people_other_forms": 1100,
    "works": 600,
    "trivia": 1000,
    "places": 450,
    "quizzes": 600,
    "exams": 1400,
    "word_problems": 550,
    "instructions": 600,
    "chats": 500,
    "code": 250,
    "documents": 600,
    "other_languages": 750,
}
"""How many texts there are of each kind, as far as its ``templates/`` give that many."""

SEED = 20
# Longer prompts are read in windows.
MAX_CHARS = 400
# A word that is met: once in three million words.
MIN_ZIPF = 2.5
# What should stand in no file of ours, by its gloss.
_RUDE = re.compile("slur|vulgar|obscen|offensive|disparag|derogat|sexual|porn|rape|prostitut", re.IGNORECASE)
# Lexicographer files of WordNet, by their number in lexnames(5WN), that fill a slot.
FIELDS = {4: "act", 5: "animal", 6: "artifact", 8: "body", 9: "idea", 11: "event", 12: "feeling", 13: "food",
          18: "role", 20: "plant", 22: "process", 26: "state", 27: "substance"}  # fmt: skip
LOCATION = 15
_CITY = ("a city", "a town", "the capital", "the largest city")
# Of a small vocabulary most draws are repeats.
DRAWS = 8


def background(wordnet: Path, parts: Mapping[str, int] = PARTS) -> list[tuple[str, str]]:
    """Parts and texts, each text once, in any order: every beginning of it is a mixture, too.

    Raises ``UserError`` where the folder is not WordNet's.
    """
    synsets = {kind: _met(read_synsets(wordnet, kind)) for kind in ("noun", "verb", "adj")}
    # Terms of a field of knowledge are asked about, but fill no slot: they are texts about topics that
    # somebody may list.
    plain = {kind: [sense for sense in found if not sense.technical] for kind, found in synsets.items()}
    slots = _slots(plain)
    senses = [sense for sense in synsets["noun"] if not sense.instance]
    texts: dict[str, str] = {}
    for part, count in parts.items():
        # Chances of its own, so that a change of one part leaves the others as they are.
        chance = random.Random(f"{SEED} {part}")
        shuffled = chance.sample(senses, len(senses))
        drawn = dict.fromkeys(_draws(Grammar(slots, chance), _templates(part), shuffled, count * DRAWS))
        new = (text for text in drawn if text not in texts and text not in ORDINARY_PROMPTS)
        texts |= dict.fromkeys(islice(new, count), part)
    pairs = [(part, text) for text, part in texts.items()]
    random.Random(SEED).shuffle(pairs)
    return pairs


def write(texts: Sequence[str], file: Path) -> None:
    """One a line, packed; the same bytes for the same texts."""
    file.write_bytes(gzip.compress("".join(f"{text}\n" for text in texts).encode(), mtime=0))


def _draws(grammar: Grammar, templates: Sequence[str], senses: Sequence[Synset], count: int) -> Iterator[str]:
    """Each template in turn, with one word and its meaning after the other."""
    for _, template, sense in zip(range(count), cycle(templates), cycle(senses), strict=False):
        text = grammar.fill(template, {"word": sense.word, "gloss": sense.gloss})
        if len(text) <= MAX_CHARS:
            yield text[0].upper() + text[1:] if text.endswith((".", "?")) else text


def _met(synsets: Sequence[Synset]) -> list[Synset]:
    return [
        synset
        for synset in synsets
        if zipf_frequency(synset.word, "en") >= MIN_ZIPF
        and not _RUDE.search(" ".join((synset.word, synset.gloss, *synset.examples)))
    ]


def _slots(synsets: Mapping[str, Sequence[Synset]]) -> dict[str, list[str]]:
    slots: dict[str, list[str]] = {}
    for file in sorted((files(__package__) / "slots").iterdir(), key=lambda file: file.name):
        slots |= read_slots(file.read_text("utf-8"))
    for noun in synsets["noun"]:
        for slot in _nouns_slots(noun):
            slots.setdefault(slot, []).append(noun.word)
    slots["gloss"] = [noun.gloss for noun in synsets["noun"] if not noun.instance]
    slots["verb"] = [verb.word for verb in synsets["verb"]]
    slots["adjective"] = [adjective.word for adjective in synsets["adj"]]
    every = [synset for kind in synsets.values() for synset in kind]
    slots["example"] = [example for synset in every for example in synset.examples]
    return slots


def _nouns_slots(noun: Synset) -> Iterator[str]:
    if not noun.instance:
        yield "noun"
        if noun.field in FIELDS:
            yield FIELDS[noun.field]
    elif noun.field == LOCATION and noun.gloss.startswith(
        ("a city", "a town", "the capital", "the largest city")
    ):
        yield "city"


def _templates(part: str) -> list[str]:
    return (files(__package__) / "templates" / f"{part}.txt").read_text("utf-8").splitlines()


def main(arguments: Sequence[str]) -> None:
    """Raises ``UserError``."""
    if len(arguments) != 2:
        raise UserError("needs two arguments: the folder of WordNet's data files, and the file to write")
    wordnet, file = map(Path, arguments)
    write([text for _, text in background(wordnet)], file)


if __name__ == "__main__":
    main(sys.argv[1:])
