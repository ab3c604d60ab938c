"""What is said of a server that cannot be asked. Real answers are in the lab."""

from __future__ import annotations

from typing import Any

import pytest
from fake_endpoint import CHAT, MODELS, Endpoint
from vllm_unlearn.server.chat import ChatError, ChatServer

PRIVATE = [{"role": "user", "content": "Ada Example: a person"}]


def test_the_first_model_is_asked_with_the_key(endpoint: Endpoint) -> None:
    server = ChatServer(f"{endpoint.url}/v1/", api_key="k")
    assert server.write(PRIVATE, max_tokens=9) == "1. a"  # the last line was cut off
    assert [(sent["model"], sent.get("seed")) for sent in endpoint.sent] == [("first", None), ("first", None)]
    assert endpoint.keys == ["Bearer k"] * 2


@pytest.mark.parametrize(
    ("path", "status", "body", "reason"),
    [
        (MODELS, 401, {"error": "Unauthorized"}, r"asks for another API key \(401\): give --api-key"),
        (MODELS, 404, b"not here", "/v1/models answered 404: not here"),
        (MODELS, 200, {"data": []}, "lists no model; name one with --model"),
        (MODELS, 200, b"<html>", "answers no JSON; is it vLLM's"),
        (
            CHAT,
            404,
            {"error": {"message": "The model `x` does not exist."}},
            "404: The model `x` does not exist",
        ),
        (CHAT, 400, {"error": {"message": "no chat template"}}, "answered 400: no chat template"),
        (CHAT, 503, b"busy" * 1_000, r"answered 503: (busy){50}$"),
        (CHAT, 200, [], "answers no chat as OpenAI's servers do"),
        (CHAT, 200, {"choices": []}, "answers no chat as OpenAI's servers do"),
    ],
)
def test_a_server_that_cannot_be_asked_says_why(
    endpoint: Endpoint, path: str, status: int, body: Any, reason: str
) -> None:
    endpoint.answers[path] = (status, body)
    with pytest.raises(ChatError, match=reason):
        ChatServer(endpoint.url)


def test_no_text_of_a_request_is_repeated(endpoint: Endpoint) -> None:
    """A server may send back what it could not read."""
    server = ChatServer(endpoint.url)
    endpoint.answers[CHAT] = (422, {"error": {"message": "bad input: Ada Example: a person"}})
    with pytest.raises(ChatError, match="answered 422; the server's own log says why") as caught:
        server.write(PRIVATE, max_tokens=1)
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9", r"http://127\.0\.0\.1:9 does not answer: .*; is it started"),
        ("127.0.0.1:9", r"127\.0\.0\.1:9 is no server's address: write http://"),
        ("http://localhost:port", "is no server's address"),
    ],
)
def test_an_address_where_nobody_answers_is_named(url: str, reason: str) -> None:
    with pytest.raises(ChatError, match=reason):
        ChatServer(url)
