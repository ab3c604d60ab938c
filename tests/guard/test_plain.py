"""What is wrong with a target that somebody wrote, in the words of a file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from vllm_unlearn.guard.plain import explain, nearest
from vllm_unlearn.vocabulary import ForgetTarget

TARGET: dict[str, Any] = {"id": "vale", "name": "Orrin Vale"}


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"name": 5}, "name: must be text (a string)"),
        ({"aliases": "Vale"}, "aliases: must be a list"),
        ({"aliases": ["Vale", 5]}, "aliases.1: must be text (a string)"),
        ({"exemplars": [""]}, "exemplars.0: must have at least 1 character"),
        ({"note": "x" * 2_001}, "note: must have at most 2,000 characters"),
        ({"alias": ["Vale"]}, "alias: is not known; did you mean 'aliases'?"),
        ({"kind": "entitty"}, "kind: must be 'entity', 'work', 'topic' or 'passage'; did you mean 'entity'?"),
        ({"scope": "Private"}, "scope: must be `all`, `exemplars`, or a word of small letters"),
    ],
)
def test_the_place_and_the_remedy_are_said_and_nothing_of_the_value(
    fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ForgetTarget.model_validate(TARGET | fields)
    assert explain(caught.value, ForgetTarget, "target").startswith(reason)


def test_what_the_object_itself_lacks_is_said_of_the_whole() -> None:
    with pytest.raises(ValidationError) as caught:
        ForgetTarget.model_validate("Orrin Vale")
    assert (
        explain(caught.value, ForgetTarget, "target") == "target: must hold names with values (name: value)"
    )


@pytest.mark.parametrize("name, meant", [("THRESOLD", "threshold"), ("zzz", None)])
def test_the_nearest_name_is_found_in_any_case(name: str, meant: str | None) -> None:
    assert nearest(name, ["threshold", "mode"]) == meant
