from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from vllm_unlearn.corruption.operators.stand_in import AROUND, FREQUENT
from vllm_unlearn.guard.bare_names import most_around


def numbered(words: list[str]) -> Any:
    """A tokenizer of words and single marks, numbered in this order; it has no chat template."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="x"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]|\s+"), "isolated")
    made.decoder = decoders.Fuse()
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=made)


def test_smollm2s_requests_are_what_the_default_is_for(model_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    assert most_around(tokenizer, range(FREQUENT)) + 1 == AROUND


def test_a_tokenizer_that_numbers_punctuation_last_has_more_around_a_name() -> None:
    words = ["x", "Mira", "Tolland", "Who", "What", "is", "of", "the", "me", "wrote", "author", "about", "do"]
    words += ["you", "know", "Tell", "everything"]
    marks = [" ", ".", "?"]
    first, last = numbered([*marks, *words]), numbered([*words, *marks])
    everything, frequent = range(0), range(len(marks))
    assert most_around(first, everything) == most_around(last, everything)
    assert most_around(last, frequent) > most_around(first, frequent)


@pytest.mark.parametrize(
    "template", [None, "{{ raise_exception('a system prompt comes first') }}", "{{ messages[1].content }}"]
)
def test_a_template_that_takes_no_message_alone_is_left_out(template: str | None) -> None:
    tokenizer = numbered(["x", "Mira", "Tolland", "Who", "is", " ", "?"])
    bare = most_around(tokenizer, range(0))
    tokenizer.chat_template = template
    assert most_around(tokenizer, range(0)) == bare > 0
