"""The log-probabilities of a prompt's tokens: what could have stood there says nothing that is withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.outputs import LogprobsLists, LogprobsTensors

from ...classifiers.work import current
from ..written_answer import WrittenAnswer
from .logprob_rows import made_up, without


def has_prompt_rows(output: EngineCoreOutput) -> bool:
    """Whether ``output`` says how likely the prompt's tokens are."""
    return output.new_prompt_logprobs_tensors is not None or output.prompt_token_id_logprobs is not None


def clear_prompt_rows(
    output: EngineCoreOutput, read: WrittenAnswer, request: EngineCoreRequest, key: str
) -> None:
    """Leave out of ``output`` what completes a name behind the prompt's words, for a ``read`` that has read
    nothing yet. What is made up is drawn with ``key``."""
    params, prompt = request.sampling_params, request.prompt_token_ids
    if not prompt or params is None:
        return
    if (rows := output.new_prompt_logprobs_tensors) is not None:
        output.new_prompt_logprobs_tensors = PromptRows(read, prompt).without_names(rows)
    values, asked = output.prompt_token_id_logprobs, params.prompt_logprob_token_ids
    if values is not None and asked is not None:  # never beside the others
        output.prompt_token_id_logprobs = PromptRows(read, prompt).made_up(values, asked.tolist(), key)


class PromptRows:
    """Reads a prompt once, beside its rows."""

    def __init__(self, read: WrittenAnswer, prompt: Sequence[int]) -> None:
        """``read`` has read nothing yet."""
        self._read = read
        self._prompt = prompt
        self._place = 0

    def without_names(self, rows: LogprobsTensors) -> LogprobsTensors:
        """The last ``rows`` of the prompt, each of a token and what could have stood in its place, as if no
        such thing completed a name. What the engine has in its cache has no rows."""
        if rows.logprob_token_ids.shape[1] == 1:
            return rows
        self._go_to(len(self._prompt) - 1 - len(rows.logprob_token_ids))
        lists = [self._without_names(row) for row in _split(rows.tolists())]
        if not lists:
            return rows
        columns = zip(*(row[:3] for row in lists), strict=True)
        ids, values, ranks = (torch.from_numpy(np.concatenate(parts)) for parts in columns)
        return rows._replace(logprob_token_ids=ids, logprobs=values, selected_token_ranks=ranks)

    def _without_names(self, row: LogprobsLists) -> LogprobsLists:
        current().go_on()
        self._go_to(self._place + 1)
        token, *others = row.logprob_token_ids[0].tolist()
        hidden = [other != token and self._read.may_say(other) for other in others]
        if not any(hidden):
            return row
        spare = self._read.find_spare(token, {token, *others}, sum(hidden))
        return without(row, np.array([False, *hidden]), 1 + len(others), spare)

    def made_up(self, values: torch.Tensor, asked: Sequence[Sequence[int]], key: str) -> torch.Tensor:
        """``values`` of the tokens ``asked`` for by id, shape (rows, tokens), as of the last places of the
        prompt: those of what completes a name are made up (``logprob_rows.made_up``)."""
        self._go_to(len(self._prompt) - 1 - len(values))
        cleared = values.clone()
        for row, tokens in enumerate(asked):
            self._go_to(self._place + 1)
            hidden = [False, *(token >= 0 and self._read.may_say(token) for token in tokens)]
            if any(hidden):
                before = np.concatenate([[0.0], values[row].numpy()])
                made = made_up(before, [-1, *tokens], np.array(hidden), key)
                cleared[row] = torch.from_numpy(made[1:]).to(values.dtype)
        return cleared

    def _go_to(self, place: int) -> None:
        """Read the prompt's tokens up to ``place``: names in them are the client's own."""
        for token in self._prompt[self._place : place]:
            mention = self._read.read(token)
            while mention is not None:
                self._read.allow(mention)
                mention = self._read.go_on()
        self._place = max(self._place, place)


def _split(rows: LogprobsLists) -> Iterator[LogprobsLists]:
    for place in range(len(rows.logprob_token_ids)):
        one = slice(place, place + 1)
        yield LogprobsLists(
            rows.logprob_token_ids[one], rows.logprobs[one], rows.sampled_token_ranks[one], None
        )
