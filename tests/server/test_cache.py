"""Prefix caching, chunked prefill and long prompts."""

from __future__ import annotations

from typing import Any

from engines import TARGET, Guarded, Said

PREAMBLE = "You answer questions about books and places, in one short sentence. " * 16


def _ask(guarded: Guarded, question: str) -> Any:
    messages: Any = [{"role": "system", "content": PREAMBLE}, {"role": "user", "content": question}]
    return guarded.clients.openai.chat.completions.create(
        model="smollm2", messages=messages, max_tokens=16, temperature=0
    )


def _cached(answer: Any) -> int:
    details = answer.usage.prompt_tokens_details
    return (details and details.cached_tokens) or 0


def _text(answer: Any) -> str:
    return str(answer.choices[0].message.content)


def test_clean_flagged_clean(guarded: Guarded) -> None:
    # Twice: a cached prompt is rounded in another order, and cached is to be compared with cached.
    clean = [_ask(guarded, "What is the capital of Japan?") for _ in range(2)][1]
    flagged = [_ask(guarded, "Who wrote The Great Gatsby?") for _ in range(3)]
    again = _ask(guarded, "What is the capital of Japan?")
    assert _text(clean) == _text(again)
    assert _text(flagged[1]) == _text(flagged[2])
    other = _ask(guarded, "Which river flows through Vienna?")
    assert _cached(other) > 150, "the prefix cache is off, and this test shows nothing"
    assert _cached(flagged[0]) == _cached(other), "a flagged prompt is seen by what was cached of it"


def test_a_name_is_not_told_by_what_is_cached_of_its_beginning(plain: Said, guarded: Guarded) -> None:
    assert guarded.said.halves == plain.halves == [0, 320, 320]


def test_blocks_do_not_outlive_their_generation(guarded: Guarded) -> None:
    flagged = _ask(guarded, "What is The Great Gatsby about?")
    guarded.serve(guarded.store.remember([TARGET.id]))
    known = _ask(guarded, "What is The Great Gatsby about?")
    guarded.serve(guarded.store.forget([TARGET]))
    after = _ask(guarded, "What is The Great Gatsby about?")
    assert _text(known) != _text(flagged)
    assert _text(after) == _text(flagged)


def test_a_long_prompt_without_a_match_is_the_same_to_the_last_number(plain: Said, guarded: Guarded) -> None:
    assert guarded.said.long["nothing listed"] == plain.long["nothing listed"]


def test_a_name_deep_in_a_long_prompt_is_corrupted_just_there(plain: Said, guarded: Guarded) -> None:
    """Chunks of 256 tokens: what stands before the name is untouched, and the name no longer read."""
    clean = plain.long["listed in the middle"]["logprobs"]
    flagged = guarded.said.long["listed in the middle"]["logprobs"]
    assert flagged["tokens"][: len(clean["tokens"]) - 8] == clean["tokens"][:-8], "echo shows what was sent"
    name = next(i for i, token in enumerate(clean["tokens"]) if "Gatsby" in token)
    assert 500 < name < len(clean["tokens"]) - 500
    before = clean["tokens"].index(" Great") if " Great" in clean["tokens"] else name - 1
    # A row of log-probabilities is of the token given those before it: the name's first changes nothing.
    assert flagged["token_logprobs"][1:before] == clean["token_logprobs"][1:before]
    assert abs(flagged["token_logprobs"][name] - clean["token_logprobs"][name]) > 1.0
