"""A running server that answers chats: vLLM, or another with OpenAI's routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ..vocabulary import UserError

# A CPU that answers several requests at once is slow.
TIMEOUT = 300.0
_SAID_CHARS = 200

Message = Mapping[str, str]


class ChatError(UserError, RuntimeError):
    """The server cannot be asked; the message says what it answered, and holds no text of a request."""


class ChatServer:
    """Asks one model of one server; ``url`` as ``doctor`` takes it, with ``/v1`` or without."""

    def __init__(self, url: str, api_key: str | None = None, model: str | None = None) -> None:
        """``model`` is by default the first that the server lists. Raises ``ChatError`` where none answers a
        word of ours: what the server says of that may be shown, for it names nobody."""
        self._url = url.rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            self._client = httpx.Client(base_url=self._url, headers=headers, timeout=TIMEOUT)
        except httpx.InvalidURL as error:
            raise ChatError(f"{url} is no server's address: {error}") from None
        self._model = model or self._first_model()
        self._answer([{"role": "user", "content": "Hello"}], {"max_tokens": 1}, quote=True)

    def write(self, messages: Sequence[Message], *, max_tokens: int) -> str:
        """One sampled answer; of one that was cut off, the whole lines. Raises ``ChatError``."""
        # Without a seed: on a CPU, vLLM 0.32 ends with a seeded request whose prompt it reads in chunks.
        sampling = {"temperature": 0.8, "top_p": 0.95, "max_tokens": max_tokens}
        choice = self._answer(messages, sampling)
        text = str(choice["message"].get("content") or "")
        return text.rpartition("\n")[0] if choice.get("finish_reason") == "length" else text

    def _first_model(self) -> str:
        try:
            return str(self._send("GET", "/v1/models", quote=True)["data"][0]["id"])
        except (LookupError, TypeError):
            raise ChatError(f"{self._url} lists no model; name one with --model") from None

    def _answer(
        self, messages: Sequence[Message], sampling: Mapping[str, object], quote: bool = False
    ) -> dict[str, Any]:
        body = {"model": self._model, "messages": list(messages), **sampling}
        answer = self._send("POST", "/v1/chat/completions", body, quote)
        try:
            choice: dict[str, Any] = answer["choices"][0]
            choice["message"].get("content")
        except (LookupError, TypeError, AttributeError):
            raise ChatError(f"{self._url} answers no chat as OpenAI's servers do") from None
        return choice

    def _send(self, method: str, path: str, body: object = None, quote: bool = False) -> Any:
        try:
            response = self._client.request(method, path, json=body)
            response.raise_for_status()
            return response.json()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ChatError(f"{self._url} is no server's address: write http://HOST:PORT") from None
        except httpx.HTTPStatusError as error:
            raise ChatError(_explain(self._url + path, error.response, quote)) from None
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise ChatError(f"{self._url} does not answer: {said}; is it started?") from None
        except ValueError:
            raise ChatError(f"{self._url}{path} answers no JSON; is it vLLM's?") from None


def _explain(place: str, response: httpx.Response, quote: bool) -> str:
    status = response.status_code
    if status in (401, 403):
        return f"{place} asks for another API key ({status}): give --api-key, or set VLLM_API_KEY"
    said = f": {_error_of(response)[:_SAID_CHARS]}" if quote else "; the server's own log says why"
    return f"{place} answered {status}{said}"


def _error_of(response: httpx.Response) -> str:
    """What OpenAI's error object says, or the body as it is."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return response.text
