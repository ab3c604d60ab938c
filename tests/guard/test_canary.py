from __future__ import annotations

from typing import Any

from vllm_unlearn.guard.canary import canary_names


def test_the_two_canaries_are_as_many_tokens(tokenizer: Any) -> None:
    for store_id in map(str, range(50)):
        one, other = (len(tokenizer.encode(f"code: {name}")) for name in canary_names(store_id))
        assert one == other
    assert len({canary_names(str(n))[0] for n in range(1_000)}) == 1_000
