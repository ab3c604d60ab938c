"""The tokens of one answer: which of them may be sent, and which are taken back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import islice

from ..classifiers.answers.answer import Answer, Mention
from ..classifiers.answers.sentences import AnswerSentences, Sentence
from .prompts import PromptDecoder, TokenReader

# So many characters before a place tell whether a sentence begins there.
_BEFORE = 80


class WrittenAnswer:
    """One answer's tokens and what they read; ``sent`` of them are with the client, and stay."""

    def __init__(
        self, answer: Answer, decoder: PromptDecoder, sentences: AnswerSentences | None = None
    ) -> None:
        """Where there are ``sentences``, each waits until it is let by."""
        self._answer, self._decoder, self._sentences = answer, decoder, sentences
        self._reader = TokenReader(decoder)
        self._ends: list[int] = []
        self.tokens: list[int] = []
        self.sent = 0

    def read(self, token: int) -> Mention | None:
        """Go on with ``token``: the first thing that is listed, as ``Answer.read``."""
        piece = self._reader.read(token)
        self.tokens.append(token)
        self._ends.append(self._answer.length + len(piece))
        if self._sentences:
            self._answer.held = self._sentences.free
            self._sentences.read(piece)
        return self._answer.read(piece)

    def go_on(self, final: bool = False) -> Mention | None:
        """What else is listed in what was read."""
        return self._answer.read("", final)

    def waiting(self, final: bool = False) -> Iterator[Sentence]:
        """The sentences that wait, as ``AnswerSentences.waiting``."""
        return self._sentences.waiting(final) if self._sentences else iter(())

    def let_by(self, sentence: Sentence) -> None:
        """As ``AnswerSentences.let_by``."""
        if self._sentences:
            self._sentences.let_by(sentence)

    def allow(self, mention: Mention) -> None:
        """As ``Answer.allow``."""
        self._answer.allow(mention)

    def remember(self, target_id: str) -> None:
        """As ``Answer.remember``."""
        self._answer.remember(target_id)

    def would_say(self, token: int) -> bool:
        """Whether ``token`` next would complete a name."""
        text = self._decoder.text_of(token)
        return bool(text) and self._answer.would_say(text or "")

    def may_say(self, token: int) -> bool:
        """As ``would_say``, soon decided for most tokens; misspelt names are none."""
        text = self._decoder.text_of(token)
        return bool(text) and self._answer.may_say(text or "")

    def find_spare(self, token: int, known: Collection[int], count: int) -> list[int]:
        """So many tokens besides ``known`` that complete no name; the next to ``token`` in the vocabulary."""
        others = (token + step for step in range(1, 1 + 64 * count))
        free = (other for other in others if other not in known and not self.would_say(other))
        return list(islice((other for other in free if self._decoder.text_of(other)), count))

    @property
    def free(self) -> int:
        """How many tokens can no longer become a name."""
        return max(self.sent, self._until(self._answer.free))

    @property
    def ready(self) -> int:
        """How many tokens may be sent."""
        if self._sentences is None:
            return self.free
        return min(self.free, max(self.sent, self._until(self._sentences.free)))

    def before(self, mention: Mention) -> int:
        """How many tokens stay where ``mention`` is taken back: those before it, and all that are sent."""
        return max(self.sent, self._until(max(0, mention.start)))

    def _until(self, place: int) -> int:
        """How many tokens end at ``place`` or before. One that begins a character and completes none is of
        what comes behind."""
        count = bisect_left(self._ends, place)
        start = self._ends[count - 1] if count else 0
        return count + (start < place and self._ends[count : count + 1] == [place])

    def take_back(self, keep: int) -> None:
        """Forget all tokens but the first ``keep``."""
        del self.tokens[keep:], self._ends[keep:]
        self._reader = TokenReader(self._decoder)
        end = self._ends[-1] if self._ends else 0
        self._answer.rewind(end)
        if self._sentences:
            self._sentences.rewind(end)

    def said(self, first: int, last: int | None = None) -> str:
        """The text behind the ``first`` tokens, up to the end of the ``last``."""
        return self._answer.said(self._end_of(first), None if last is None else self._end_of(last))

    def around(self, mention: Mention, keep: int) -> tuple[str, str] | None:
        """The end of the text of the first ``keep`` tokens, and what stands between it and ``mention``; None
        where that begins in them."""
        start = self._end_of(keep)
        if start > mention.start:
            return None
        return self._answer.said(start - _BEFORE, start), self._answer.said(start, mention.start)

    def _end_of(self, keep: int) -> int:
        return self._ends[keep - 1] if keep else 0

    def beginnings(self, mention: Mention, keep: int) -> set[int]:
        """The tokens that, after the first ``keep``, would begin ``mention`` again as it is written."""
        start = self._end_of(keep)
        gap, text = " " * max(0, mention.start - start), mention.text[max(0, start - mention.start) :]
        begun: set[int] = set()
        for blank in {"", gap[:1]}:
            for end in range(1, len(_first_word(text)) + 1):
                begun.update(self._decoder.tokens_of.get(blank + text[:end], ()))
        return begun


def _first_word(text: str) -> str:
    return text[: next((i for i, char in enumerate(text) if i and not char.isalnum()), len(text))]
