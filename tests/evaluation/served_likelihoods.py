"""Log-probabilities of given answers by a guarded engine; run by test_parity.py in a process of its own.

Arguments: the model's folder, a JSON file of prompts (token ids), the file for the results.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

Rows = list[list[float]]


def main(model: str, prompts: list[list[int]]) -> Rows:
    """For each prompt the log-probability of every token but the first."""
    from vllm import LLM, SamplingParams

    llm = LLM(model, enforce_eager=True, max_model_len=1024, dtype="bfloat16")
    params = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=0)
    found: Rows = []
    for ids in prompts:  # one at a time: batches round otherwise
        prompt: Any = {"prompt_token_ids": ids}
        [output] = llm.generate([prompt], params, use_tqdm=False)
        told = zip(ids[1:], (output.prompt_logprobs or [])[1:], strict=True)
        found.append([entry[token].logprob for token, entry in told if entry])
    llm.llm_engine.engine_core.shutdown()
    return found


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text())
    Path(sys.argv[3]).write_text(json.dumps(main(sys.argv[1], asked)))
    # A thread of vLLM's client may still free the log-probabilities' tensors: where Python is torn down
    # beside it, the process aborts (seen with vLLM 0.32 in two of three runs).
    sys.stdout.flush()
    os._exit(0)
