"""The way of a corrupted prompt into the engine, without one: over the wire, and into blocks' keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from arrivals import BLOCK, arrived, remember_vllms_own
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.input_processor import InputProcessor
from vllm.v1.serial_utils import MsgpackEncoder
from vllm_unlearn.corruption.corrupted_prompt import CorruptedPrompt
from vllm_unlearn.guard.engine import engine_core
from vllm_unlearn.guard.engine.patching import HookError

HIDDEN = 8
IDS = list(range(100, 118))  # four whole blocks, and two tokens
ROWS = torch.arange(1.0, 1.0 + len(IDS) * HIDDEN).view(len(IDS), HIDDEN).bfloat16()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_vllms_own(monkeypatch)
    monkeypatch.setattr(
        InputProcessor,
        "process_inputs",
        lambda self, request_id, prompt, params, *_: made(params=params, embeds=prompt.get("prompt_embeds")),
    )
    engine_core.install()


def corrupted(*positions: int, rows: torch.Tensor = ROWS) -> CorruptedPrompt:
    return CorruptedPrompt.of({p: rows[p] for p in positions}, len(IDS))


def made(
    embeds: Any = None, salt: str | None = None, mask: list[bool] | None = None, params: Any = None
) -> EngineCoreRequest:
    params = params or SamplingParams(max_tokens=1)
    request = EngineCoreRequest("r", list(IDS), None, params, None, 0.0, None, salt, None, embeds, mask)
    return request


def keys(*parameters: Any, **more: Any) -> list[bytes]:
    return list(arrived(made(*parameters, **more)).block_hashes)


def test_the_engine_has_the_real_tokens_and_the_rows_alone() -> None:
    request = arrived(made(corrupted(5, 9)))
    assert list(request.all_token_ids) == IDS
    assert isinstance(request.prompt_embeds, CorruptedPrompt)
    assert torch.equal(request.prompt_embeds.rows, ROWS[[5, 9]])
    assert np.flatnonzero(~np.array(request.prompt_is_token_ids)).tolist() == [5, 9]


def test_an_engine_whose_workers_take_no_embeddings_answers_no_flagged_prompt() -> None:
    assert list(arrived(made(), takes_embeddings=False).all_token_ids) == IDS
    with pytest.raises(HookError, match="take no prompt embeddings"):
        arrived(made(corrupted(5)), takes_embeddings=False)


@pytest.mark.parametrize("hidden", [1, 4096])  # inside of the message, and beside it
def test_what_is_sent_grows_with_what_is_flagged(hidden: int) -> None:
    prompt = CorruptedPrompt(torch.zeros((3, hidden), dtype=torch.bfloat16), np.array([1, 2, 3]), len(IDS))
    plain, sent = (
        sum(len(bytes(part)) for part in MsgpackEncoder().encode(made(embeds)))  # type: ignore[arg-type, misc]
        for embeds in (None, prompt)
    )
    assert 0 < sent - plain - prompt.size < 150


def test_copies_hold_their_rows_together() -> None:
    one, other, third = (arrived(made(corrupted(*p))).prompt_embeds for p in ((5, 9), (5, 9), (5,)))
    assert one is other is not third


def test_a_clients_own_embeddings_pass_as_they_were() -> None:
    mask = [position != 3 for position in range(len(IDS))]
    request = arrived(made(ROWS, mask=mask))
    assert torch.equal(torch.as_tensor(request.prompt_embeds), ROWS)
    assert (request.prompt_is_token_ids, request.all_token_ids[3]) == (mask, 0)


def test_beside_a_clients_embeddings_theirs_stay_unknown_tokens() -> None:
    mask = [position != 3 for position in range(len(IDS))]
    request = arrived(made(corrupted(3, 9), mask=mask))
    assert list(request.all_token_ids) == [0 if id_ == IDS[3] else id_ for id_ in IDS]
    assert np.flatnonzero(~np.array(request.prompt_is_token_ids)).tolist() == [3, 9]


@pytest.mark.parametrize("salt", [None, "a tenant's"])
@pytest.mark.parametrize(
    "one, other, blocks",
    [
        (None, corrupted(9), 2),
        (None, corrupted(8), 2),
        (None, corrupted(7), 1),
        (None, corrupted(0), 0),
        (None, corrupted(16), 4),  # of the last, which is no whole block, nothing is kept
        (corrupted(5), corrupted(5), 4),
        (corrupted(5), corrupted(5, 9), 2),
        (corrupted(5), corrupted(6), 1),
        (corrupted(5), corrupted(5, rows=ROWS + 1), 1),
        (corrupted(5), ROWS, 0),  # a client's own embeddings, were they allowed
    ],
)
def test_blocks_are_shared_up_to_the_first_difference(one: Any, other: Any, blocks: int, salt: str) -> None:
    first, second = keys(one, salt), keys(other, salt)
    assert [a == b for a, b in zip(first, second, strict=True)] == [n < blocks for n in range(4)]


def test_no_salt_of_a_clients_makes_its_blocks_those_of_a_flagged_prompt() -> None:
    prompt = corrupted(0)
    digest = prompt.digest(0, BLOCK)
    assert digest
    forged = ["unlearn", f"unlearn:{digest.hex()}", repr(("unlearn", digest)), digest.decode("latin-1")]
    assert not set(keys(prompt)) & {key for salt in forged for key in keys(None, salt)}
