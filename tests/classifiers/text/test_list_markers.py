from __future__ import annotations

import time

import pytest
from vllm_unlearn.classifiers.text.list_markers import list_markers


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("What falls?\nA. Cash\nB. Demand", ["\nA.", "\nB."]),
        ("What falls?\n\n(a) Cash\n  b) Demand", ["\n\n(a)", "\n  b)"]),
        ("1. Who?\n12] What?\n- this\n* that\n• more", ["1.", "\n12]", "\n-", "\n*", "\n•"]),
        ("A. Franklin wrote it.\nWhen?", []),
        ("A bank lends. B. Franklin\nMr. Smith\n1984 it was\nNo.\n-1 is less\nE.T. phones\nA.", []),
    ],
)
def test_markers_stand_at_the_start_of_a_line_before_a_blank(text: str, markers: list[str]) -> None:
    assert [text[start:end] for start, end in list_markers(text)] == markers


@pytest.mark.parametrize("text", [" ", "\n", "\n ", "(", "\nA", "A. ", "\n- "])
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    began = time.process_time()
    assert len(list_markers(text * (400_000 // len(text)))) <= 400_000
    assert time.process_time() - began < 2
