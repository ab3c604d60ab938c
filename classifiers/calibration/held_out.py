"""How well exemplars that were left out of the index are found: the recall that a threshold leaves."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from ...vocabulary import ForgetTarget
from ..detector import Detector
from ..encoders.encoder import Encoder
from ..encoders.static_encoder import StaticEncoder
from ..forget_index import ForgetIndex
from ..index.lines import Draw
from ..passages import facts, full_names
from .progress import Track, pass_on

AT_MOST = 1_000
# Of a long text the beginning: all of twenty texts of 20,000 characters took minutes.
LONGEST = 1_000


def cross_validate(
    targets: Sequence[ForgetTarget],
    encoder: Encoder,
    sieve: StaticEncoder | None = None,
    backgrounds: Draw | None = None,
    *,
    at_most: int = AT_MOST,
    track: Track = pass_on,
) -> Iterator[float]:
    """Each exemplar's score of its own target, in an index made from the other half of the exemplars; of a
    long one the score of its first ``LONGEST`` characters.

    Two-fold cross-validation on the targets' exemplars and passages, ``at_most`` of them drawn with a seed:
    an index of half as many finds less than the one that is served, so what is measured is a low estimate.
    A target of one exemplar gives none.
    """
    texts = {target.id: _texts(target) for target in targets}
    for fold in (0, 1):
        halves = [_half(target, texts[target.id], 1 - fold) for target in targets]
        index = ForgetIndex(0, halves, encoder, sieve=sieve, backgrounds=backgrounds)
        detector = Detector(index, encoder)
        cases = list(_cases(targets, texts, fold))
        if len(cases) > at_most // 2:
            cases = random.Random(fold).sample(cases, at_most // 2)
        for target, text in track("held-out exemplars", cases):
            yield detector.scores(text[:LONGEST]).get(target.id, 0.0)


def _texts(target: ForgetTarget) -> list[str]:
    return list(dict.fromkeys([*target.exemplars, *facts(target)]))


def _cases(
    targets: Sequence[ForgetTarget], texts: Mapping[str, list[str]], fold: int
) -> Iterator[tuple[ForgetTarget, str]]:
    """Every other text of each target that has more than one."""
    for target in targets:
        if len(texts[target.id]) > 1:
            for text in texts[target.id][fold::2]:
                yield target, text


def _half(target: ForgetTarget, texts: list[str], fold: int) -> ForgetTarget:
    """The target with every other of its texts; as it is, where it has only one."""
    if len(texts) < 2:
        return target
    names = (*target.aliases, *full_names(target))
    return target.model_copy(update={"exemplars": tuple(texts[fold::2]), "passages": (), "aliases": names})
