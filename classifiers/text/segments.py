"""Cut a prompt into the texts that are judged: turns, sentences, sliding windows.

Every character of a prompt lies in at least one segment, and each segment is judged on its own, so
that text around a question (padding, a long document, a system prompt) hides nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# A window of 64 words is what a question and its context fill; 400 characters keep even text of
# one token a character under the 512 positions of BERT-sized encoders, so nothing is truncated.
WINDOW_WORDS = 64
WINDOW_CHARS = 400
# A question of its own length: in a wider window without a full stop, padding would dilute it.
NARROW_WORDS = 16

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")
_WORD = re.compile(r"\S+")
# A value in JSON, an argument in code: the signs around it would make another text of it.
_QUOTED = re.compile(r'[:=,\[({]\s?"([^"\n]{12,400})"(?=\s*(?:[,}\])]|\Z))')
# Fewer words are a title or a term.
QUOTED_WORDS = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """``text`` is ``prompt[start:end]``, with no white space at its ends."""

    text: str
    start: int
    end: int


def segment(prompt: str, turns: list[tuple[int, int]] | None = None) -> list[Segment]:
    """Cut ``prompt`` into segments, in order of their start, each span once.

    ``turns`` are the character ranges of the conversation's turns; without them the prompt is one.
    """
    spans: dict[tuple[int, int], None] = {}
    for start, end in turns if turns is not None else [(0, len(prompt))]:
        for span in _spans(prompt, start, end):
            spans.setdefault(span)
    return [Segment(prompt[start:end], start, end) for start, end in sorted(spans)]


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, long ones in windows: what indexed texts are compared by."""
    windows: list[str] = []
    for sentence in _sentences(text, 0, len(text)):
        for start, end in _windows(text, *sentence):
            windows.append(text[start:end])
    return windows


def sentence_ends(text: str, after: int = 0) -> Iterator[tuple[int, int]]:
    """Where sentences end in ``text`` behind ``after``: the places of what stands between two."""
    for boundary in _SENTENCE_END.finditer(text, after):
        yield boundary.span()


class Sentences:
    """The sentences of ``turns``, which are in order and apart, found once."""

    def __init__(self, prompt: str, turns: Sequence[tuple[int, int]]) -> None:
        self._spans: list[tuple[int, int]] = []
        for first, last in turns:
            self._spans += _sentences(prompt, first, last)
        self.starts = [begin for begin, _ in self._spans]
        self._stops = [stop for _, stop in self._spans]

    def around(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The sentences that ``prompt[start:end]`` touches; of one that goes on and on, no more than a
        window to either side."""
        first = bisect_right(self._stops, start)
        for begin, stop in self._spans[first : bisect_left(self.starts, end, lo=first)]:
            yield max(begin, start - WINDOW_CHARS), min(stop, end + WINDOW_CHARS)


def _spans(prompt: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from _windows(prompt, start, end)
    for sentence in _sentences(prompt, start, end):
        yield from _windows(prompt, *sentence)
        yield from _windows(prompt, *sentence, NARROW_WORDS)
    for quoted in _QUOTED.finditer(prompt, start, end):
        if len(quoted[1].split()) >= QUOTED_WORDS:
            yield from _windows(prompt, *quoted.span(1))


def _sentences(prompt: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for boundary in _SENTENCE_END.finditer(prompt, start, end):
        yield position, boundary.start()
        position = boundary.end()
    yield position, end


def _windows(prompt: str, start: int, end: int, width: int = WINDOW_WORDS) -> Iterator[tuple[int, int]]:
    """The range itself where it fits a window, else windows that overlap by half."""
    words: list[tuple[int, int]] = []
    for word in _WORD.finditer(prompt, start, end):
        words += _pieces(*word.span())
    first = 0
    while first < len(words):
        last = first
        while (
            last + 1 < len(words)
            and last + 1 - first < width
            and words[last + 1][1] - words[first][0] <= WINDOW_CHARS
        ):
            last += 1
        yield words[first][0], words[last][1]
        if last + 1 == len(words):
            return
        first = max(first + 1, (first + last + 1) // 2)


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """A word longer than half a window (a language without spaces, an encoding), in such halves."""
    for piece in range(start, end, WINDOW_CHARS // 2):
        yield piece, min(piece + WINDOW_CHARS // 2, end)
