"""What a model makes of a question with four choices: by likelihood, of the letter and of the choice's text,
and by what it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import regex

from ...classifiers.text.folding import normalise
from ...guard.prompts import DecodedPrompt, PromptDecoder
from ...vocabulary import Match
from ..data.topic_data import LETTERS, ChoiceQuestion
from ..models.guarded_model import GuardedModel, Reader

Track = Callable[[int], None]
Known = Literal["whole", "question"]

# "B", "B. Cash", "(B)", "The answer is B": but not "A bank lends money".
_LETTER = regex.compile(
    rf"""^\W*(?:(?:the\s)?(?:(?:correct|best|right)\s)*(?:answer|choice|option)(?:\sis)?\W*)?
    (?-i:([{LETTERS}]))(?=$|[^\w\s]|\s*\n)""",
    regex.IGNORECASE | regex.VERBOSE,
)
_LATER = regex.compile(
    rf"\b(?:answer|choice|option)(?: is)?\W+(?-i:([{LETTERS}]))\b(?!\s+\w)", regex.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, as places among the choices.

    ``by_text`` is by the likelihood of the choice's text. Where the choices were shown, too, ``by_letter`` is
    by that of the letter as the answer's first token, and ``answer`` what the model wrote; else None.
    ``flagged`` is None without a guard.
    """

    question: ChoiceQuestion
    by_text: int
    by_letter: int | None = None
    answer: str | None = None
    flagged: bool | None = None

    @property
    def said(self) -> int | None:
        """The choice that the answer makes; None where it makes none."""
        return None if self.answer is None else find_choice(self.question, self.answer)


def find_choice(question: ChoiceQuestion, answer: str) -> int | None:
    """The choice that an answer makes: its letter, or else the one choice whose text stands in it."""
    if found := _LETTER.search(answer) or _LATER.search(answer):
        return LETTERS.index(found[1])
    said = f" {_plain(answer)} "
    held = [text for choice in question.choices if (text := f" {_plain(choice)} ").strip() and text in said]
    # "Demand" stands in "aggregate demand", too: the longer counts.
    held = [text for text in held if not any(text in other and text != other for other in held)]
    if len(held) != 1:
        return None
    return [f" {_plain(choice)} " for choice in question.choices].index(held[0])


def choose(
    guarded: GuardedModel,
    reader: Reader | None,
    questions: Sequence[ChoiceQuestion],
    *,
    shown: int | None,
    max_new_tokens: int,
    track: Track,
) -> list[Choice]:
    """What a model that ``reader`` guards makes of each question; the first ``shown``, None for all, are also
    asked in a chat that shows the choices."""
    chat, count = guarded.model.chat, len(questions[:shown])
    prompts = [chat.prompt(question.asked) for question in questions]
    letters = [tuple(chat.tokenizer.encode(letter, add_special_tokens=False)) for letter in LETTERS]
    weights = guarded.weigh(prompts[:count], [letters] * count, track)
    answers = [said for (said,) in guarded.generate(prompts[:count], max_new_tokens, track=track)]
    by_text, choices = _by_text(guarded, questions, track), []
    for n, question in enumerate(questions):
        flagged = bool(reader.read(prompts[n])[1]) if reader else None
        choice = Choice(question, by_text[n], flagged=flagged)
        if n < count:
            choice = replace(choice, by_letter=int(np.argmax(weights[n])), answer=answers[n])
        choices.append(choice)
    return choices


def count_steps(questions: Sequence[ChoiceQuestion], shown: int | None) -> int:
    """How often ``choose`` tells ``track``."""
    return len(questions) + 2 * len(questions[:shown])


def _by_text(guarded: GuardedModel, questions: Sequence[ChoiceQuestion], track: Track) -> list[int]:
    """The choice whose text is the likeliest a character after the question alone, as a text to go on with.

    Small models choose no letter above chance, and may a text (Gao 2021, "Multiple choice normalization").
    """
    encode = guarded.model.chat.tokenizer.encode
    begin, prompts, texts, chosen = _begin(guarded.model.chat.tokenizer), [], [], []
    for question in questions:
        asked = encode(f"Question: {question.text}\nAnswer:", add_special_tokens=False)
        prompts.append((*begin, *asked))
        texts.append([tuple(encode(f" {text}", add_special_tokens=False)) for text in question.choices])
    for question, weights in zip(questions, guarded.weigh(prompts, texts, track), strict=True):
        chosen.append(int(np.argmax(np.array(weights) / [max(1, len(text)) for text in question.choices])))
    return chosen


def _begin(tokenizer: Any) -> tuple[int, ...]:
    """The token with which the model's texts begin, if its chat template has one: Gemma needs it."""
    return (tokenizer.bos_token_id,) if "bos_token" in tokenizer.chat_template else ()


class Oracle:
    """Flags the questions that are known to be about a topic, as a detector would that misses nothing.

    One match each, with the choices where they are shown (``whole``) or without (``question``).
    """

    def __init__(
        self, tokenizer: Any, questions: Mapping[str, Sequence[ChoiceQuestion]], flags: Known = "whole"
    ) -> None:
        """``questions`` are those of each target, by its id."""
        self._decoder = PromptDecoder(tokenizer)
        self._flags = flags
        self._known = [(target_id, one) for target_id, every in questions.items() for one in every]
        self._known.sort(key=lambda pair: -len(pair[1].text))  # the longest that stands there

    def read(self, token_ids: tuple[int, ...]) -> tuple[DecodedPrompt, list[Match]]:
        """As ``Reader.read``."""
        decoded = self._decoder.decode(token_ids)
        for target_id, question in self._known:
            if (start := decoded.text.find(question.text)) >= 0:
                whole = self._flags == "whole" and decoded.text.startswith(question.stretch, start)
                end = start + len(question.stretch if whole else question.text)
                return decoded, [Match(target_id, start, end, 1.0)]
        return decoded, []

    def read_all(self, prompts: Sequence[tuple[int, ...]]) -> list[list[Match]]:
        """As ``Reader.read_all``."""
        return [self.read(prompt)[1] for prompt in prompts]


def _plain(text: str) -> str:
    return " ".join(regex.findall(r"[\w.%$]+", normalise(text)[0])).strip(" .")
