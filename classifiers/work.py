"""What one request may cost, and whether anybody still waits for it."""

from __future__ import annotations

from contextvars import ContextVar

from ..vocabulary import UserError


class TooLongError(UserError, ValueError):
    """A request's texts are longer than what is read of one."""

    def __init__(self, characters: int, limit: int) -> None:
        super().__init__(f"a text has {characters} characters to read, of at most {limit}; shorten it")
        self.characters = characters
        self.limit = limit


class AbandonedError(RuntimeError):
    """The client has gone: nobody waits for this result any more."""


class Work:
    """One request's. Whoever works for it, in whatever thread, asks ``current()``."""

    def __init__(self, limit: int | None = None, *, grows: bool = False) -> None:
        """``limit`` is the number of characters that may be read; None is as many as there are. What
        ``grows`` will soon be asked again, with more behind it."""
        self.abandoned = False
        self.grows = grows
        self._limit = limit
        self._characters = 0

    def read(self, characters: int) -> None:
        """Count a text that is about to be read. Raises ``TooLongError`` and ``AbandonedError``."""
        self.go_on()
        if self._limit is not None:
            self._characters += characters
            if self._characters > self._limit:
                raise TooLongError(self._characters, self._limit)

    def go_on(self) -> None:
        """Raise ``AbandonedError`` if the client has gone: to be asked between the parts of long work."""
        if self.abandoned:
            raise AbandonedError


_current: ContextVar[Work | None] = ContextVar("unlearn_work", default=None)
nobody = Work()
"""What is worked for outside of any request: without limits."""


def current() -> Work:
    """What this thread works for; outside of any request, a work without limits."""
    return _current.get() or nobody


class at:  # noqa: N801
    """Within it, ``current()`` is ``work``."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __enter__(self) -> None:
        self._token = _current.set(self._work)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
