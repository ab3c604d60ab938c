"""A served model: what a client obtains over HTTP, as ``vllm-unlearn serve`` or any vLLM server answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import numpy as np

from ...vocabulary import UserError
from ..forgetting.tofu_methods import Pair, Scores
from .causal_model import Advance, Sampling
from .chat import Chat, Given
from .likelihoods import Likelihood

# Requests under way at once.
CLIENTS = 8
TIMEOUT = 600.0

Item = TypeVar("Item")
Result = TypeVar("Result")


class EndpointError(UserError, RuntimeError):
    """The server cannot be asked; the message says what it answered."""


class Endpoint:
    """As ``tofu_methods.Answering``, over HTTP.

    Answers come from chat completions; likelihoods of given answers from completions of token ids with
    ``prompt_logprobs``, which is vLLM's. They tell nothing of the rest of the vocabulary: ``Likelihood``'s
    ``mean`` and ``deviation`` are not a number.
    """

    def __init__(self, url: str, chat: Chat, api_key: str | None = None) -> None:
        """``url`` is the server's root. Raises ``EndpointError`` where no server answers."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/").removesuffix("/v1")
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT)
        self._chat = chat
        self._model = str(self._request("GET", "/v1/models")["data"][0]["id"])

    def likelihoods(self, pairs: Sequence[Pair], track: Advance) -> Scores:
        """As ``Answering.likelihoods``."""
        return list(self._each(self._likelihood, [self._chat.exchange(*pair) for pair in pairs], track))

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        """As ``Answering.answers``."""
        return self._each(lambda question: self._answers(question, sampling), questions, track)

    def _likelihood(self, answer: Given) -> Likelihood:
        asked = {"prompt": list(answer.token_ids), "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}
        (choice,) = self._request("POST", "/v1/completions", asked)["choices"]
        entries = choice["prompt_logprobs"][answer.start :]
        ids = answer.token_ids[answer.start :]
        logprob = [entry[str(token)]["logprob"] for token, entry in zip(ids, entries, strict=True)]
        likeliest = [min(entry, key=lambda token: int(entry[token]["rank"])) for entry in entries]
        unknown = np.full(len(ids), np.nan)
        return Likelihood(
            np.array(ids), np.array(logprob, dtype=float), unknown, unknown, np.array(likeliest, dtype=int)
        )

    def _answers(self, question: str, sampling: Sampling) -> list[str]:
        asked = {
            "messages": [{"role": "user", "content": question}],
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
            "n": sampling.samples,
        }
        choices = self._request("POST", "/v1/chat/completions", asked)["choices"]
        return [choice["message"]["content"] or "" for choice in choices]

    def _each(self, ask: Callable[[Item], Result], items: Sequence[Item], track: Advance) -> list[Result]:
        results = []
        with ThreadPoolExecutor(CLIENTS) as pool:
            for result in pool.map(ask, items):
                results.append(result)
                track(1)
        return results

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body and body | {"model": self._model})
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            said = f"{error.response.status_code} {error.response.text[:200]}"
            raise EndpointError(f"{self.url}{path} answered {said}") from None
        except httpx.HTTPError as error:
            raise EndpointError(f"no server answers at {self.url} ({error!r}); is it started?") from None
        answer: dict[str, Any] = response.json()
        return answer
