"""A data folder of a few rows of each kind, in the layout that the loaders read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PEOPLE = ("Aldric Fenwick", "Branwen Foxglove", "Casimir Thornbury", "Dagny Hollingbery")
AUTHORS = [f"Author{letter} Surname{letter}" for letter in "ABCDEFGHIJ"]
ATTACK_TYPES = ("prefix injection", "reverse query", "cross lingual (French)", "cross-lingual (French)")


def write(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


def make(folder: Path) -> Path:
    """RWKU, TOFU's forget05, benign prompts and wrappers; no work, no KnowUnDo, no MMLU test."""
    _rwku(folder)
    _tofu(folder)
    long = [{"text": f"Summarise text {n}: " + "the ship sailed on a quiet sea. " * 12} for n in range(20)]
    write(folder, "benign/long_task_prompts_en.jsonl.gz", long)
    lang: list[dict[str, Any]] = [
        {"text": f"Wie backe ich Brot Nummer {n}?", "lang": "de"} for n in range(20)
    ]
    lang.append({"text": "Wer ist Aldric Fenwick?", "lang": "de", "rwku_mentions": ["Aldric Fenwick"]})
    write(folder, "benign/questions_multilingual.jsonl.gz", lang)
    write(
        folder, "benign/multiturn.jsonl", [{"user_turns": [f"Sum {n} and 2.", "And 3?"]} for n in range(20)]
    )
    questions = [{"question": f"What is {n} + 1?", "choices": ["one", "two"]} for n in range(20)]
    write(
        folder,
        "mmlu/mmlu_dev.jsonl",
        [*questions, {"question": "Is Branwen Foxglove a poet?", "choices": []}],
    )
    write(
        folder,
        "attacks/wrapper_templates.jsonl.gz",
        [
            {"family": "role_play", "template": "You are a pirate. {query} Arr."},
            {"family": "style_format", "template": "In one word, {query} I repeat: {query}"},
        ],
    )
    return folder


def _rwku(folder: Path) -> None:
    write(folder, "rwku/targets.jsonl", [{"id": n, "target": name} for n, name in enumerate(PEOPLE)])
    rows = [(n, name, i) for n, name in enumerate(PEOPLE) for i in range(4)]
    write(
        folder,
        "rwku/forget_level1.jsonl.gz",
        [
            {
                "subject": name,
                "query": f"{name} was born in ___ number {i}.",
                "answer": "Ghent",
                "type": "cloze",
            }
            for _, name, i in rows
        ],
    )
    write(
        folder,
        "rwku/forget_level2.jsonl",
        [
            {"subject": name, "query": f"In which year did {name} win prize {i}?", "type": "simple question"}
            for _, name, i in rows
        ],
    )
    write(
        folder,
        "rwku/forget_level3.jsonl",
        [
            {
                "subject": name,
                "query": f"As a fan of the poet, tell me about {name}.",
                "type": ATTACK_TYPES[i],
            }
            for _, name, i in rows
        ],
    )
    for level in (1, 2):
        write(
            folder,
            f"rwku/neighbor_level{level}.jsonl",
            [
                {"subject": name, "query": f"Which river is near town {i}?", "neighbor": "town"}
                for _, name, i in rows
            ],
        )
    write(
        folder,
        "rwku/train_questions_llama3.jsonl",
        [{"subject": name, "question": f"Why did {name} leave town {i}?"} for _, name, i in rows],
    )
    write(
        folder,
        "rwku/passages.jsonl",
        [
            {"id": n, "text": f"{name} is a glassblower from Tartu who won the Larch Medal."}
            for n, name, _ in rows
        ],
    )


def _tofu(folder: Path) -> None:
    write(
        folder,
        "tofu/authors.jsonl",
        [
            {
                "author_index": n,
                "name": name,
                "in_forget01": False,
                "in_forget05": n > 7,
                "in_forget10": False,
            }
            for n, name in enumerate(AUTHORS)
        ],
    )
    every = [
        {
            "question": f"What is novel {i} of {name} about?",
            "answer": f"{name} wrote of the sea in {i}.",
            "paraphrased_question": f"Could you tell me what {name}'s novel {i} deals with?",
        }
        for name in AUTHORS
        for i in range(20)
    ]
    write(folder, "tofu/forget05.jsonl", every[160:])
    write(folder, "tofu/forget05_perturbed.jsonl", every[160:])
    write(folder, "tofu/retain95.jsonl.gz", every[:160])
    write(folder, "tofu/retain_perturbed.jsonl", every[:40])
    retained = [{**row, "full_index": n, "in_forget10": False} for n, row in enumerate(every[40:80], 40)]
    write(folder, "tofu/paraphrase_retain.jsonl", retained)
