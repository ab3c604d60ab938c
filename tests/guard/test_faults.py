from __future__ import annotations

import json

from vllm_unlearn.guard.faults import place


def test_an_error_is_named_by_its_place_and_never_by_what_it_says() -> None:
    try:
        json.loads("The Great Gatsby")
    except ValueError as error:
        assert place(error).startswith("JSONDecodeError at decoder.py:")
        assert "Gatsby" not in place(error)


def test_one_that_was_never_raised_has_no_place() -> None:
    assert place(KeyError("The Great Gatsby")) == "KeyError"
