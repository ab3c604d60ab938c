"""How many bytes of embeddings may be on their way at once."""

from __future__ import annotations

import threading
import weakref

from ...corruption.corrupted_prompt import CorruptedPrompt


class ByteBudget:
    """Counts the corrupted prompts that vLLM still holds.

    A prompt is counted for as long as it is held: by a request that waits, runs, is aborted or fails alike.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        # A prompt may be let go of by the collector, in the thread that counts another.
        self._lock = threading.RLock()

    def admits(self, prompt: CorruptedPrompt) -> bool:
        """Count a prompt, and return True, if that stays within the limit. The ``n`` copies of a request
        share its rows, here and in the engine."""
        size = prompt.size
        with self._lock:
            if self.used + size > self.limit:
                return False
            self.used += size
        weakref.finalize(prompt, self._release, size).atexit = False
        return True

    def _release(self, size: int) -> None:
        with self._lock:
            self.used -= size
