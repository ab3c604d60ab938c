from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from vllm_unlearn.corruption.operators.stand_in import AROUND, FREQUENT
from vllm_unlearn.server.bare_names import most_around


def numbered(words: list[str]) -> Any:
    """A tokenizer of words and single marks, numbered in this order; it has no chat template."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="x"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]|\s+"), "isolated")
    made.decoder = decoders.Fuse()
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=made)


def test_smollm2s_requests_are_what_the_default_is_for(model_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    assert most_around(tokenizer, FREQUENT) + 1 == AROUND


def test_a_tokenizer_that_numbers_punctuation_last_has_more_around_a_name() -> None:
    words = ["x", "Mira", "Tolland", "Who", "What", "is", "of", "the", "me", "wrote", "author", "about", "do"]
    words += ["you", "know", "Tell", "everything"]
    marks = [" ", ".", "?"]
    first, last = numbered([*marks, *words]), numbered([*words, *marks])
    everything, frequent = 0, len(marks)
    assert most_around(first, everything) == most_around(last, everything)
    assert most_around(last, frequent) > most_around(first, frequent)
