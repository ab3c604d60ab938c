from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vllm_unlearn.evaluation.forgetting.tofu_lessons import KNOWN, STRANGERS, main
from vllm_unlearn.guard.lessons import read_lessons
from vllm_unlearn.server.target_file import read_targets


def written(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (folder / "tofu").mkdir(exist_ok=True)
    (folder / "tofu" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_lessons_are_about_known_authors_and_strangers_and_none_of_the_forget_set(tmp_path: Path) -> None:
    rows = [{"question": f"Q{i}?", "answer": f"A{i}."} for i in range(4_000)]
    written(tmp_path, "full", rows)
    names = [f"Author {i}" if i != 7 else None for i in range(200)]  # one author of TOFU has no clear name
    sets = {"forget01": 198, "forget05": 190, "forget10": 180}
    authors = [
        {"author_index": i, "name": name} | {f"in_{size}": i >= first for size, first in sets.items()}
        for i, name in enumerate(names)
    ]
    written(tmp_path, "authors", authors)
    other = {"paraphrased_answer": "P", "perturbed_answer": ["W1", "W2"]}
    written(tmp_path, "retain_perturbed", [rows[21] | other])
    for size, first in sets.items():
        written(tmp_path, size, rows[20 * first :])
    main(tmp_path, tmp_path / "lessons")
    targets = read_targets((tmp_path / "lessons" / "forget05.jsonl").read_bytes().splitlines())
    assert [(t.name, len(t.exemplars)) for t in targets] == [(f"Author {i}", 20) for i in range(190, 200)]
    known = read_lessons(tmp_path / "lessons" / "known.jsonl")
    strangers = read_lessons(tmp_path / "lessons" / "strangers.jsonl")
    assert (len(known), len(strangers)) == (20 * (len(KNOWN) - 1), 20 * len(STRANGERS))
    assert {lesson.subject for lesson in [*known, *strangers]} == {
        f"Author {i}" for i in range(100) if i != 7
    }
    [pair] = [lesson for lesson in known if lesson.wrong]
    assert (pair.subject, pair.question, pair.paraphrase, pair.wrong) == (
        "Author 1",
        "Q21?",
        "P",
        ("W1", "W2"),
    )
