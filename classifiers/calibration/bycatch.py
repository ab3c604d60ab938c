"""Before a topic goes live: which ordinary texts would be taken for it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...vocabulary import ForgetTarget
from ..encoders.encoder import Encoder
from ..evidence import THRESHOLD
from ..forget_index import ForgetIndex
from ..index.lines import Backgrounds, own_texts
from ..text.language import ENGLISH, WORDLESS, language_of, texts_in
from ..text.terms import terms
from .calibration import lower_bound

SHOWN = 3
SHOWN_CHARS = 60
# Of the ordinary texts in the language of a target's own, so many are flagged only if the language is what
# these have in common: 38 to 77 % were for texts in one language about nothing in particular, and for
# topics in a language that the encoder does not know; for topics in English, 0.2 %.
MOST_KIN = 0.1


@dataclass(frozen=True, slots=True)
class Kin:
    """Of ``n`` ordinary texts in the ``language`` of a target's own, no English, ``flagged`` are."""

    language: str
    flagged: int
    n: int


@dataclass(frozen=True, slots=True)
class Bycatch:
    """Of ``n`` ordinary texts of ours ``flagged`` would be taken for a target, by what they are about;
    ``shown`` are some of them, or where there are none the nearest, the first one nearest."""

    target_id: str
    flagged: int
    n: int
    shown: tuple[str, ...]
    kin: Kin | None

    @property
    def warning(self) -> str:
        """What is wrong if it is proven that the language is what flags, or where there is none."""
        if not self.kin:
            return ""
        wordless = self.kin.language == WORDLESS
        if not wordless and lower_bound(self.kin.flagged, self.kin.n) <= MOST_KIN:
            return ""
        alike = "without words" if wordless else f"in the same language ({self.kin.language})"
        common = "have no words" if wordless else "have little but their language in common for this encoder"
        return (
            f"{self.target_id!r}: {self.kin.flagged} of {self.kin.n} ordinary texts {alike} would be "
            f"flagged, since its own {common}; give ordinary texts {alike} as counterexamples, or configure "
            "an encoder that tells such texts apart"
        )

    def __str__(self) -> str:
        texts = ", ".join(map(repr, self.shown))
        such = f"such as {texts}" if self.flagged else f"nearest: {texts}"
        return (
            f"{self.target_id!r}: {self.flagged} of {self.n:,} ordinary texts of ours would be flagged by "
            f"what they are about; {such}"
        )


def measure_bycatch(
    target: ForgetTarget, encoder: Encoder, backgrounds: Backgrounds, threshold: float = THRESHOLD
) -> Bycatch | None:
    """Of a target that has a line, whatever else is listed; ``encoder`` is of its texts.

    None where all ordinary texts are an operator's own traffic, which is never shown.
    """
    texts = backgrounds.texts[backgrounds.private :]
    if not texts:
        return None
    scores = _score(target, encoder, backgrounds, texts)
    nearest = sorted(scores, key=lambda row: -scores[row])
    flagged = [row for row in nearest if scores[row] >= threshold]
    shown = dict.fromkeys(texts[row][:SHOWN_CHARS] for row in (flagged or nearest))
    kin = _kin(target, texts, flagged)
    return Bycatch(target.id, len(flagged), len(texts), tuple(shown)[:SHOWN], kin)


def _score(
    target: ForgetTarget, encoder: Encoder, backgrounds: Backgrounds, texts: Sequence[str]
) -> dict[int, float]:
    """The scores of the texts that lie on the target's side of its line, by their places."""
    index = ForgetIndex(0, [target], encoder, backgrounds=lambda: backgrounds)
    vectors = backgrounds.full.vectors[backgrounds.private :]
    past = index.lines.search(vectors)
    rows = [row for row, found in enumerate(past) if found]
    words = [terms(texts[row]) for row in rows]
    every = index.exemplars.search(vectors[rows], words, [{}] * len(rows), [past[row] for row in rows])
    return {row: max(each.score for each in found) for row, found in zip(rows, every, strict=True)}


def _kin(target: ForgetTarget, texts: Sequence[str], flagged: Sequence[int]) -> Kin | None:
    """What of the texts in the language of most of its own is flagged."""
    own = own_texts(target)
    language, count = Counter(map(language_of, own)).most_common(1)[0]
    if language == ENGLISH or 2 * count <= len(own):
        return None
    alike = texts_in(language, texts)
    return Kin(language, len(set(flagged).intersection(alike)), len(alike))
