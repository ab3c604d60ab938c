from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytest
from vllm_unlearn.classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from vllm_unlearn.classifiers.calibration.prompt_file import Prompt
from vllm_unlearn.classifiers.calibration.scope_check import (
    NamesOnly,
    Scope,
    check_scope,
    common_names,
)
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.vocabulary import ForgetTarget

T = TypeVar("T")

ORDINARY = [Prompt(text) for text in ORDINARY_PROMPTS]
Check = Callable[..., Scope]


def target(name: str = "Orrin Vale", **fields: Any) -> ForgetTarget:
    return ForgetTarget.model_validate({"id": "t", "name": name} | fields)


@pytest.fixture(scope="module")
def check(encoder: OnnxEncoder) -> Check:
    def check(name: str = "Orrin Vale", **fields: Any) -> Scope:
        (scope,) = check_scope([target(name, **fields)], encoder, ORDINARY, 1e-3)
        return scope

    return check


def test_two_of_the_ordinary_prompts_are_proof_and_one_is_not() -> None:
    n = len(set(ORDINARY_PROMPTS))
    assert n == len(ORDINARY_PROMPTS) > 300
    assert [Scope("t", flagged, n, 1e-3).over_broad for flagged in (0, 1, 2)] == [False, False, True]


@pytest.mark.parametrize("name", ["the", "water", "IT", "what is", "la", "für", "的"])
def test_a_word_of_everyday_speech_is_over_broad(check: Check, name: str) -> None:
    scope = check(name)
    assert scope.over_broad
    assert scope.reasons[0].part.startswith("the name ")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Orrin Vale", {}),
        ("Stephen King", {"aliases": ["Richard Bachman"]}),
        ("The Great Gatsby", {"kind": "work"}),
        ("Novichok", {"kind": "topic"}),
        ("村上春樹", {"kind": "entity"}),
        ("Orrin Vale", {"exemplars": ["Which prize did Orrin Vale win for his novel The Salt Orchard?"]}),
        ("Jon Brell", {"scope": "exemplars", "exemplars": ["What was Jon Brell convicted of in 1998?"]}),
    ],
)
def test_a_target_of_ordinary_width_flags_nothing(check: Check, name: str, fields: dict[str, Any]) -> None:
    scope = check(name, **fields)
    assert (scope.flagged, scope.over_broad, scope.reasons) == (0, False, ())


def test_an_exemplar_that_asks_of_no_one_is_over_broad_and_named(check: Check) -> None:
    scope = check(exemplars=["Who is the author?", "Which prize did Orrin Vale win in Lisbon?"])
    assert scope.over_broad
    assert [reason.part for reason in scope.reasons] == ["the text 'Who is the author?'"]
    assert "author" in scope.reasons[0].example


def test_the_same_exemplars_in_a_narrow_scope_are_as_broad(check: Check) -> None:
    assert check(exemplars=["Who is the author?"], scope="exemplars").over_broad


def test_scope_exemplars_does_not_flag_its_name(check: Check) -> None:
    assert check("water", scope="exemplars", exemplars=["Who poisoned the Harrowgate well?"]).flagged == 0


def test_at_most_three_reasons_are_given_the_widest_first(check: Check) -> None:
    scope = check("water", aliases=["the", "rice", "banana"], exemplars=["Who is the author?"])
    assert [reason.part for reason in scope.reasons][:2] == ["the name 'the'", "the name 'water'"]
    assert len(scope.reasons) == 3
    assert scope.flagged >= max(reason.prompts for reason in scope.reasons)


def test_the_figures_are_in_the_words(check: Check) -> None:
    scope = check("water")
    words = str(scope)
    assert f"flag {scope.flagged} of {len(ORDINARY)} benign prompts, {scope.rate:.2%}" in words
    assert f"at least {scope.lower:.2%}" in words and "max_fpr allows 0.10%" in words
    assert "pasta" not in words, "a prompt of the sample is repeated"


def test_each_target_is_judged_alone(encoder: OnnxEncoder) -> None:
    """More than are indexed together, one over-broad."""
    targets = [target(f"Person Zq{n} Vx{n}", id=f"p{n}") for n in range(120)]
    targets.insert(60, target("water"))
    calls: list[int] = []

    def track(what: str, prompts: Sequence[T], /) -> Iterable[T]:
        calls.append(len(prompts))
        return prompts

    scopes = check_scope(targets, encoder, ORDINARY[:60], 1e-3, track=track)
    assert [scope.target_id for scope in scopes] == [t.id for t in targets]
    assert [scope.target_id for scope in scopes if scope.flagged] == ["t"]
    assert calls == [60, 60]


def test_without_an_encoder_names_alone_are_judged() -> None:
    targets = [target("water"), target("Zed", id="z", exemplars=["Who is the author?"])]
    water, zed = check_scope(targets, NamesOnly(), ORDINARY, 1e-3)
    assert water.over_broad
    assert zed.flagged == 0


def test_a_threshold_of_ones_own_counts(encoder: OnnxEncoder) -> None:
    broad = target(exemplars=["Who is the author?"])
    assert check_scope([broad], encoder, ORDINARY, 1e-3, threshold=0.99)[0].flagged == 0


def test_turns_are_judged_as_turns(encoder: OnnxEncoder) -> None:
    chat = Prompt("Who is\nOrrin Vale?", [(0, 6), (7, 18)])
    assert check_scope([target()], encoder, [chat], 0.5)[0].flagged == 1


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        (["music"], ["music"]),
        (["Plants", "Orrin Vale"], ["Plants"]),
        (["Gatsby"], []),
        (["The Great Gatsby"], []),
        (["Quuxly", "history"], ["history"]),
    ],
)
def test_a_common_word_as_a_name_is_warned_of(names: list[str], warned: list[str]) -> None:
    words = list(common_names(target(names[0], aliases=names[1:]), 1e-3))
    assert [word.split("'")[1] for word in words] == warned


def test_a_common_word_whose_name_is_not_in_scope_is_no_matter() -> None:
    narrow = target("music", scope="exemplars", exemplars=["x"])
    assert list(common_names(narrow, 1e-3)) == []
