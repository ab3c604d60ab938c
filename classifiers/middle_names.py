"""Names of people, whatever middle names stand between the first and the last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .folded_text import FoldedText
from .folding import normalise

# Titles of works begin so, and "The Oval Office" is no "The Office".
_TITLE_WORDS = "the a an my our la le les el los las il der die das o os as al and of in on"
_ARTICLES = frozenset(_TITLE_WORDS.split())


class MiddleNames:
    """Names of two or more words by their first and last, whatever middle names stand between.

    Only in names that look like a person's: capitalised words, no article. Middle names in the text
    must not contradict the listed ones: "George H. W. Bush" is no "George W. Bush".
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._people: dict[str, dict[str, list[tuple[list[str], tuple[str, str]]]]] = {}
        for target_id, name in pairs:
            words = normalise(name)[0].split()
            if len(words) > 1 and _personal(name, words):
                lasts = self._people.setdefault(words[0], {})
                lasts.setdefault(words[-1], []).append((words[1:-1], (target_id, name)))

    def find(self, folded: FoldedText) -> Iterator[tuple[int, int, list[tuple[str, str]]]]:
        words = [match.span() for match in re.finditer(r"[^ ]+", folded.folded)] if self._people else []
        for first, (begin, stop) in enumerate(words):
            lasts = self._people.get(folded.folded[begin:stop], {})
            for last in range(first + 1, min(first + 4, len(words))) if lasts else ():
                known = lasts.get(folded.folded[slice(*words[last])])
                if known and _continuous(folded, words[first : last + 1]):
                    middle = [folded.folded[slice(*word)] for word in words[first + 1 : last]]
                    owners = [owner for listed, owner in known if _agree(middle, listed)]
                    yield begin, words[last][1], owners


def _personal(name: str, words: list[str]) -> bool:
    capitalised = all(word[:1].isupper() for word in name.split())
    return (
        capitalised
        and "," not in name
        and _ARTICLES.isdisjoint(words)
        and min(len(words[0]), len(words[-1])) > 2
    )


def _continuous(folded: FoldedText, words: list[tuple[int, int]]) -> bool:
    """Whether the words are one name: capitals, with no punctuation between but initials' and quotes."""
    between = folded.text[folded.origins[words[0][0]] : folded.origins[words[-1][0]]]
    if re.search(r"[^\w\s.'’\"“”()-]|\w{2}\.|\n|_", between):
        return False
    return all(folded.text[folded.origins[begin]].isupper() for begin, _ in words)


def _agree(middle: list[str], listed: list[str]) -> bool:
    """Whether middle names can be one person's: equal, initials of the other, or left out."""
    if not middle or not listed:
        return True
    return [word[0] for word in middle] == [word[0] for word in listed] and all(
        len(a) == 1 or len(b) == 1 or a == b for a, b in zip(middle, listed, strict=True)
    )
