"""What could have stood in a prompt says no name that is withheld, whatever the chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.outputs import LogprobsTensors
from vllm_unlearn.classifiers.answers.answer import Answer
from vllm_unlearn.classifiers.answers.recitals import Recitals
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.guard.engine.prompt_rows import PromptRows, clear_prompt_rows
from vllm_unlearn.guard.prompts import PromptDecoder
from vllm_unlearn.guard.written_answer import WrittenAnswer
from vllm_unlearn.vocabulary import ForgetTarget

TARGETS = [
    ForgetTarget(id="einstein", name="Albert Einstein"),
    ForgetTarget(id="gatsby", name="The Great Gatsby", kind="work"),
]
OTHERS = (" the", " a", ",")


def written(tokenizer: Any) -> WrittenAnswer:
    names = NameIndex(TARGETS, {target.id: () for target in TARGETS})
    answer = Answer(WatchedNames(TARGETS, names), Recitals(()))
    return WrittenAnswer(answer, PromptDecoder(tokenizer))


def rows(tokenizer: Any, prompt: list[int], alternative: str) -> LogprobsTensors:
    """Of each token but the first: itself, ``alternative`` as the likeliest, and others."""
    others = [tokenizer.encode(text, add_special_tokens=False)[0] for text in (alternative, *OTHERS)]
    ids = torch.tensor([[token, *others] for token in prompt[1:]], dtype=torch.int32)
    values = torch.tensor([[-9.0, -0.1, -3.0, -4.0, -5.0]] * len(ids))
    return LogprobsTensors(ids, values, torch.full((len(ids),), 7, dtype=torch.int32))


def _cut(given: LogprobsTensors, part: slice) -> LogprobsTensors:
    return LogprobsTensors(
        given.logprob_token_ids[part], given.logprobs[part], given.selected_token_ranks[part]
    )


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("The theory of relativity was developed by Albert is", " Einstein"),
        ("The physicist is Albert", " Einstein"),
        ("He wrote The Great Gold", " Gatsby"),
    ],
)
@pytest.mark.parametrize("cached", [0, 2])
def test_no_alternative_completes_a_name(tokenizer: Any, prompt: str, name: str, cached: int) -> None:
    """The engine gives no rows of what it has in its cache."""
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    (token,) = tokenizer.encode(name, add_special_tokens=False)
    given = _cut(rows(tokenizer, ids, name), slice(cached, None))
    done = PromptRows(written(tokenizer), ids).without_names(given)
    for row, before in zip(done.logprob_token_ids.tolist(), given.logprob_token_ids.tolist(), strict=True):
        assert len(set(row)) == len(before) and row[0] == before[0]
    assert token not in done.logprob_token_ids[-1].tolist()
    assert done.selected_token_ranks[-1] == 6


def test_how_likely_a_name_is_that_is_asked_for_by_id_is_made_up(tokenizer: Any) -> None:
    ids = tokenizer.encode("The physicist is Albert is", add_special_tokens=False)
    asked = [tokenizer.encode(text, add_special_tokens=False)[0] for text in (" Einstein", " the", " a")]
    params = SamplingParams(prompt_logprob_token_ids=np.array([asked]), prompt_logprob_start=len(ids) - 2)
    output = EngineCoreOutput("r", [], prompt_token_id_logprobs=torch.tensor([[-0.1, -2.0, -7.0]]))
    request = EngineCoreRequest("r", ids, None, params, None, 0.0, None, None, None)
    clear_prompt_rows(output, written(tokenizer), request, "key")
    assert output.prompt_token_id_logprobs is not None
    hidden, *others = output.prompt_token_id_logprobs[0].tolist()
    assert others == [-2.0, -7.0] and -11.0 < hidden < -0.2


def test_what_the_client_wrote_and_other_words_stay(tokenizer: Any) -> None:
    ids = tokenizer.encode("Albert Einstein was a physicist, and Einstein", add_special_tokens=False)
    given = rows(tokenizer, ids, " Bohr")
    done = PromptRows(written(tokenizer), ids).without_names(given)
    assert all(torch.equal(one, other) for one, other in zip(done[:3], given[:3], strict=True))
