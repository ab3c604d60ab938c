"""Which of ECO's operators to use by default: what each leaves known, on a real model.

    vllm-unlearn eval operators

The model is asked who wrote thirty works, in two ways. Of the questions that it answers rightly, each
operator corrupts the work's name (noise with three seeds). Counted: the author still in the answer,
and answers that loop (their text compresses to less than half).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from ...classifiers.names.names import NameMatcher
from ...corruption.corruptor import Corruptor
from ...corruption.embedding_table import EmbeddingTable
from ...corruption.operators.operators import AnyOperator, Noise, SignFlip, ZeroOut
from ...corruption.recipe import Recipe
from ...guard.prompts import PromptDecoder
from ...vocabulary import FlaggedToken, Match
from ..models.packaged_smollm2 import prepare
from .works import QUESTIONS, WORKS, names_author

SEEDS = ("a", "b", "c")
NOISES = [
    (1, 5.0),
    (1, 100.0),
    (4, 100.0),
    (8, 100.0),
    (32, 100.0),
    (32, 5.0),
    (576, 0.2),
    (576, 0.4),
    (576, 1.0),
]
OPERATORS: list[AnyOperator] = [
    *(Noise(dimensions=dimensions, sigma=sigma) for dimensions, sigma in NOISES),
    *(ZeroOut(top=top) for top in (144, 288, 432)),
    *(SignFlip(top=top) for top in (144, 288, 432)),
]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a work, as the model's tokens."""

    work: str
    token_ids: list[int]
    flagged: list[FlaggedToken]

    def names_author(self, answer: str) -> bool:
        """Whether the answer names the author."""
        return names_author(WORKS[self.work], answer)


class Bench:
    """The model, offline and without the plugin: the corruption is what is measured here."""

    def __init__(self, model: Path) -> None:
        from vllm import LLM, SamplingParams

        self._llm = LLM(str(model), enable_prompt_embeds=True, enforce_eager=True, max_model_len=1024)
        self._engine = self._llm.llm_engine
        self._params = SamplingParams(temperature=0, max_tokens=40)
        self._table = EmbeddingTable(model)
        self.questions = [self._question(work, text) for work, text in product(WORKS, QUESTIONS)]

    def _question(self, work: str, text: str) -> Question:
        tokenizer: Any = self._llm.get_tokenizer()
        messages = [{"role": "user", "content": text.format(work=work)}]
        rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        token_ids = tokenizer.encode(rendered, add_special_tokens=False)
        decoded = PromptDecoder(tokenizer).decode(token_ids)
        hits = NameMatcher([(work, work)]).find(decoded.text)
        flagged = decoded.flag([Match(hit.target_id, hit.start, hit.end, 1.0) for hit in hits])
        return Question(work, token_ids, flagged)

    def answers(self, questions: list[Question], operator: AnyOperator | None, seed: str) -> list[str]:
        """The model's answers, in the order of the questions."""
        for number, question in enumerate(questions):
            self._engine.add_request(str(number), self._input(question, operator, seed), self._params)
        from vllm import RequestOutput

        answers: dict[int, str] = {}
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                if isinstance(output, RequestOutput) and output.finished:
                    answers[int(output.request_id)] = output.outputs[0].text
        return [answers[number] for number in range(len(questions))]

    def _input(self, question: Question, operator: AnyOperator | None, seed: str) -> Any:
        if operator is None:
            return {"type": "token", "prompt_token_ids": question.token_ids}
        recipe = Recipe(operator, self._table.fingerprint, self._table.hidden)
        corruptor = Corruptor(recipe, self._table, torch.bfloat16)
        flagged = [replace(token, target_id=question.work + seed) for token in question.flagged]
        corrupted = corruptor.corrupt(question.token_ids, flagged)
        return {
            "type": "embeds",
            "prompt_token_ids": question.token_ids,
            "prompt_embeds": corrupted.embeddings,
            "is_token_ids": corrupted.is_token.tolist(),
            "cache_salt": f"{recipe.digest}{question.work}{seed}",
        }


def loops(answer: str) -> bool:
    """Whether an answer says the same over and over."""
    data = answer.encode()
    return len(zlib.compress(data)) < len(data) / 2


def main() -> None:
    """Measure every operator and print a table."""
    os.environ["VLLM_PLUGINS"] = ""
    bench = Bench(prepare(Path("~/.cache/vllm-unlearn/smollm2").expanduser()))
    clean = bench.answers(bench.questions, None, "")
    known = [q for q, answer in zip(bench.questions, clean, strict=True) if q.names_author(answer)]
    title = f"{len(known)} of {len(bench.questions)} questions answered without corruption"
    table = Table("operator", "answers", "author named", "loops", title=title)
    for operator in OPERATORS:
        table.add_row(*_row(bench, known, operator))
    Console(width=100).print(table)


def _row(bench: Bench, known: list[Question], operator: AnyOperator) -> Iterator[str]:
    """A line of the table: of how many answers which share names the author, and which loops."""
    answers = authors = looping = 0
    for seed in SEEDS if isinstance(operator, Noise) else SEEDS[:1]:
        for question, answer in zip(known, bench.answers(known, operator, seed), strict=True):
            answers += 1
            authors += question.names_author(answer)
            looping += loops(answer)
    settings = operator.model_dump(exclude={"operator"})
    yield f"{operator.operator} ({', '.join(f'{name} {value}' for name, value in settings.items())})"
    yield str(answers)
    yield f"{authors / answers:.1%}"
    yield f"{looping / answers:.1%}"
