"""The log-probabilities of a prompt's tokens: what could have stood there says nothing that is withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from vllm.v1.outputs import LogprobsLists, LogprobsTensors

from ..written_answer import WrittenAnswer
from .logprob_rows import without


class PromptRows:
    """Reads a prompt once, as its rows come."""

    def __init__(self, read: WrittenAnswer, prompt: Sequence[int]) -> None:
        """``read`` has read nothing yet."""
        self._read = read
        self._left = iter(prompt)

    def without_names(self, rows: LogprobsTensors) -> LogprobsTensors:
        """The next ``rows``, each of a token and what could have stood in its place, as if no such thing
        completed a name."""
        lists = [self._without_names(row) for row in _split(rows.tolists())]
        if not lists:
            return rows
        columns = zip(*(row[:3] for row in lists), strict=True)
        ids, values, ranks = (torch.from_numpy(np.concatenate(parts)) for parts in columns)
        return rows._replace(logprob_token_ids=ids, logprobs=values, selected_token_ranks=ranks)

    def _without_names(self, row: LogprobsLists) -> LogprobsLists:
        mention = self._read.read(next(self._left))
        while mention is not None:  # the client's own
            self._read.allow(mention)
            mention = self._read.go_on()
        token, *others = row.logprob_token_ids[0].tolist()
        hidden = [other != token and self._read.may_say(other) for other in others]
        if not any(hidden):
            return row
        spare = self._read.find_spare(token, {token, *others}, sum(hidden))
        return without(row, np.array([False, *hidden]), 1 + len(others), spare)


def _split(rows: LogprobsLists) -> Iterator[LogprobsLists]:
    for place in range(len(rows.logprob_token_ids)):
        one = slice(place, place + 1)
        yield LogprobsLists(
            rows.logprob_token_ids[one], rows.logprobs[one], rows.sampled_token_ranks[one], None
        )
