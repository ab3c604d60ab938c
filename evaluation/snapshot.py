"""What the guard does with 5,000 prompts, written down: whether a change of form changed anything else.

``vllm-unlearn eval snapshot DATA before.jsonl`` on one commit and ``… after.jsonl --against
before.jsonl`` on another: verdicts, spans and scores, and the corrupted rows of the default operator and
of a recipe. Every third prompt comes with a reply, so that every role is there.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import track
from transformers import AutoTokenizer
from vllm.inputs import tokens_input

from ..guard.configuration import CorruptionSettings, EncoderSettings, Settings
from ..guard.guard import Guard
from ..guard.rewriter import CORRUPTED, Rewriter
from ..guard.store.store import Store
from ..vocabulary import ForgetTarget, Match
from .data.data_folder import DataFolder
from .data.datasets import Benign, Rwku
from .models.packaged_smollm2 import ENCODER, prepare

COUNTS = {"level 1": 500, "level 2": 500, "level 3": 800, "neighbours": 600, "benign": 2_600}
WORKS = ("The Great Gatsby", "Harry Potter")
MAX_TOKENS = 8_192
# Of so many people one is listed with exemplars, the others by name.
WITH_EXEMPLARS = 3
# Of so many prompts one is given with a reply.
WITH_REPLY = 3


def prompts(data: DataFolder) -> list[str]:
    """The same texts in the same order, every time."""
    rwku = Rwku(data)
    chance = random.Random(0)
    every = {f"level {n}": [case.text for case in rwku.probes(n)] for n in (1, 2, 3)}
    every["neighbours"] = [case.text for case in rwku.neighbours()]
    every["benign"] = [case.text for case in Benign(data, ()).traffic if len(case.text) < 4_000]
    texts: list[str] = []
    for kind, count in COUNTS.items():
        texts += chance.sample(every[kind], count)
    return texts


def targets(data: DataFolder) -> list[ForgetTarget]:
    """RWKU's people, some with exemplars, and two works."""
    rwku = Rwku(data)
    ways = zip(rwku.targets("name", {}), rwku.targets("exemplars", {}), strict=True)
    people = [full if n % WITH_EXEMPLARS == 0 else bare for n, (bare, full) in enumerate(ways)]
    return [*people, *(ForgetTarget(id=f"work-{n}", kind="work", name=name) for n, name in enumerate(WORKS))]


def snapshot(texts: list[str], guard: Guard, screens: dict[str, Rewriter], tokenizer: Any) -> Iterator[str]:
    """A line of JSON for each prompt."""
    for number, text in enumerate(track(texts, "screening", transient=True)):
        messages = [{"role": "user", "content": text}]
        replied = number % WITH_REPLY == 0
        if replied:
            messages.append({"role": "assistant", "content": f"You ask: {text}"})
        tokens = tokenizer.apply_chat_template(messages, add_generation_prompt=not replied, return_dict=False)
        prompt = tokens_input(tokens)
        line: dict[str, Any] = {"number": number}
        for label, rewriter in screens.items():
            verdict, replacement = rewriter.rewrite(prompt, guard)
            line |= {"verdict": list(map(_describe, verdict.matches)), label: _digest(replacement)}
        yield json.dumps(line)


def _describe(match: Match) -> list[Any]:
    exemplar = match.exemplar and match.exemplar.text
    return [
        match.target_id,
        match.start,
        match.end,
        round(match.score, 6),
        match.name,
        match.disguise,
        exemplar,
    ]


def _digest(replacement: Any) -> Any:
    if replacement is None:
        return None
    corrupted = replacement[CORRUPTED]
    digest = hashlib.sha256(corrupted.rows.contiguous().numpy().tobytes()).hexdigest()
    return [corrupted.positions.tolist(), digest]


def main(
    data_dir: Path,
    out: Path,
    against: Annotated[Path | None, typer.Option(help="A file that another commit wrote.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe of SmolLM2, beside the default.")] = None,
    encoder: str = ENCODER,
    cache: Path = Path("~/.cache/vllm-unlearn"),
) -> None:
    """Write the snapshot to OUT, and count the lines that differ from those of another."""
    cache, data = cache.expanduser(), DataFolder(data_dir)
    model = prepare(cache / "smollm2")
    tokenizer = AutoTokenizer.from_pretrained(model)
    chosen = {"default": CorruptionSettings()} | (
        {"recipe": CorruptionSettings(recipe=recipe)} if recipe else {}
    )
    screens = {k: Rewriter(settings, model, torch.float32, MAX_TOKENS) for k, settings in chosen.items()}
    for rewriter in screens.values():
        rewriter.attach(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/forget.db"
        Store.create(url).forget(targets(data))
        guard = Guard(Settings(store=url, encoder=EncoderSettings(model=encoder, cache_dir=cache)))
        lines = list(snapshot(prompts(data), guard, screens, tokenizer))
        guard.close()
    out.write_text("\n".join(lines) + "\n")
    flagged = sum(json.loads(line)["verdict"] != [] for line in lines)
    typer.echo(f"{len(lines)} prompts, {flagged} of them flagged")
    if against:
        pairs = zip(lines, against.read_text().splitlines(), strict=True)
        typer.echo(f"{sum(one != other for one, other in pairs)} differences from {against.name}")
