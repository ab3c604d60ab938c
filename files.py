"""Files and folders that appear whole, or not at all."""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from .vocabulary import UserError

logger = logging.getLogger(__name__)

# So long a process waits for another that makes the same, before it makes its own.
PATIENCE = 300.0


class WriteError(UserError, RuntimeError):
    """A file or folder cannot be written; the message names it, and ``reason`` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} cannot be written: {reason}; make room, or name a place that can be written"
        )
        self.reason = reason


@contextmanager
def replace_file(file: Path, *, private: bool = False) -> Iterator[Path]:
    """A draft that takes the place of ``file`` when the block ends, and is deleted where the block raises.

    Folders above it are made. Where ``file`` is a link, what it leads to is replaced. An old file's mode is
    kept, but a ``private`` one is its owner's alone. Raises ``WriteError``, also for what the block's own
    writing raises.
    """
    with _raise_write_errors(file):
        target = file.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        old_mode = target.stat().st_mode & 0o7777 if target.is_file() else None
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        # What an old file hides is not to be read in its draft either.
        draft.touch(mode=0o666 if old_mode is None and not private else 0o600, exist_ok=False)
        try:
            mode = draft.stat().st_mode if old_mode is None or private else old_mode
            yield draft
            draft.chmod(mode)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def make_folder(folder: Path) -> Iterator[Path]:
    """An empty draft that becomes ``folder`` when the block ends, unless another process made it meanwhile:
    then that one's stays. Folders above it are made. Raises ``WriteError``."""
    with _raise_write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            draft = Path(scratch) / folder.name
            draft.mkdir()
            yield draft
            try:
                draft.replace(folder)
            except OSError:
                if not folder.is_dir():
                    raise


@contextmanager
def take_turn(file: Path) -> Iterator[None]:
    """Wait, and say so, while another process makes ``file``: it may be there when the block begins. Where
    that cannot be told, or takes more than ``PATIENCE`` seconds, go on: what is made twice is the same."""
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            logger.info("unlearn: waiting for another process that makes %s, %.0f s at most", file, PATIENCE)
            lock.acquire(timeout=PATIENCE)
    except (OSError, NotImplementedError, Timeout) as error:
        logger.warning("unlearn: %s is made without a lock (%s)", file, error)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _raise_write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise WriteError(path, getattr(error, "strerror", None) or str(error)) from error
