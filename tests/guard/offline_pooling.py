"""One pooling engine under guard, asked to score texts; run by test_pooling.py in a process of its own.

Arguments: the model's folder and the file for the results (JSON).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from vllm_unlearn.guard.configuration import load
from vllm_unlearn.guard.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

LISTED = "The Great Gatsby was written by F. Scott Fitzgerald."
OTHER = "Moby-Dick was written by Herman Melville."


def main(model: str) -> dict[str, Any]:
    from vllm import LLM

    llm = LLM(model, runner="pooling", enforce_eager=True, max_model_len=256, dtype="float32", block_size=32)
    hook: Any = llm.llm_engine._unlearn  # type: ignore[attr-defined]

    def scores(text: str) -> list[float]:
        return list(llm.classify([text], use_tqdm=False)[0].outputs.probs)

    results: dict[str, Any] = {"before": [scores(LISTED), scores(OTHER)]}
    store = Store(load().store)
    generation = store.forget([ForgetTarget(id="gatsby", kind="work", name="The Great Gatsby")])
    deadline = time.monotonic() + 30
    while hook.guard.generation < generation:
        assert time.monotonic() < deadline, "the new generation was not served"
        time.sleep(0.02)
    results["after"] = [scores(LISTED), scores(OTHER)]
    # A prompt as long as the model takes: one that generates would refuse it.
    ids = llm.get_tokenizer().encode(LISTED)
    full: Any = {"prompt_token_ids": ids + [ids[0]] * (256 - len(ids))}
    results["full"] = scores(full)
    hook._settings = hook._settings.model_copy(update={"screen_pooling": False})
    results["unscreened"] = [scores(LISTED), scores(full)]
    hook.guard.close()
    return results


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(sys.argv[1])))
