"""A small server that answers as it is told: for what no real server can be made to answer."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHAT, MODELS = "/v1/chat/completions", "/v1/models"


class Endpoint(ThreadingHTTPServer):
    """Answers each path with a status and a body, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {
            MODELS: (200, {"data": [{"id": "first"}, {"id": "second"}]}),
            CHAT: (200, {"choices": [{"message": {"content": "1. a\n2. b"}, "finish_reason": "length"}]}),
        }
        self.sent: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        status, body = self.server.answers[self.path]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.server.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.keys.append(self.headers["Authorization"])
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
