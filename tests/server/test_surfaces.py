"""Each surface, with the clients that people use: nothing listed, the same bytes; listed, another answer."""

from __future__ import annotations

import json
import re

import pytest
from engines import Guarded, Said
from surfaces import FORCED, INNOCENT, LISTED, LISTED_NOVEL, OPEN, OTHER_NOVEL, SURFACES


@pytest.mark.parametrize("surface", SURFACES)
def test_without_a_match_the_answer_is_plain_vllms(surface: str, plain: Said, guarded: Guarded) -> None:
    assert guarded.said.answers[surface, INNOCENT] == plain.answers[surface, INNOCENT]


@pytest.mark.parametrize("surface", SURFACES)
def test_with_a_match_the_answer_is_another(surface: str, plain: Said, guarded: Guarded) -> None:
    answer, known = guarded.said.answers[surface, LISTED], plain.answers[surface, LISTED]
    assert answer != known
    if surface != "generative scoring":  # its items name the author
        assert "Fitzgerald" not in json.dumps(answer)


def test_plain_vllm_knows_what_is_suppressed(plain: Said) -> None:
    """Without this the test above would show nothing."""
    knowing = [surface for surface in SURFACES if "Fitzgerald" in json.dumps(plain.answers[surface, LISTED])]
    assert {"chat", "completions, token ids", "responses", "messages", "invocations"} <= set(knowing)


@pytest.mark.parametrize("surface", ["chat", "completions", "responses", "messages"])
def test_what_a_client_counts_is_unchanged(surface: str, plain: Said, guarded: Guarded) -> None:
    """Prompt tokens in the usage, and the answer's fields, do not tell a flagged request."""
    answer, known = guarded.said.answers[surface, LISTED], plain.answers[surface, LISTED]
    key = "prompt_tokens" if "prompt_tokens" in known["usage"] else "input_tokens"
    assert answer["usage"][key] == known["usage"][key]
    assert answer.keys() == known.keys()
    assert answer["usage"].keys() == known["usage"].keys()


@pytest.mark.parametrize("surface", FORCED)
def test_a_constraint_without_a_match_is_plain_vllms(surface: str, plain: Said, guarded: Guarded) -> None:
    assert guarded.said.forced[surface, OTHER_NOVEL] == plain.forced[surface, OTHER_NOVEL]


@pytest.mark.parametrize("surface", FORCED)
def test_a_listed_name_that_is_forced_into_the_answer_tells_nothing(
    surface: str, plain: Said, guarded: Guarded
) -> None:
    """The client gets its own words, in a whole answer, around what the model invented."""
    answer, known = guarded.said.forced[surface, LISTED_NOVEL], plain.forced[surface, LISTED_NOVEL]
    text = json.dumps(answer)
    # vLLM leaves a forced tool's call to the model, which reads the name in the prompt.
    if surface.removeprefix("completions, ") in OPEN:
        title = OPEN[surface.removeprefix("completions, ")](LISTED_NOVEL)
        assert re.match(f"The novel {title} was written by ", answer["choices"][0]["text"])
    elif "logprobs" not in surface and "streamed" not in surface and surface != "chat, forced tool":
        assert "Gatsby" in text
        assert answer.keys() == known.keys() and answer["usage"].keys() == known["usage"].keys()
    assert "Fitzgerald" not in text


def test_plain_vllm_tells_what_is_forced_to_mind(plain: Said) -> None:
    """Without this the test above would show nothing."""
    knowing = [
        surface for surface in FORCED if "Fitzgerald" in json.dumps(plain.forced[surface, LISTED_NOVEL])
    ]
    assert {"chat, schema", "generate, schema", "responses, schema"} <= set(knowing)
