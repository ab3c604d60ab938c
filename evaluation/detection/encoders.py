"""The encoders of a benchmark run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...classifiers.detector import Detector
from ...classifiers.encoders.encoder import BatchingEncoder, Encoder
from ...classifiers.encoders.segment_cache import SegmentCache
from ...classifiers.encoders.static_encoder import StaticEncoder
from ...classifiers.encoders.vector_cache import VectorCache
from ...classifiers.evidence import THRESHOLD
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.index.lines import Draw
from ...guard.configuration import EncoderSettings
from ...guard.encoders import Encoders
from ...vocabulary import ForgetTarget

# Whole prompts, which every way to give a target asks for again: 200,000 of them.
REMEMBERED = 360 * 2**20


@dataclass(frozen=True, slots=True)
class Workbench:
    """``vectors`` encodes what is indexed and keeps it between runs, ``prompts`` what is asked, from
    many threads, ``unsieved`` the same for what is asked without the first pass (so that neither finds
    what the other paid for), ``whole`` prompts as one vector each; ``sieve`` is the first pass, and
    ``backgrounds`` what lines are drawn against."""

    vectors: VectorCache
    prompts: Encoder
    unsieved: Encoder
    whole: Encoder
    sieve: StaticEncoder | None
    backgrounds: Draw

    @classmethod
    def open(cls, settings: EncoderSettings, cache: Path) -> Workbench:
        """Load the encoder. Raises ``EncoderError`` if there is no such model."""
        encoders = Encoders(settings)
        encoder = encoders.full
        file = cache / f"{encoder.fingerprint[:12]}.vectors"
        prompts, unsieved = (SegmentCache(BatchingEncoder(encoder)) for _ in range(2))
        whole = SegmentCache(encoder, REMEMBERED)
        vectors = VectorCache(encoder, file)
        return cls(vectors, prompts, unsieved, whole, encoders.sieve, encoders.backgrounds)

    def detector(self, targets: Sequence[ForgetTarget], threshold: float = THRESHOLD) -> Detector:
        """What finds ``targets`` in prompts, as it is served."""
        index = ForgetIndex(1, targets, self.vectors, sieve=self.sieve, backgrounds=self.backgrounds)
        return Detector(index, self.prompts, threshold)
