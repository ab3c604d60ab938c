"""The sentences of one answer as it is written: each waits until it is let by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ..text.segments import WINDOW_CHARS, sentence_ends

# What goes on and on is judged in pieces, each with so much before it.
_OVERLAP = WINDOW_CHARS // 2


@dataclass(frozen=True, slots=True)
class Sentence:
    """What stands in the answer's characters from ``start`` to before ``end``; or a piece of it, and then
    ``before`` is what it goes on from."""

    text: str
    start: int
    end: int
    before: str = ""

    @property
    def whole(self) -> str:
        """What is judged."""
        return (self.before + self.text).strip()


class AnswerSentences:
    """Cuts the text of one answer, piece by piece, as prompts are cut, in time linear in it."""

    def __init__(self, before: str = "") -> None:
        """The answer goes on from ``before``."""
        self._text, self._first = "", 0
        self._waiting: deque[Sentence] = deque()
        # Where the sentence under way begins, and what it goes on from.
        self._begun = 0
        self._running = before[max((end for _, end in sentence_ends(before)), default=0) :][-_OVERLAP:]
        self.free = 0
        """So many characters of the answer were let by."""

    @property
    def length(self) -> int:
        """How many characters were read."""
        return self._first + len(self._text)

    def read(self, piece: str) -> None:
        """Go on with ``piece``."""
        scanned = len(self._text)
        self._text += piece
        for start, _ in sentence_ends(self._text, scanned):
            self._cut(self._first + start, "")
        while self.length - self._begun > WINDOW_CHARS:
            window = self._slice(self._begun, self._begun + WINDOW_CHARS)
            if not window.strip():  # it says nothing, and goes with what comes next
                self._begun, self._running = self._begun + WINDOW_CHARS, ""
                continue
            end = self._begun + (window.rstrip().rfind(" ") if " " in window.strip() else WINDOW_CHARS)
            self._cut(end, self._slice(max(self._begun, end - _OVERLAP), end))

    def waiting(self, final: bool = False) -> Iterator[Sentence]:
        """What is to be judged; at the end, ``final``, also what was not ended."""
        yield from self._waiting
        if final and (rest := self._sentence(self.length)):
            yield rest

    def let_by(self, sentence: Sentence) -> None:
        """Let the first of ``waiting`` be sent."""
        if self._waiting and self._waiting[0] == sentence:
            self._waiting.popleft()
        else:
            self._begun = sentence.end
        self.free = sentence.end
        self._text, self._first = self._text[self.free - self._first :], self.free

    def rewind(self, place: int) -> None:
        """Forget what was read from ``place`` on."""
        if place < self.free:
            self._first = self._begun = self.free = place
            self._running = ""
        self._text = self._text[: place - self._first]
        while self._waiting and self._waiting[-1].end > place:
            last = self._waiting.pop()
            self._begun = self._waiting[-1].end if self._waiting else self.free
            self._running = last.before[: len(last.before) - (last.start - self._begun)]

    def _cut(self, end: int, running: str) -> None:
        if sentence := self._sentence(end):
            self._waiting.append(sentence)
            self._begun, self._running = end, running

    def _sentence(self, end: int) -> Sentence | None:
        """What stands between the last sentence and ``end``, if that is anything."""
        said = self._slice(self._begun, end)
        text = said.lstrip()
        before = self._running + said[: len(said) - len(text)]
        return Sentence(text, end - len(text), end, before) if text else None

    def _slice(self, start: int, end: int) -> str:
        return self._text[start - self._first : end - self._first]
