"""The tokens of an answer: which are free, which are taken back, and what would begin a name again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from vllm_unlearn.classifiers.answers.answer import Answer
from vllm_unlearn.classifiers.answers.recitals import Recitals
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.guard.prompts import PromptDecoder
from vllm_unlearn.guard.written_answer import WrittenAnswer
from vllm_unlearn.vocabulary import ForgetTarget

TARGETS = [ForgetTarget(id="e", name="Albert Einstein"), ForgetTarget(id="m", name="村上春樹")]
PIECES = (
    " Albert",
    " Al",
    "Albert",
    "bert",
    " Einstein",
    " Ein",
    "stein",
    "E",
    " E",
    "ium",
    " by",
    " in",
    ".",
    " ",
)
NAMES = NameIndex(TARGETS, {target.id: () for target in TARGETS})
WATCHED = WatchedNames(TARGETS, NAMES), Recitals(TARGETS)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and a few pieces more."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    for piece in PIECES:
        vocabulary.setdefault(piece.replace(" ", "Ġ"), len(vocabulary))
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<end>"])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def decoder(tokenizer: Any) -> PromptDecoder:
    return PromptDecoder(tokenizer)


def written(decoder: PromptDecoder, before: str = "") -> WrittenAnswer:
    return WrittenAnswer(Answer(*WATCHED, before), decoder)


def ids(decoder: PromptDecoder, *pieces: str) -> list[int]:
    """The token of each piece, or its bytes."""
    found: list[int] = []
    for piece in pieces:
        if piece == "<end>":
            found.append(decoder.size - 1)
        elif piece in decoder.tokens_of:
            found.append(decoder.tokens_of[piece][0])
        else:
            of = {decoder.bytes_of(token): token for token in range(256)}
            found += [of[bytes([code])] for code in piece.encode()]
    return found


def read(answer: WrittenAnswer, tokens: list[int]) -> Any:
    """The first mention, or None."""
    for token in tokens:
        if mention := answer.read(token):
            return mention
    return None


@pytest.mark.parametrize(
    ("pieces", "free"),
    [
        ([" by"], 1),
        ([" by", " Albert"], 1),
        ([" by", " Al", "bert", " in"], 4),
        ([" by", " Albert", " Ein"], 1),
        ([" by", " Einstein"], 1),
        ([" by", " Einstein", "ium", "."], 4),
        ([" by", "村"], 1),
        ([" by", "海"], 4),
        ([" by", " "], 2),
    ],
)
def test_tokens_of_what_may_become_a_name_are_not_free(
    pieces: list[str], free: int, decoder: PromptDecoder
) -> None:
    answer = written(decoder)
    assert read(answer, ids(decoder, *pieces)) is None
    assert answer.free == free


@pytest.mark.parametrize(
    ("pieces", "keep"),
    [
        ([" by", " Albert", " Einstein", "."], 1),
        ([" by", " Al", "bert", " Ein", "stein", "."], 1),
        ([" by", " Einstein", "<end>"], 1),
        (["Albert", " Einstein", " in"], 0),
        ([" by", "村上春樹", "."], 1),
        (["村上春樹", "."], 0),
    ],
)
def test_all_tokens_of_a_name_are_taken_back(pieces: list[str], keep: int, decoder: PromptDecoder) -> None:
    answer, tokens = written(decoder), ids(decoder, *pieces)
    mention = read(answer, tokens) or answer.go_on(final=True)
    assert mention
    assert answer.before(mention) == keep
    answer.take_back(keep)
    assert answer.tokens == tokens[:keep]
    assert answer.free == keep
    assert read(answer, ids(decoder, " in", ".")) is None
    assert answer.free == keep + 2


def test_what_is_sent_stays(decoder: PromptDecoder) -> None:
    answer = written(decoder)
    answer.read(*ids(decoder, " Albert"))
    answer.sent = 1
    mention = read(answer, ids(decoder, " Einstein", "."))
    assert mention and mention.start < answer._ends[0]
    assert answer.before(mention) == answer.free == 1


def test_what_would_begin_the_name_again_is_known_with_and_without_its_space(decoder: PromptDecoder) -> None:
    answer = written(decoder)
    mention = read(answer, ids(decoder, " by", " Albert", " Einstein", "."))
    assert mention
    begun = {decoder.text_of(token) for token in answer.beginnings(mention, 1)}
    assert begun == {" Albert", " Al", "Albert", "A"}


def test_of_a_name_that_is_half_sent_the_rest_is_not_begun_again(decoder: PromptDecoder) -> None:
    answer = written(decoder, "It was Albert")
    mention = read(answer, ids(decoder, " Einstein", "."))
    assert mention and mention.start < 0
    begun = {decoder.text_of(token) for token in answer.beginnings(mention, answer.before(mention))}
    assert {" Einstein", " Ein", " E"} <= begun


@pytest.mark.parametrize(
    ("pieces", "token", "says"),
    [
        ([" Albert"], " Einstein", True),
        ([" by"], " Albert", False),
        ([" Ein"], "stein", True),
        ([], "<end>", False),
    ],
)
def test_it_knows_which_token_would_complete_a_name(
    pieces: list[str], token: str, says: bool, decoder: PromptDecoder
) -> None:
    answer = written(decoder)
    read(answer, ids(decoder, *pieces))
    assert answer.would_say(*ids(decoder, token)) is says


@settings(deadline=None)
@given(drawn=st.data())
def test_whatever_tokens_come_no_name_is_sent(drawn: st.DataObject, decoder: PromptDecoder) -> None:
    """As the guard does it: what is free is sent, a mention is taken back."""
    answer = written(decoder)
    token = st.one_of(st.integers(0, decoder.size - 1), st.sampled_from(ids(decoder, *PIECES)))
    for _ in range(drawn.draw(st.integers(1, 30))):
        before = answer.tokens[: answer.sent]
        if mention := answer.read(drawn.draw(token)):
            answer.take_back(answer.before(mention))
        else:
            answer.sent = answer.free
        assert answer.tokens[: len(before)] == before
    text = decoder.decode(answer.tokens[: answer.sent]).text
    assert [hit for hit, alone in WATCHED[0].find(f"{text} ", 0) if not alone] == []
