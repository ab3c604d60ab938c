"""A text folded for the search, and where its words begin and end in scripts with and without spaces."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from .digraphs import spelt_out
from .folding import normalise

_PARTICLES = (
    "은 는 이 가 을 를 의 에 에게 에서 에게서 와 과 도 만 로 으로 이다 다 라는 이라는 란 이란 씨 님 "
    "께서 한테 보다 처럼 까지 부터 이랑 랑 하고 이나 나 이라고 라고 에는 에서는 에게는 과의 와의 으로서 로서 "
    "이었다 였다 인가 입니까 입니다 이야 야 이며 며"
)
_KOREAN_PARTICLES = frozenset(unicodedata.normalize("NFKD", _PARTICLES).split())
# Conjunctions, prepositions and articles that Arabic and Hebrew write as one word with a name.
_CLITICS = "و ف ب ل ك ال وال بال فال كال ول وب ו ה ב ל מ ש כ וה וב ול ומ וש שה שב של"
_PROCLITICS = frozenset(_CLITICS.split())
_UNSPACED = ("CJK", "HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR")


class FoldedText:
    """A text folded for the search, and the same without its spaces."""

    def __init__(self, text: str, spelling: tuple[str, list[int]] | None = None) -> None:
        """``spelling``, if given, is another way to write it, and where in it each character stands."""
        self.text = text
        self.folded, self.origins = normalise(spelling[0] if spelling else text)
        if spelling:
            self.origins = [spelling[1][origin] for origin in self.origins]
        self.compact = self.folded.replace(" ", "")
        self.places = [place for place, char in enumerate(self.folded) if char != " "]

    @classmethod
    def spellings(cls, text: str) -> Iterator[FoldedText]:
        """The text as it is written, then with ö as oe where it has such letters."""
        yield cls(text)
        if other := spelt_out(text):
            yield cls(text, other)

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where ``folded[begin:end]`` stands in the text."""
        return self.origins[begin], self.origins[end - 1] + 1

    def begins_word(self, begin: int) -> bool:
        """Whether a word begins here, after particles that Arabic and Hebrew write as part of it."""
        if not begin or _joint(self.folded[begin - 1], self.folded[begin]):
            return True
        prefix = self.folded[max(0, begin - 4) : begin].rpartition(" ")[2]
        return prefix in _PROCLITICS

    def ends_word(self, end: int) -> bool:
        """Whether a word ends here; Korean particles stand outside of it."""
        if end == len(self.folded) or _joint(self.folded[end - 1], self.folded[end]):
            return True
        return self.suffix(end, 12) in _KOREAN_PARTICLES

    def suffix(self, end: int, longest: int) -> str:
        """What follows in the same word, at most ``longest`` + 1 letters of it."""
        return self.folded[end : end + longest + 1].partition(" ")[0]


def _joint(left: str, right: str) -> bool:
    """Whether a word may end between two characters: at spaces, where the script changes to or from
    one that is written otherwise, and anywhere in scripts without spaces, save inside of katakana."""
    if left == " " or right == " ":
        return True
    scripts = {script(left), script(right)}
    return len(scripts) > 1 or scripts == {"unspaced"}


@lru_cache(65_536)  # of single characters
def script(char: str) -> str:
    name = unicodedata.name(char, "")
    if name.startswith(_UNSPACED):
        return "unspaced"
    return next((kind for kind in ("KATAKANA", "HANGUL") if name.startswith(kind)), "spaced")
