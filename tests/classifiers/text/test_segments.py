from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.text.segments import (
    NARROW_WORDS,
    WINDOW_CHARS,
    WINDOW_WORDS,
    segment,
    sentences,
)

# Words of all lengths, all kinds of white space and sentence ends, in any order.
PIECES = st.sampled_from(
    [
        "a",
        "word",
        "x" * 199,
        "y" * 401,
        "東京。",
        "end.",
        "no!",
        "…",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "\u2003",
        "é",
    ]
)
PROMPTS = st.one_of(st.text(max_size=600), st.lists(PIECES, max_size=200).map("".join))


@settings(deadline=None)
@given(PROMPTS)
def test_every_character_lies_in_a_segment_of_window_size(prompt: str) -> None:
    covered: set[int] = set()
    spans = []
    for piece in segment(prompt):
        assert prompt[piece.start : piece.end] == piece.text == piece.text.strip() != ""
        assert len(piece.text) <= WINDOW_CHARS
        assert len(piece.text.split()) <= WINDOW_WORDS
        covered.update(range(piece.start, piece.end))
        spans.append((piece.start, piece.end))
    assert covered >= {position for position, char in enumerate(prompt) if not char.isspace()}
    assert spans == sorted(set(spans))


@settings(deadline=None)
@given(PROMPTS, st.lists(st.integers(0, 600), max_size=6))
def test_no_segment_crosses_a_turn(prompt: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(prompt), *(min(cut, len(prompt)) for cut in cuts)})
    turns = list(pairwise(bounds))
    pieces = segment(prompt, turns)
    assert all(any(start <= p.start and p.end <= end for start, end in turns) for p in pieces)
    covered = {position for p in pieces for position in range(p.start, p.end)}
    assert covered >= {position for position, char in enumerate(prompt) if not char.isspace()}


def test_text_outside_of_the_turns_is_not_judged() -> None:
    assert [p.text for p in segment("system\nuser text\n", [(7, 16)])] == ["user text"]
    assert segment("anything", []) == []


def test_a_short_prompt_is_judged_whole_and_by_sentence() -> None:
    prompt = "Who is she? Tell me more. 彼は誰？東京。\nLast line"
    texts = {p.text for p in segment(prompt)}
    assert texts == {prompt, "Who is she?", "Tell me more.", "彼は誰？", "東京。", "Last line"}


def test_windows_overlap_by_half() -> None:
    """A question of half a window is whole in some window, wherever it lies."""
    words = [f"w{number}" for number in range(300)]
    windows = [p.text.split() for p in segment(" ".join(words))]
    half = WINDOW_WORDS // 2
    for first in range(0, 300 - half):
        run = words[first : first + half]
        assert any(run == w[i : i + half] for w in windows for i in [w.index(run[0]) if run[0] in w else 0])


def test_text_without_spaces_is_cut_into_overlapping_windows() -> None:
    pieces = segment("漢" * 1000)
    assert [(p.start, p.end) for p in pieces] == [(0, 400), (200, 600), (400, 800), (600, 1000)]


def test_blank_prompts_have_no_segments() -> None:
    assert segment("") == segment(" \n\t ") == []
    assert sentences("") == sentences(" \n\t ") == []


def test_a_question_of_its_own_length_is_judged_in_a_long_sentence() -> None:
    words = [f"w{number}" for number in range(60)]
    widths = {len(piece.text.split()) for piece in segment(" ".join(words))}
    assert {NARROW_WORDS, 60} <= widths
    for first in range(60 - NARROW_WORDS // 2):
        run = " ".join(words[first : first + NARROW_WORDS // 2])
        assert any(run in p.text for p in segment(" ".join(words)) if len(p.text.split()) <= NARROW_WORDS)


def test_sentences_are_what_indexed_texts_are_compared_by() -> None:
    assert sentences("Who is she? Tell me more. 彼は誰？東京。\nLast line") == [
        "Who is she?",
        "Tell me more.",
        "彼は誰？",
        "東京。",
        "Last line",
    ]


@settings(deadline=None)
@given(PROMPTS)
def test_every_sentence_is_a_segment(prompt: str) -> None:
    """Else an exemplar would not be found in itself."""
    pieces = {piece.text for piece in segment(prompt)}
    assert set(sentences(prompt)) <= pieces


@pytest.mark.parametrize(
    "prompt",
    [
        '{"question": "What does a central bank do?"}',
        '{"messages": [\n  {"role": "user",\n   "content": "What does a central bank do?"\n  }\n]}',
        '["answer this", "What does a central bank do?"]',
        'print(ask("What does a central bank do?"))',
    ],
)
def test_what_json_or_code_holds_is_judged_without_its_signs(prompt: str) -> None:
    assert "What does a central bank do?" in [part.text for part in segment(prompt)]


@pytest.mark.parametrize(
    "prompt",
    ['He said: "What does a central bank do?" and left.', '{"title": "The Great Gatsby"}', 'a "b" c'],
)
def test_what_prose_quotes_and_short_values_are_judged_with_it(prompt: str) -> None:
    assert [part.text for part in segment(prompt)] == [prompt]
