"""How long a thread holds the interpreter before another may have it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What comes back from the encoder or the tokenizer waits for its turn, and so does the event loop. Python's
# own 5 ms is for threads that seldom let go; a switch takes about 10 µs.
SECONDS = 0.0005

_lock = threading.Lock()
_inside = 0
_usual = 0.0


@contextmanager
def short_turns() -> Iterator[None]:
    """While any thread is within it, all threads of the process take turns of ``SECONDS`` at most."""
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual, SECONDS))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                sys.setswitchinterval(_usual)
