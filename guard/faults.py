"""What of an unforeseen error may be logged: its message can hold a prompt, an answer or a listed name."""

from __future__ import annotations

import traceback
from pathlib import Path


def place(error: BaseException) -> str:
    """The error's type, and the file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
