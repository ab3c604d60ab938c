from __future__ import annotations

from typing import Any

from vllm_unlearn.guard.canary import WORDS, answer_canary, canary_names


def test_the_two_canaries_are_as_many_tokens(tokenizer: Any) -> None:
    for store_id in map(str, range(50)):
        one, other = (len(tokenizer.encode(f"code: {name}")) for name in canary_names(store_id))
        assert one == other
    assert len({canary_names(str(n))[0] for n in range(1_000)}) == 1_000


def test_each_deployment_has_a_canary_of_answers_of_its_own() -> None:
    assert len(set(WORDS)) == 64
    assert len({answer_canary(str(n)) for n in range(1_000)}) == 1_000
