"""A vLLM server as a child process: for the demo, the benchmark and the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import httpx

from ...vocabulary import UserError

BOOT_SECONDS = 300.0


class ServerError(UserError, RuntimeError):
    """The server stopped, or did not come up in time; the message ends with its log."""


class Server:
    """``python -m vllm_unlearn.server.cli serve`` on a free loopback port, until the block ends.

    Without a ``config`` it is plain vLLM: the same command with no plugin loaded.
    """

    def __init__(self, model: Path, log: Path, config: Path | None = None, flags: Sequence[str] = ()) -> None:
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._log = log
        command = [sys.executable, "-m"]
        command += (
            ["vllm_unlearn.server.cli", "serve"] if config else ["vllm_unlearn.evaluation.models.serving"]
        )
        command += [str(model), "--host", "127.0.0.1", "--port", self.url.rpartition(":")[2], *flags]
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("VLLM_UNLEARN_", "VLLM_PLUGINS"))
        }
        environment |= {"VLLM_UNLEARN_CONFIG": str(config)} if config else {"VLLM_PLUGINS": ""}
        self._environment = environment
        self._command = command
        self.process: subprocess.Popen[bytes] | None = None

    def with_environment(self, **variables: str) -> Server:
        """The same server with these environment variables set."""
        self._environment |= variables
        return self

    def __enter__(self) -> Server:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait_until_healthy(self) -> None:
        assert self.process
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if (status := self.process.poll()) is not None:
                raise ServerError(f"the server stopped with status {status}:\n{self.tail()}")
            try:
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.5)
        raise ServerError(f"the server was not up after {BOOT_SECONDS:.0f} s:\n{self.tail()}")

    def tail(self, characters: int = 4_000) -> str:
        """The end of the server's log."""
        return self._log.read_text(errors="replace")[-characters:]

    def _stop(self) -> None:
        """End the server and the processes that it started: all of its own session."""
        assert self.process
        for kill in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kill)
            except ProcessLookupError:
                break
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    from ...guard.engine.vllm_plugin import serve_command

    serve_command(["serve", *sys.argv[1:]])
