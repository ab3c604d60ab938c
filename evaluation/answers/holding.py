"""What of an answer waits, and what reading it costs: benign texts, read as if a model wrote them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from ...classifiers.answers.answer import Answer
from ...classifiers.answers.recitals import Recitals
from ...classifiers.answers.watched_names import WatchedNames
from ...classifiers.index.name_index import NameIndex
from ...guard.prompts import PromptDecoder, TokenReader
from ...guard.written_answer import WrittenAnswer
from ...vocabulary import ForgetTarget
from ..data.data_folder import DataFolder
from ..data.datasets import Rwku
from ..data.people import names
from ..data.tofu_data import spread
from .questions import listed_works

FILES = ("benign/long_task_prompts_en", "benign/chat_prompts")
LISTED = 10_000
LEAST_CHARACTERS = 400
MOST_TOKENS = 400
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Holding:
    """``held`` tokens wait after each token of the texts; ``microseconds`` a token is the least of a few
    readings; so often something listed was in the texts, where it was let by."""

    listed: int
    held: npt.NDArray[np.int64]
    mentions: int
    microseconds: float

    @property
    def more_than_one(self) -> float:
        """The share of events that hold more than one token."""
        return float((self.held > 1).mean())

    @property
    def p99(self) -> float:
        """The 99th percentile of tokens that wait."""
        return float(np.percentile(self.held, 99))


def targets(data: DataFolder, count: int) -> list[ForgetTarget]:
    """So many targets by name: RWKU's people, the works, and people who do not exist."""
    known = [*Rwku(data).targets("name", {}), *listed_works()]
    made = (ForgetTarget(id=f"made-{n}", name=name) for n, name in enumerate(names()))
    return [*known, *islice(made, max(0, count - len(known)))]


def texts(data: DataFolder, sample: int) -> Iterator[str]:
    """Long benign texts: of a kind that models write."""
    for file in FILES:
        long = [row["text"] for row in data.rows(file) if len(row["text"]) >= LEAST_CHARACTERS]
        yield from spread(long, -(-sample // len(FILES)))


def measure(
    data: DataFolder,
    tokenizer: PreTrainedTokenizerBase,
    sample: int,
    track: Callable[[], None],
    count: int = LISTED,
) -> Holding:
    """Read ``sample`` texts with ``count`` names listed."""
    listed = targets(data, count)
    watched = WatchedNames(listed, NameIndex(listed, {target.id: [] for target in listed}))
    decoder, recitals = PromptDecoder(tokenizer), Recitals(listed)
    written = [tokenizer.encode(text, add_special_tokens=False)[:MOST_TOKENS] for text in texts(data, sample)]
    seconds, held, mentions = [], list[int](), 0
    for _ in range(REPEATS):
        held, mentions = [], 0
        began = time.process_time()
        for tokens in written:
            mentions += _read(WrittenAnswer(Answer(watched, recitals), decoder), tokens, decoder, held)
        seconds.append(time.process_time() - began)
        track()
    return Holding(len(listed), np.array(held), mentions, 1e6 * min(seconds) / len(held))


def _read(answer: WrittenAnswer, tokens: Sequence[int], decoder: PromptDecoder, held: list[int]) -> int:
    """Read one text, note what waits after each token, and return how much that is listed was let by.

    A token that completes no character is left out: any server waits for the next one.
    """
    mentions, reader = 0, TokenReader(decoder)
    for token in tokens:
        completes = bool(reader.read(token))
        mention = answer.read(token)
        while mention is not None:
            mentions += 1
            answer.allow(mention)
            mention = answer.go_on()
        answer.sent = answer.free
        if completes:
            held.append(len(answer.tokens) - answer.sent)
    return mentions
