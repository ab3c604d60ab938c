from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.classifiers.calibration.prompt_file import Prompt, PromptFileError, read_prompts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "benign.jsonl"


def written(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_plain_text_is_a_prompt_a_line(file: Path) -> None:
    file.write_bytes("one\r\n\n  two {\nthree\u2028still three".encode())
    assert [(p.text, p.line) for p in read_prompts(file)] == [
        ("one", 1),
        ("two {", 3),
        ("three\u2028still three", 4),
    ]


@pytest.mark.parametrize("compressed", [False, True])
def test_json_lines_are_read_compressed_or_not(file: Path, compressed: bool) -> None:
    data = b'\xef\xbb\xbf{"text": "a", "lang": "en"}\n\n{"text": "", "target": "ann"}'
    file.write_bytes(gzip.compress(data) if compressed else data)
    assert read_prompts(file) == [Prompt("a", None, 1), Prompt("", None, 3, "ann")]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ('{"question": "a?", "choices": ["b"], "answer": 0}\n{"prompt": "c"}\n"d"', ["a?", "c", "d"]),
        ('"a \\"quoted\\" word"\n\n"b"', ['a "quoted" word', "b"]),
        ('"a"\n{"text": "b"}\n"c"', ["a", "b", "c"]),
        ('"To be" is from which play?\n"Quoted"', ['"To be" is from which play?', '"Quoted"']),
        ("[1] What is this?\n{x} is a set.", ["[1] What is this?", "{x} is a set."]),
    ],
)
def test_a_text_may_be_a_string_or_a_field_of_an_object(file: Path, data: str, texts: list[str]) -> None:
    file.write_text(data)
    assert [p.text for p in read_prompts(file)] == texts


def test_a_chat_keeps_its_turns(file: Path) -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}, {"text": "this"}]
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    (prompt,) = read_prompts(written(file, {"messages": messages}))
    assert prompt.text == "Be kind.\nsee\nthis"
    assert [prompt.text[start:end] for start, end in prompt.turns or ()] == ["Be kind.", "see\nthis"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON: Expecting property name"),
        ("plain", "not JSON"),
        ("[]", "a prompt is an object, got list"),
        ("{}", "it needs text, question, prompt, or messages (a list)"),
        ('{"text": "a", "text": "b"}', "the field 'text' is given twice"),
        ('{"text": 3}', "text must be a string, got int"),
        ('{"text": "\\ud800"}', "text holds half a character"),
        ('{"messages": "hello"}', "it needs text, question, prompt, or messages (a list)"),
        ('{"messages": [{"content": 3}]}', "content must be a string, got int"),
        ('{"text": "a", "target": 3}', "target must be an id or a name, got int"),
        ('{"text": ' + "[" * 100_000, ""),
    ],
)
def test_a_line_that_is_no_prompt_is_named(file: Path, bad: str, reason: str) -> None:
    file.write_text('{"text": "good"}\n\n' + bad + '\n{"text": "good"}')
    with pytest.raises(PromptFileError) as caught:
        read_prompts(file)
    assert f"{file}: line 3: " in str(caught.value) and reason in str(caught.value)


def test_a_broken_string_among_strings_is_named(file: Path) -> None:
    file.write_text('"a"\n"b\n"c"')
    with pytest.raises(PromptFileError, match="line 2: not JSON: Unterminated string"):
        read_prompts(file)


def test_many_bad_lines_are_counted(file: Path) -> None:
    file.write_text('{"text": "good"}\n' + "bad\n" * 1_200)
    with pytest.raises(PromptFileError, match=r"line 6: .* \(and 1,195 more\)"):
        read_prompts(file)


def test_a_sample_is_drawn_with_a_seed(file: Path) -> None:
    written(file, *({"text": str(n)} for n in range(100)))
    drawn = read_prompts(file, 10)
    assert len({p.line for p in drawn}) == 10
    assert drawn == read_prompts(file, 10) != read_prompts(file, 10, seed=1)
    assert [p.line for p in drawn] == sorted(p.line for p in drawn)
    assert len(read_prompts(file, 100)) == len(read_prompts(file, 500)) == 100


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "holds no text"),
        (b" \n\n", "holds no text"),
        (b"one\ncaf\xe9", "line 2 is not UTF-8; save it as text in UTF-8"),
        ("one".encode("utf-16"), "line 1 is not UTF-8"),
        (b'["one", "two"]', r"is one JSON array; write one text a line"),
        (b'[\n  "one"\n]', r"is one JSON array"),
        (gzip.compress(b"one\n" * 10_000, mtime=0)[:-20], "cannot be read"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_a_file_that_is_none_says_why(file: Path, data: bytes, reason: str) -> None:
    file.write_bytes(data)
    with pytest.raises(PromptFileError, match=reason):
        read_prompts(file)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(PromptFileError, match=r"benign\.jsonl cannot be read: No such file"):
        read_prompts(file)
