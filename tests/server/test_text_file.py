from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from vllm_unlearn.classifiers.calibration.prompt_file import PromptFileError
from vllm_unlearn.server.text_file import TextsError, gather_texts, read_texts, refuse_both
from vllm_unlearn.vocabulary import MAX_TEXT_CHARS, MAX_TEXTS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "questions.txt"


@pytest.mark.parametrize(
    "data",
    [
        b"What is rent?\nWho sets wages?",
        b"\xef\xbb\xbfWhat is rent?\r\n\r\n  Who sets wages?  \r\n",
        b'\xef\xbb\xbf{"question": "What is rent?", "answer": "a price"}\r\n"Who sets wages?"\r\n',
        gzip.compress(b"What is rent?\n\t\nWho sets wages?\n", mtime=0),
    ],
)
def test_a_file_gives_its_texts_however_it_was_saved(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    assert read_texts(file) == ["What is rent?", "Who sets wages?"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"one\n\na\x00b", r"line 3: text holds the control character '\\x00' at character 1"),
        (b"one\n" + b"x" * (MAX_TEXT_CHARS + 1), "line 2: must have at most 20,000 characters"),
        (b'"one"\n{"text": " "}', "line 2: must have at least 1 character; mend these lines"),
        (b'{"question": 3}\n{"answer": "a"}', "line 1: question must be a string, got int; line 2: it needs"),
        (b"%PDF-1.4\n\xe2\xe3", "line 2 is not UTF-8; save it as text in UTF-8"),
        (b"\n \r\n", "holds no text"),
    ],
)
def test_a_line_that_is_no_text_is_named(file: Path, data: bytes, reason: str) -> None:
    file.write_bytes(data)
    with pytest.raises(PromptFileError, match=reason) as caught:
        read_texts(file)
    assert str(file) in str(caught.value) and len(str(caught.value)) < 400


def test_a_folder_or_nothing_is_no_file(file: Path) -> None:
    for path, reason in ((file, "No such file"), (file.parent, "Is a directory")):
        with pytest.raises(PromptFileError, match=f"{path.name} cannot be read: {reason}"):
            read_texts(path)


def test_a_text_given_twice_is_taken_once(file: Path) -> None:
    file.write_text("Who sets wages?\nwho  sets WAGES?\nWhat is rent?\n")
    assert gather_texts(["What is rent?"], [file, file], "exemplars") == ("What is rent?", "Who sets wages?")


def test_more_texts_than_a_target_takes_are_refused_once_repetitions_are_gone(file: Path) -> None:
    file.write_text("".join(json.dumps(f"text {n}") + "\n" for n in range(MAX_TEXTS)) * 2)
    assert len(gather_texts([], [file], "exemplars")) == MAX_TEXTS
    with pytest.raises(TextsError, match=r"5,001 exemplars are more than the 5,000 that a target takes"):
        gather_texts(["one more"], [file], "exemplars")


def test_a_text_cannot_be_about_the_target_and_not() -> None:
    refuse_both(["a", "b"], ["c"])
    with pytest.raises(TextsError, match=r": 1 of the texts, first exemplar 2; take each out"):
        refuse_both(["a", "b  C"], ["B c"])
