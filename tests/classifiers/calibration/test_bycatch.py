"""A topic's bycatch is told, and that a line is about a language is said; nobody's traffic is shown."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.background.background_texts import background_texts
from vllm_unlearn.classifiers.calibration.bycatch import Bycatch, Kin, measure_bycatch
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.index.lines import Backgrounds
from vllm_unlearn.classifiers.text.language import WORDLESS, texts_in
from vllm_unlearn.vocabulary import ForgetTarget

CHESS = (
    "What is the main idea behind the Sicilian Defence?",
    "How do I checkmate with a king and a rook against a lone king?",
    "When should I trade my bishop for a knight?",
    "Explain the en passant rule to a beginner.",
    "How do grandmasters prepare their openings?",
    "What is the Lucena position in rook endgames?",
)
GERMAN = (
    "Wie wird das Wetter morgen in Hamburg?",
    "Wo finde ich den nächsten Bahnhof?",
    "Warum ist der Himmel blau?",
    "Schreib mir einen Brief an meine Oma.",
    "Wie repariere ich einen tropfenden Wasserhahn?",
    "Was soll ich meiner Schwester zum Geburtstag schenken?",
)
SUMS = ("12 + 30 = ?", "7 * 8 = ?", "100 - 45 = ?", "81 / 9 = ?", "3 + 4 + 5 = ?", "15 * 15 = ?")


def topic(texts: tuple[str, ...]) -> ForgetTarget:
    return ForgetTarget(id="t", kind="topic", name="regatta craft", exemplars=texts)


@pytest.fixture(scope="module")
def ordinary() -> tuple[str, ...]:
    """Few, but with all that is in German."""
    texts = (*ORDINARY_PROMPTS, *background_texts())
    return tuple(dict.fromkeys([*texts[:1_500], *(texts[place] for place in texts_in("de", texts))]))


@pytest.fixture(scope="module")
def backgrounds(encoder: OnnxEncoder, ordinary: tuple[str, ...]) -> Backgrounds:
    return Backgrounds.of(ordinary, encoder.encode(ordinary), None, max_fpr=0.004)


def bycatch_of(texts: tuple[str, ...], encoder: OnnxEncoder, backgrounds: Backgrounds) -> Bycatch:
    found = measure_bycatch(topic(texts), encoder, backgrounds)
    assert found
    return found


def test_what_a_topic_flags_is_shown(
    encoder: OnnxEncoder, backgrounds: Backgrounds, ordinary: tuple[str, ...]
) -> None:
    bycatch = bycatch_of(CHESS, encoder, backgrounds)
    assert 0 < bycatch.flagged < 20 and bycatch.n == len(ordinary)
    assert "Explain the rules of chess to a beginner." in bycatch.shown
    assert 1 < len(bycatch.shown) <= 3 and set(bycatch.shown) <= {text[:60] for text in ordinary}
    assert f"{bycatch.flagged} of {len(ordinary):,} ordinary texts of ours would be flagged" in str(bycatch)
    assert not bycatch.warning


@pytest.mark.parametrize(
    ("texts", "reason"),
    [(GERMAN, "in the same language (de) would be flagged"), (SUMS, "ordinary texts without words would be")],
)
def test_texts_with_only_their_language_in_common_are_warned_of(
    encoder: OnnxEncoder, backgrounds: Backgrounds, texts: tuple[str, ...], reason: str
) -> None:
    assert reason in bycatch_of(texts, encoder, backgrounds).warning


def test_traffic_is_never_shown_nor_counted(encoder: OnnxEncoder) -> None:
    texts = (*CHESS[:3], *ORDINARY_PROMPTS[:200])
    vectors = encoder.encode(texts)
    mixed = Backgrounds.of(texts, vectors, None, max_fpr=0.05, private=3)
    bycatch = bycatch_of(CHESS[3:] * 2 + SUMS[:3], encoder, mixed)
    assert bycatch.n == 200 and not set(bycatch.shown) & set(CHESS)
    own = Backgrounds.of(texts, vectors, None, max_fpr=0.05, private=len(texts))
    assert measure_bycatch(topic(CHESS), encoder, own) is None


@pytest.mark.parametrize(
    ("kin", "warned"),
    [
        (None, False),
        (Kin("de", 2, 55), False),
        (Kin("de", 20, 55), True),
        (Kin("de", 0, 0), False),
        (Kin(WORDLESS, 0, 8), True),
    ],
)
def test_it_takes_proof_to_warn_unless_there_are_no_words(kin: Kin | None, warned: bool) -> None:
    assert bool(Bycatch("t", 30, 9_000, (), kin).warning) is warned
