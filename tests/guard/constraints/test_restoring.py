"""Tokens with stand-ins in, the client's own words out, however the model cuts its words."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, FinishReason
from vllm.v1.outputs import LogprobsLists
from vllm_unlearn.guard.constraints.cipher import Cipher
from vllm_unlearn.guard.constraints.restoring import Replay, Restorer, restored
from vllm_unlearn.guard.constraints.stand_ins import Group, Restoration, StandIns

NAMES = ["thegreatgatsby", "the great gatsby", "j r r tolkien", "bo", "村上春樹", "jörg müller"]
CIPHER = Cipher("a key")
STAND_INS = StandIns(CIPHER, [Group(name.split()) for name in NAMES])
WRITTEN = [
    '{"novel": "The Great Gatsby", "author": "Someone else"}',
    "THE GREAT GATSBY, the-great-gatsby and TheGreatGatsby",
    "J. R. R. Tolkien wrote; J.R.R. Tolkien",
    '["Bo", "bo"] and 村上春樹さん',
    "Jörg Müller (Jörg) and MÜLLER",
    "Gatsbyesque, pregatsby",
]


def stood_in(text: str) -> str:
    """``text`` as the model would write it: each of the names' words in stand-in letters."""
    words = sorted({word for name in NAMES for word in name.split()}, key=len, reverse=True)
    found = "|".join(rf"\b{word}\b" if len(word) < 4 else word for word in words)
    return re.sub(found, lambda m: CIPHER.replace(m.group()), text, flags=re.IGNORECASE)


def cut(tokenizer: Any, text: str, seed: int) -> list[int]:
    """Tokens that read ``text``, of words cut anywhere."""
    rng, tokens, place = random.Random(seed), [], 0
    while place < len(text):
        step = rng.randint(1, 9)
        tokens += tokenizer.encode(text[place : place + step], add_special_tokens=False)
        place += step
    return tokens


def fed(
    restorer: Restorer, tokens: Sequence[int], reason: Any = FinishReason.STOP, at_once: int = 1
) -> list[Any]:
    """The outputs that come of ``tokens``, given so many ``at_once``."""
    outputs = []
    for n in range(0, len(tokens), at_once):
        chunk = list(tokens[n : n + at_once])
        row = np.array([[t, t + 1] for t in chunk], dtype=np.int32)
        logprobs = LogprobsLists(row, -row / 1000.0, np.ones(len(chunk), dtype=np.int32))
        finish = reason if n + at_once >= len(tokens) else None
        output = restorer.restore(EngineCoreOutput("id", chunk, new_logprobs=logprobs, finish_reason=finish))
        outputs += [output] if output else []
        if output and output.finished:
            break
    return outputs


def restorer(tokenizer: Any, **params: Any) -> Restorer:
    return Restorer(SamplingParams(**{"max_tokens": 500, **params}), STAND_INS, tokenizer, [1, 2, 3])


def tokens_of(outputs: Sequence[Any]) -> list[int]:
    return [token for output in outputs for token in output.new_token_ids]


@pytest.mark.parametrize("text", WRITTEN)
def test_words_come_back_however_they_are_cut(text: str, tokenizer: Any) -> None:
    written = stood_in(text)
    assert written != text
    for seed in range(20):
        outputs = fed(restorer(tokenizer), cut(tokenizer, written, seed), at_once=1 + seed % 3)
        tokens = tokens_of(outputs)
        assert tokenizer.decode(tokens) == text
        for output in outputs:
            assert output.new_logprobs.logprob_token_ids[:, 0].tolist() == output.new_token_ids


@pytest.mark.parametrize("at_once", [1, 2, 50])
def test_words_come_back_in_the_tokens_that_the_model_would_use(at_once: int, tokenizer: Any) -> None:
    """Also where the model had to spell a stand-in letter by letter."""
    text = "It is The Great Gatsby, by whom? The Great Gatsby"
    spelt = [t for char in stood_in(text) for t in tokenizer.encode(char, add_special_tokens=False)]
    tokens = tokens_of(fed(restorer(tokenizer), spelt, at_once=at_once))
    name = tokenizer.encode(" The Great Gatsby", add_special_tokens=False)
    assert tokenizer.decode(tokens) == text
    assert [n for n in range(len(tokens)) if tokens[n : n + len(name)] == name] != []
    assert tokens[-len(name) :] == name


@pytest.mark.parametrize("written", ["The Great Gatsby", "A novel: The Great Gatsby", "Moby-Dick"])
def test_alternatives_show_no_piece_of_a_stand_in(written: str, tokenizer: Any) -> None:
    """Each place has as its alternatives all that begins a stand-in there."""
    other = CIPHER.replace("The")
    pieces = [start + other[:n] for start in ("", " ") for n in range(1, len(other) + 1)]
    encoded = [tokenizer.encode(piece, add_special_tokens=False) for piece in pieces]
    alternatives = [ids[0] for ids in encoded if len(ids) == 1]
    one, outputs = restorer(tokenizer), []
    for token in tokenizer.encode(stood_in(written), add_special_tokens=False):
        row = np.array([[token, *alternatives, 5]], dtype=np.int32)
        logprobs = LogprobsLists(row, -row / 1000.0, np.ones(1, dtype=np.int32))
        output = EngineCoreOutput("id", [token], new_logprobs=logprobs)
        outputs += [given] if (given := one.restore(output)) else []
    last = one.restore(EngineCoreOutput("id", [], finish_reason=FinishReason.STOP))
    outputs += [last] if last else []
    rows = [row for o in outputs if o.new_logprobs for row in o.new_logprobs.logprob_token_ids]
    first = next(n for n, t in enumerate(tokens_of(outputs)) if tokenizer.decode([t]).strip())
    shown = [tokenizer.decode([t]).strip() for row in rows[first : first + 1] for t in row]
    assert not [s for s in shown if len(s) > 1 and other.startswith(s)], shown
    assert len(rows[0]) == len(alternatives) + 2


@pytest.mark.parametrize("text", ["Nothing is listed here.", "The cat, a bow and J. Smith", "<|im_end|>"])
def test_what_is_no_stand_in_stays_token_for_token(text: str, tokenizer: Any) -> None:
    tokens = cut(tokenizer, text, 5)
    assert tokens_of(fed(restorer(tokenizer), tokens)) == tokens


def test_only_what_may_become_a_stand_in_is_held_back(tokenizer: Any) -> None:
    begun = CIPHER.replace("gats")
    restoration = Restoration(STAND_INS)
    assert restoration.decide("Nothing so fa", False).done == 13
    assert restoration.decide(f"r, {begun}", False).done == 3
    assert restoration.decide(f"{begun}!", False).done == 5
    outputs = fed(restorer(tokenizer), tokenizer.encode("A plain sentence, in ten words or so."), None)
    assert len(outputs) >= 8


def test_a_stand_in_that_is_cut_off_is_cut_off_in_the_clients_words(tokenizer: Any) -> None:
    written = stood_in("A novel: The Great Gatsby")[:-2]
    outputs = fed(restorer(tokenizer), cut(tokenizer, written, 3), FinishReason.LENGTH)
    assert tokenizer.decode(tokens_of(outputs)) == "A novel: The Great Gats"


@pytest.mark.parametrize(("left", "shown"), [(1, "T"), (3, "The"), (5, "The G"), (9, "The Great")])
def test_what_an_answer_begins_with_is_shown_in_the_clients_words(
    left: int, shown: str, tokenizer: Any
) -> None:
    written = stood_in("The Great Gatsby")[:left]
    outputs = fed(restorer(tokenizer), cut(tokenizer, written, 1), FinishReason.LENGTH)
    assert tokenizer.decode(tokens_of(outputs)) == shown


def test_rows_that_another_request_made_wider_are_cut_to_one_width(tokenizer: Any) -> None:
    tokens, widths = tokenizer.encode(stood_in("The Great Gatsby is")), itertools.cycle([2, 6, 3])
    one, outputs = restorer(tokenizer), []
    for n, token in enumerate(tokens):
        row = np.arange(token, token + next(widths), dtype=np.int32)[None]
        logprobs = LogprobsLists(row, -row / 1000.0, np.ones(1, dtype=np.int32))
        reason = FinishReason.STOP if n == len(tokens) - 1 else None
        outputs += [one.restore(EngineCoreOutput("id", [token], new_logprobs=logprobs, finish_reason=reason))]
    assert tokenizer.decode(tokens_of([o for o in outputs if o])) == "The Great Gatsby is"


def test_what_cannot_be_restored_fails_its_own_request(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Restorer, output: Any) -> Any:
        raise ValueError("The Great Gatsby")

    monkeypatch.setattr(Restorer, "restore", fail)
    output = restored(restorer(tokenizer), EngineCoreOutput("id", [5]))
    assert output is not None and (output.finish_reason, output.new_token_ids) == (FinishReason.ERROR, [])
    assert "ValueError at test_restoring.py" in caplog.text and "Gatsby" not in caplog.text


@pytest.mark.parametrize("most", [1, 3, 6])
def test_the_clients_own_limit_holds(most: int, tokenizer: Any) -> None:
    """The engine is given more, for stand-ins take more tokens."""
    written = cut(tokenizer, stood_in("The Great Gatsby, and on and on and on it goes"), 1)
    outputs = fed(restorer(tokenizer, max_tokens=most), written, None)
    tokens = tokens_of(outputs)
    assert len(tokens) == most and outputs[-1].finish_reason == FinishReason.LENGTH
    assert "The Great Gatsby, and on and on".startswith(tokenizer.decode(tokens))


def test_a_stop_token_in_the_clients_words_stops(tokenizer: Any) -> None:
    stop = tokenizer.encode("The Great Gatsby")[-1]
    written = tokenizer.encode(stood_in("The Great Gatsby is here"))
    outputs = fed(restorer(tokenizer, stop_token_ids=[stop]), written, None)
    assert (tokens_of(outputs)[-1], outputs[-1].stop_reason) == (stop, stop)


def test_no_letter_stands_for_itself_and_none_for_two() -> None:
    for text in ("abcdefghijklmnopqrstuvwxyz0123456789", "éèöüßñ", "абвгд", "村上春樹", "김철수", "محمد"):
        other = CIPHER.replace(text)
        assert not any(a == b for a, b in zip(text, other, strict=True) if a != "ß")
        assert len(set(other)) == len(set(text)) and CIPHER.restore(other) == text
        assert CIPHER.replace(text.upper()).lower() == other or "ß" in text


def test_replayed_tokens_are_the_clients() -> None:
    replay = Replay([5, 6, 7])
    row = np.array([[1, 9], [2, 9]], dtype=np.int32)
    output = EngineCoreOutput("id", [1, 2], LogprobsLists(row, row * 0.0, np.ones(2, dtype=np.int32)))
    restored = replay.restore(output)
    assert restored.new_token_ids == [5, 6]
    assert restored.new_logprobs and restored.new_logprobs.logprob_token_ids.tolist() == [[5, 9], [6, 9]]
    assert replay.restore(EngineCoreOutput("id", [3])).new_token_ids == [7]
