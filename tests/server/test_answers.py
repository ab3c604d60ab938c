"""Each surface, asked for somebody whom the question does not name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from engines import Guarded
from surfaces import SURFACES, settled
from vllm_unlearn.vocabulary import ForgetTarget

PLAY = "Who wrote Romeo and Juliet?"
PERSON = ForgetTarget(id="bard", name="William Shakespeare")
# Its items are the client's own.
ASKED = [surface for surface in SURFACES if surface != "generative scoring"]


def _said(guarded: Guarded, surface: str) -> Any:
    answer = settled(SURFACES[surface](guarded.clients, PLAY))
    if surface == "generate, token ids":
        (choice,) = answer["choices"]
        answer["text"] = guarded.clients.post("/detokenize", tokens=choice["token_ids"])["prompt"]
    return answer


@pytest.fixture(scope="module")
def known(guarded: Guarded) -> str:
    return json.dumps(_said(guarded, "chat"))


@pytest.fixture(scope="module")
def answers(known: str, guarded: Guarded) -> Iterator[dict[str, Any]]:
    guarded.serve(guarded.store.forget([PERSON]))
    with ThreadPoolExecutor(8) as pool:
        said = pool.map(lambda surface: _said(guarded, surface), ASKED)
        yield dict(zip(ASKED, said, strict=True))
    guarded.serve(guarded.store.remember([PERSON.id]))


@pytest.mark.parametrize("surface", ASKED)
def test_no_answer_names_whom_the_question_describes(surface: str, answers: dict[str, Any]) -> None:
    assert "Shakespeare" not in json.dumps(answers[surface])


def test_the_model_knows_whom_it_does_not_name(known: str) -> None:
    """Without this the test above would show nothing."""
    assert "William Shakespeare" in known


def test_what_is_counted_is_what_is_delivered(answers: dict[str, Any]) -> None:
    with_rows = answers["chat, logprobs"]
    assert with_rows["usage"]["completion_tokens"] == len(with_rows["choices"][0]["logprobs"]["content"])
    with_ids = answers["generate, token ids"]
    assert len(with_ids["choices"][0]["token_ids"]) == 16
    assert {choice["finish_reason"] for choice in answers["chat, n=2"]["choices"]} <= {"stop", "length"}


def test_an_answer_reads_as_one_where_it_went_on(answers: dict[str, Any]) -> None:
    """Whole words of the model's own, without a mark of what was taken back."""
    text = answers["chat"]["choices"][0]["message"]["content"]
    assert "Romeo and Juliet" in text and "\ufffd" not in text
    assert len(text.split()) > 7
