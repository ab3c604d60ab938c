from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast
from vllm_unlearn.classifiers.text.segments import Sentences
from vllm_unlearn.guard.prompts import DecodedPrompt, PromptDecoder, UnownedMatchError
from vllm_unlearn.vocabulary import FlaggedToken, Match, Reach, Role


def owners(prompt: DecodedPrompt, matches: Sequence[Match], reach: Reach = "match") -> dict[int, str]:
    return {token.position: token.target_id for token in prompt.flag(matches, reach)}


@pytest.fixture(scope="session")
def decoder(tokenizer: Any) -> PromptDecoder:
    return PromptDecoder(tokenizer)


def test_a_chat_is_split_in_its_turns_at_special_tokens(decoder: PromptDecoder, tokenizer: Any) -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Who is José?\nTell me."},
    ]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    prompt = decoder.decode(ids)
    assert "<|im_" not in prompt.text
    assert [prompt.text[start:end] for start, end in prompt.turns] == [
        "system\nBe kind.",
        "\n",
        "user\nWho is José?\nTell me.",
        "\n",
        "assistant\n",
    ]
    assert len(prompt.spans) == len(ids)
    special = [
        span for token, span in zip(ids, prompt.spans, strict=True) if token in tokenizer.all_special_ids
    ]
    assert special and all(start == end for start, end in special)  # special tokens belong to no text


def test_spans_cover_the_text_in_order(decoder: PromptDecoder, tokenizer: Any) -> None:
    text = "Harry Potter, naïve café — 東京 🤖 done\n\n  indented"
    ids = tokenizer.encode(text, add_special_tokens=False)
    prompt = decoder.decode(ids)
    assert prompt.text == text
    assert prompt.turns == [(0, len(text))]
    assert prompt.spans == sorted(prompt.spans)
    assert {place for span in prompt.spans for place in range(*span)} == set(range(len(text)))
    for token, (start, end) in zip(ids, prompt.spans, strict=True):
        if "\ufffd" not in tokenizer.decode([token]):
            assert text[start:end] == tokenizer.decode([token])


@pytest.mark.parametrize("char", ["🤖", "𓀀", "龘"])
def test_tokens_of_one_character_all_touch_it(decoder: PromptDecoder, tokenizer: Any, char: str) -> None:
    ids = tokenizer.encode(f"a {char}b", add_special_tokens=False)
    prompt = decoder.decode(ids)
    assert prompt.text == f"a {char}b"
    at = prompt.text.index(char)
    touching = {p for p, span in enumerate(prompt.spans) if span[0] <= at < span[1]}
    assert len(touching) >= 2
    assert owners(prompt, [Match("t", at, at + 1, 1.0)]).keys() == touching


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=60))
def test_decoding_gives_the_text_back(decoder: PromptDecoder, tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    assume(tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text)  # it has not every byte
    prompt = decoder.decode(ids)
    assert prompt.text == text
    covered = {position for start, end in prompt.spans for position in range(start, end)}
    assert covered == set(range(len(text)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 49_151), max_size=60))
def test_any_tokens_decode(decoder: PromptDecoder, ids: list[int]) -> None:
    prompt = decoder.decode(ids)
    assert len(prompt.spans) == len(ids)
    assert all(0 <= start <= end <= len(prompt.text) for start, end in prompt.spans)
    assert all(a[1] <= b[0] for a, b in zip(prompt.turns, prompt.turns[1:], strict=False))


JUNK = ["�", "��", "𓀀", "\x7f", "é", " ", "<|im_end|>", "<repo_name>"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 49_151) | st.sampled_from(JUNK), max_size=40), st.booleans())
def test_a_token_with_a_letter_lies_in_its_own_span_whatever_stands_before_it(
    decoder: PromptDecoder, tokenizer: Any, before: list[int | str], cut: bool
) -> None:
    ids = [
        i for b in before for i in ([b] if isinstance(b, int) else tokenizer.encode(b)[: -1 if cut else None])
    ]
    for piece in ("The", " Great", " Gatsby"):
        ids += tokenizer.encode(piece, add_special_tokens=False)
        prompt = decoder.decode(ids)
        start, end = prompt.spans[-1]
        assert prompt.text[start:end].endswith(piece)
        owned = owners(prompt, [Match("t", end - len(piece), end, 1.0)])
        assert len(ids) - 1 in owned and len(owned) <= 2  # its first byte may end a character begun before


def _byte_fallback_tokenizer() -> Any:
    """As SentencePiece makes them: a mark for spaces, and a token for each byte."""
    pieces = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"TheGratsbyWowil?"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    backend.add_special_tokens(["</s>"])
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")


@settings(deadline=None)
@given(st.lists(st.integers(0, 270), max_size=30))
def test_any_bytes_of_a_byte_fallback_tokenizer_decode_and_hide_nothing(before: list[int]) -> None:
    tokenizer = _byte_fallback_tokenizer()
    ids = before + tokenizer.encode(" The Great Gatsby", add_special_tokens=False)
    prompt = PromptDecoder(tokenizer).decode(ids)
    assert prompt.text.endswith(" The Great Gatsby")
    owned = owners(prompt, [Match("t", len(prompt.text) - 6, len(prompt.text), 1.0)])
    assert sorted(owned) == list(range(len(ids) - 6, len(ids)))


def test_characters_of_many_byte_tokens_are_read_behind_odd_bytes() -> None:
    tokenizer = _byte_fallback_tokenizer()
    odd = [tokenizer.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in (0xFF, 0xF0, 0xF0, 0xE6)]
    prompt = PromptDecoder(tokenizer).decode(odd + tokenizer.encode("村上", add_special_tokens=False))
    assert prompt.text == "����村上"
    assert sorted(owners(prompt, [Match("t", 4, 6, 1.0)])) == list(range(4, 10))


def test_a_match_that_owns_no_token_is_an_error() -> None:
    prompt = DecodedPrompt("Ann\nBob", [(0, 3), (3, 3), (4, 7)], [(0, 3), (4, 7)])
    with pytest.raises(UnownedMatchError):
        prompt.flag([Match("t", 3, 4, 1.0)])


@pytest.mark.parametrize("token", [49_152, 2**31, -1, 2**40])
def test_ids_outside_of_the_vocabulary_decode_to_nothing(decoder: PromptDecoder, token: int) -> None:
    assert decoder.decode([token]) == DecodedPrompt("", [(0, 0)], [])


def test_bytes_that_never_complete_a_character_are_decoded(decoder: PromptDecoder, tokenizer: Any) -> None:
    (first_byte, *_) = tokenizer.encode("𓀀", add_special_tokens=False)
    prompt = decoder.decode([first_byte] * 8_000)
    assert len(prompt.spans) == 8_000


def test_a_name_in_odd_tokens_is_owned_by_all_of_them(decoder: PromptDecoder, tokenizer: Any) -> None:
    pieces = ["Who is H", "ar", "ry P", "o", "tt", "er?"]
    ids = [i for piece in pieces for i in tokenizer.encode(piece, add_special_tokens=False)]
    prompt = decoder.decode(ids)
    start = prompt.text.index("Harry Potter")
    owned = owners(prompt, [Match("hp", start, start + 12, 1.0)])
    touched = "".join(prompt.text[slice(*prompt.spans[position])] for position in owned)
    assert "Harry Potter" in touched
    assert 0 not in owned and set(owned.values()) == {"hp"}


def test_a_token_in_two_matches_belongs_to_the_shorter() -> None:
    prompt = DecodedPrompt("Who is Ann?", [(0, 3), (3, 6), (6, 10), (10, 11), (11, 11)], [(0, 11)])
    sentence, name = Match("topic", 0, 11, 0.3), Match("ann", 7, 10, 1.0)
    expected = {0: "topic", 1: "topic", 2: "ann", 3: "topic"}
    assert owners(prompt, [sentence, name]) == owners(prompt, [name, sentence]) == expected
    assert prompt.flag([]) == []


def test_a_match_owns_what_it_touches_and_not_its_neighbours() -> None:
    prompt = DecodedPrompt("abcdef", [(0, 2), (2, 2), (2, 4), (4, 6)], [(0, 6)])
    assert owners(prompt, [Match("t", 2, 4, 1.0)]) == {2: "t"}
    assert owners(prompt, [Match("t", 1, 3, 1.0)]) == {0: "t", 1: "t", 2: "t"}


LISTED = "Which of these does Ann like?\nA. Tea\nB. Rye"


@pytest.mark.parametrize(
    ("match", "left"),
    [
        (Match("t", 0, len(LISTED), 0.9), "\nA.\nB."),
        (Match("t", 0, len(LISTED), 1.0, name="whatever"), ""),
        (Match("t", 0, len(LISTED), 0.9, disguise="spaced"), ""),
        (Match("t", LISTED.index("A. "), LISTED.index(" Tea"), 0.9), None),
    ],
)
@pytest.mark.parametrize("reach", ["match", "sentence"])
def test_what_lists_choices_stays_around_them(
    decoder: PromptDecoder, tokenizer: Any, match: Match, left: str | None, reach: Reach
) -> None:
    prompt = decoder.decode(tokenizer.encode(LISTED, add_special_tokens=False))
    flagged = owners(prompt, [match], reach)
    unflagged = "".join(LISTED[slice(*span)] for p, span in enumerate(prompt.spans) if p not in flagged)
    if left is None:
        assert "A." not in unflagged and flagged
    else:
        assert unflagged == left


def test_a_reach_of_a_sentence_takes_the_rest_of_it_and_no_more() -> None:
    text = "Hello. Who is Ann? Bye."
    spans = [(0, 6), (6, 10), (10, 13), (13, 17), (17, 18), (18, 22), (22, 23)]
    prompt = DecodedPrompt(text, spans, [(0, 23)])
    name, described = Match("ann", 14, 17, 1.0, "Ann"), Match("bye", 19, 23, 0.6)
    assert owners(prompt, [name], "sentence") == dict.fromkeys((1, 2, 3, 4), "ann")
    assert prompt.flag([name]) == [FlaggedToken(3, "ann", Role.NAME, 2, 0)]
    assert prompt.flag([name, described], "sentence") == [
        FlaggedToken(1, "ann", Role.TEXT, 2, 0),
        FlaggedToken(2, "ann", Role.TEXT, 2, 1),
        FlaggedToken(3, "ann", Role.NAME, 2, 2),
        FlaggedToken(4, "ann", Role.TEXT, 2, 3),
        FlaggedToken(5, "bye", Role.TEXT, 3, 4),
        FlaggedToken(6, "bye", Role.TEXT, 3, 5),
    ]


def test_a_sentence_ends_with_its_turn() -> None:
    prompt = DecodedPrompt("Ann\nBob", [(0, 3), (3, 4), (4, 7)], [(0, 3), (4, 7)])
    found = prompt.flag([Match("ann", 0, 3, 1.0), Match("bob", 4, 7, 1.0)])
    assert [(token.position, token.sentence, token.place) for token in found] == [(0, 1, 0), (2, 2, 0)]


def test_with_any_of_it_in_the_turn_that_is_written_the_prompt_gives_a_reply() -> None:
    text = "Who is Ann?\nAnn is a poet."
    spans = [(0, 3), (3, 6), (6, 10), (10, 11), (11, 11), (12, 15), (15, 18), (18, 26)]
    prompt = DecodedPrompt(text, spans, [(0, 11), (12, 26)], (12, 26))
    names = [Match("ann", 7, 10, 1.0, "Ann"), Match("ann", 12, 15, 1.0, "Ann")]
    roles = {token.position: token.role for token in prompt.flag(names, "sentence")}
    given = dict.fromkeys((0, 1, 3), Role.TEXT_GIVEN) | dict.fromkeys((6, 7), Role.REPLY)
    assert roles == given | dict.fromkeys((2, 5), Role.NAME_GIVEN)
    roles = {token.position: token.role for token in prompt.flag(names[:1], "sentence")}
    assert roles == dict.fromkeys((0, 1, 3), Role.TEXT) | {2: Role.NAME}


@pytest.mark.parametrize(
    ("prompt", "written"),
    [
        ("<|im_start|>user\nWho is Ann?<|im_end|>\n<|im_start|>assistant\n", "assistant\n"),
        ("<|im_start|>user\nWho is Ann?<|im_end|>\n<|im_start|>assistant\nAnn is", "assistant\nAnn is"),
        ("<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\nAnn.<|im_end|>\n", "assistant\nAnn."),
        # As with a template whose questions end with a token of their own: nothing is given after it.
        ("<|im_start|>Who is Ann?<repo_name>Ann is a poet.<|im_end|><|im_start|>Where?<repo_name>", ""),
        ("Who is Ann?", ""),
        ("<|im_start|>Who is Ann?", ""),
    ],
)
def test_the_turn_that_is_written_stands_last_and_is_open_or_ended(
    decoder: PromptDecoder, tokenizer: Any, prompt: str, written: str
) -> None:
    decoded = decoder.decode(tokenizer.encode(prompt, add_special_tokens=False))
    start, end = decoded.reply
    assert decoded.text[start:end] == written


def test_the_reach_ends_with_the_turn_and_with_a_window() -> None:
    text = "a" * 600 + " Ann " + "b" * 600
    spans = [(i, i + 1) for i in range(len(text))]
    match = Match("ann", 601, 604, 1.0, "Ann")
    owned = owners(DecodedPrompt(text, spans, [(0, len(text))]), [match], "sentence")
    assert (min(owned), max(owned)) == (201, 1003)
    prompt = DecodedPrompt(text, spans, [(0, 590), (590, 610), (610, len(text))])
    owned = owners(prompt, [match], "sentence")
    assert (min(owned), max(owned)) == (590, 609)


def test_a_tokenizer_that_cannot_place_its_tokens_is_refused() -> None:
    class SlowTokenizer:
        pass

    with pytest.raises(ValueError, match=r"got SlowTokenizer; serve with `--tokenizer-mode hf`"):
        PromptDecoder(SlowTokenizer())


@pytest.mark.parametrize("seed", range(20))
def test_the_tokens_of_a_match_are_those_that_touch_it(seed: int) -> None:
    chance = random.Random(seed)
    spans, place = [], 0
    for _ in range(30):  # special tokens have no characters, and tokens may share a character's
        length = chance.choice([0, 1, 3])
        spans += [(place, place + length)] * chance.choice([1, 1, 2])
        place += length
    prompt = DecodedPrompt("x" * place, spans, [(0, place)])
    for _ in range(50):
        start, end = sorted(chance.choices(range(place + 1), k=2))
        touched = {p for p, (first, last) in enumerate(spans) if first < end and start < last}
        if touched:
            assert owners(prompt, [Match("t", start, end, 1.0)]).keys() == touched


@pytest.mark.parametrize("seed", range(20))
def test_owners_are_those_of_painting_every_match_over_the_longer_ones(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice("ab. ") for _ in range(80))
    prompt = DecodedPrompt(text, [(i, i + 1) for i in range(80)], [(0, 30), (31, 80)])
    starts = [chance.randrange(79) for _ in range(12)]
    matches = [Match(f"t{i}", s, min(80, s + chance.randint(1, 9)), 1.0) for i, s in enumerate(starts)]
    ordered = sorted(matches, key=lambda m: (m.start - m.end, m.start, m.target_id))
    painted: dict[int, str] = {}
    for match in ordered:
        for span in Sentences(text, prompt.turns).around(match.start, match.end):
            painted |= dict.fromkeys(range(*span), match.target_id)
    for match in ordered:
        painted |= dict.fromkeys(range(match.start, match.end), match.target_id)
    assert owners(prompt, matches, "sentence") == painted
