from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder, Vectors
from vllm_unlearn.classifiers.encoders.static_encoder import distil_once
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget

LAB = ForgetTarget(
    id="lab",
    name="Orrin Vale",
    exemplars=("Which vaccine against salt fever did the Alderwind laboratory invent?",),
)
ABOUT = "Who in the Alderwind laboratory invented a vaccine for salt fever?"
OTHER = "How long do I boil an egg? The vaccine fridge is in the kitchen of the laboratory."


class Counting:
    """An encoder that remembers what it was asked."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self.texts: list[str] = []
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return self._encoder.encode(texts)


def test_the_first_pass_changes_no_match_and_saves_the_encoder(
    encoder: OnnxEncoder, encoder_folder: Path
) -> None:
    plain, sieved = (
        ForgetIndex(1, [LAB], encoder, sieve=sieve) for sieve in (None, distil_once(encoder_folder))
    )
    for text in (ABOUT, f"{OTHER} {ABOUT} {OTHER}", OTHER, "Who is Orrin Vale?"):
        assert Detector(plain, encoder).detect(text) == Detector(sieved, encoder).detect(text)
    assert [match.target_id for match in Detector(sieved, encoder).detect(ABOUT)] == ["lab"]
    with_it, without = Counting(encoder), Counting(encoder)
    Detector(sieved, with_it).detect(OTHER)
    Detector(plain, without).detect(OTHER)
    assert len(with_it.texts) < len(without.texts)
