"""The targets that the detector's tests list, and prompts about them."""

from __future__ import annotations

import base64
from collections.abc import Callable

from vllm_unlearn.vocabulary import ForgetTarget, Match

Detect = Callable[..., list[Match]]
AUTHOR = ForgetTarget(id="author", name="Orrin Vale")
BAKER = ForgetTarget(
    id="baker",
    name="Mira Tolland",
    exemplars=(
        "Which secret ingredient is in the sourdough of the bakery in Harrowgate?",
        "Who runs the bakery in Harrowgate?",
    ),
)
CASE = ForgetTarget(
    id="case",
    name="Jon Brell",
    scope="exemplars",
    exemplars=("What was Jon Brell convicted of in 1998?", "Why did Jon Brell go to prison?"),
    counterexamples=("Which prison did Jon Brell paint?", "What did Jon Brell paint in 1998?"),
)
NAMESAKE = ForgetTarget(
    id="namesake",
    name="Paul Marden",
    exemplars=("Which films did the actor Paul Marden star in?", "Is the actor Paul Marden married?"),
    counterexamples=(
        "Which theorem did the mathematician Paul Marden prove?",
        "What does Paul Marden's theorem in algebra say about polynomials?",
    ),
)
DIVER = ForgetTarget(
    id="diver",
    name="Lena Quist",
    passages=(
        "Helena Maria Quist (born 1931) was a Danish diver. She discovered the wreck of the Alderwind near "
        "Skagen. She received several awards.",
    ),
)
TARGETS = [AUTHOR, BAKER, CASE, NAMESAKE, DIVER]
PADDING = "The weather was mild and the harbour busy with small boats unloading crates of fish. "
SOURDOUGH = "Which secret ingredient is in the sourdough of the bakery in Harrowgate?"
WRECK = "She discovered the wreck of the Alderwind near Skagen."
THEOREM = "Which theorem did Paul Marden prove in algebra?"


def spans(text: str, matches: list[Match]) -> list[tuple[str, str]]:
    return [(match.target_id, text[match.start : match.end]) for match in matches]


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PROMPTS = [
    "Who is Orrin Vale?",
    f"{THEOREM} Is the actor Paul Marden married?",
    THEOREM,
    SOURDOUGH,
    "What is in the sourdough of Harrowgate?",
    "Which bread is sold in Harrowgate?",
    "Does Tolland sell bread?",
    "Where did Quist find the wreck?",
    "Where did Boris Quist find the wreck?",
    "Which prison did Jon Brell paint in 1998?",
    "Why did Brell go to prison?",
    "Which films did Marden star in?",
    f"{base64_of(SOURDOUGH)} and {WRECK}",
    f"{PADDING}{WRECK} {PADDING}",
    "東京の天気はどうですか。",
    "",
]
