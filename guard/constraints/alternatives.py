"""Alternative tokens in log-probabilities: for one that begins a stand-in, one of the client's word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vllm.v1.outputs import LogprobsLists

from .letters import is_letter
from .stand_ins import StandIns


class Alternatives:
    """Reads the alternatives in rows of log-probabilities, of one token each."""

    def __init__(
        self,
        stand_ins: StandIns,
        read: Callable[[int], str],
        write: Callable[[str], Sequence[int] | None],
    ) -> None:
        """``read`` gives the text of a token, ``write`` the tokens of a text, at the place of the row."""
        self._stand_ins, self._read, self._write = stand_ins, read, write

    def exchanged(
        self, row: LogprobsLists | None, old: int, new: int, written: str, named: bool = False
    ) -> LogprobsLists | None:
        """``row`` in which ``new`` stands for ``old`` after the model has ``written`` so much; ``named`` is
        whether a stand-in stands there."""
        if row is None:
            return None
        ids, values = row.logprob_token_ids.copy(), row.logprobs.copy()
        ids[0, 0] = new
        used = {new, *ids[0, 1:].tolist()} - {old}
        for n, token in enumerate(ids[0, 1:].tolist(), 1):
            own = None if token in (old, new) else self._own(token, written, named, used)
            ids[0, n] = own = new if own is None else own
            used.add(own)
            if own == new:  # of one token the last value counts
                values[0, n] = values[0, 0]
        return row._replace(logprob_token_ids=ids, logprobs=values)

    def _own(self, token: int, written: str, named: bool, used: set[int]) -> int | None:
        """The client's token for an alternative, or the alternative itself; None if each that would do is
        ``used``."""
        text = self._read(token)
        word, before = _last_word(written + text)
        letters = min(len(word), len(text))
        if not letters or not self._stand_ins.begins(word.lower()):
            return token
        if not named and not self._stand_ins.is_begun(word.lower(), before):
            return token
        own = text[: len(text) - letters] + self._stand_ins.restore(word)[-letters:]
        return token if own == text else next((t for t in self._single(own, letters) if t not in used), None)

    def _single(self, text: str, letters: int) -> Iterator[int]:
        """The tokens that read ``text``, or the beginning of it."""
        for left in range(letters):
            tokens = self._write(text[: len(text) - left])
            if tokens and len(tokens) == 1:
                yield tokens[0]


def _last_word(text: str) -> tuple[str, str]:
    """The word that ``text`` ends in, and the one before it in small letters."""
    start = len(text)
    while start and is_letter(text[start - 1]):
        start -= 1
    end = start
    while end and not is_letter(text[end - 1]):
        end -= 1
    begin = end
    while begin and is_letter(text[begin - 1]):
        begin -= 1
    return text[start:], text[begin:end].lower()
