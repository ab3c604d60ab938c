"""Questions and given answers, rendered with a model's own chat template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError


@dataclass(frozen=True, slots=True)
class Given:
    """A rendered prompt that ends with a given answer, which begins at token ``start``."""

    token_ids: tuple[int, ...]
    start: int


class Chat:
    """Renders questions with a tokenizer's chat template."""

    _ANSWER = "ANSWER STANDS HERE"

    def __init__(self, tokenizer: Any) -> None:
        """Raises ``ValueError`` for a tokenizer without a chat template."""
        if not getattr(tokenizer, "chat_template", None):
            raise ValueError(f"the tokenizer of {tokenizer.name_or_path} has no chat template to ask with")
        self.tokenizer = tokenizer
        self.end = self._end()

    def prompt(self, question: str, system: str | None = None) -> tuple[int, ...]:
        """The token ids of a question, up to where the answer begins."""
        return self._encode(self._render(question, system))

    def exchange(self, question: str, answer: str, system: str | None = None) -> Given:
        """The same with an answer and the end of its turn."""
        asked = self.prompt(question, system)
        return Given((*asked, *self._encode(answer), self.end), len(asked))

    def _render(self, question: str, system: str | None) -> str:
        user = [{"role": "user", "content": question}]
        if not system:
            return self._fill(user)
        try:
            return self._fill([{"role": "system", "content": system}, *user])
        except TemplateError:  # no system role: Gemma
            return self._fill([{"role": "user", "content": f"{system}\n\n{question}"}])

    def _fill(self, turns: list[dict[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def _end(self) -> int:
        """The token with which the template ends an assistant's turn."""
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": self._ANSWER}]
        tail = self.tokenizer.apply_chat_template(turns, tokenize=False).split(self._ANSWER)[-1]
        return next(iter(self._encode(tail)), self.tokenizer.eos_token_id)
