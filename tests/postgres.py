"""A PostgreSQL of Debian's packages, with a folder and a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import psycopg
import pytest

# PostgreSQL refuses to run as root; the package makes this user.
_AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
# No power cut has to be survived here; a crash has to, whatever the server makes of a commit.
_OPTIONS = ["fsync=off", "synchronous_commit=off", "shared_buffers=16MB", "jit=off"]


class Postgres:
    """A server that trusts whoever comes from this machine."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="unlearn-postgres-"))
        self._user = _AS_POSTGRES if os.geteuid() == 0 else []
        if self._user:
            shutil.chown(self._folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        make = ["initdb", "-D", "data", "-A", "trust", "-U", "unlearn", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(self._command(*make), check=True, cwd=self._folder, stdout=subprocess.DEVNULL)
        self.start()

    def url(self, database: str = "postgres") -> str:
        """What a configuration would name."""
        return f"postgresql://unlearn:secret-word@127.0.0.1:{self.port}/{database}"

    def make_place(self) -> str:
        """The URL of a schema of its own, empty; a database would take a hundred times as long."""
        name = f"place{next(self._numbers)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.url()}?options=-csearch_path%3D{name}"

    def run(self, *statements: str) -> None:
        """By a connection of its own."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def start(self) -> None:
        """Return once it answers."""
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
        ]
        settings = [word for option in (*options, *_OPTIONS) for word in ("-c", option)]
        command = self._command("postgres", "-D", "data", *settings)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """At once, as a machine that fails does."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop it, and take its folder away."""
        self.stop()
        shutil.rmtree(self._folder)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*self._user, str(self._programs / program), *arguments]


def find_programs() -> Path:
    """The newest PostgreSQL's. Skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: int(file.parts[-3]))
    if not found:
        pytest.skip("it needs PostgreSQL, which is not installed: apt-get install postgresql")
    return found[-1].parent
