"""A text that grows is read as it would be whole, and cheaply."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.work import Work, at
from vllm_unlearn.guard.beams import Beams, Turns
from vllm_unlearn.guard.configuration import Settings
from vllm_unlearn.guard.guard import Guard
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget, Match

LISTED = ("Orrin Vale", "The Salt Meadow", "Zendaya")
FILLER = (
    "The committee met on Tuesday and agreed to postpone the vote until the spring.",
    "Please explain how a nurse could write the contract in the office without help",
    "- one more item\n- and another one\n",
    "Rain fell all night! Nobody slept? The lake rose by a hand.",
    "他们昨天去了湖边。天气很好。",
    "A line that goes on and on without any end " * 12,
)
EXEMPLAR = "Which secret ingredient is in the sourdough of Harrowgate?"


@pytest.fixture(scope="module")
def guard(encoder: OnnxEncoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    store = Store.create(f"sqlite:///{tmp_path_factory.mktemp('store') / 'forget.db'}")
    targets = [ForgetTarget(id=f"t{number}", name=name) for number, name in enumerate(LISTED)]
    store.forget([*targets, ForgetTarget(id="bakery", name="Mira Tolland", exemplars=(EXEMPLAR,))])
    guard = Guard(Settings(store=store.url), encoder)
    yield guard
    guard.close()


def made(chance: random.Random, parts: int) -> str:
    said = [*FILLER, *LISTED, EXEMPLAR]
    return " ".join(chance.choice(said if chance.random() < 0.5 else FILLER) for _ in range(parts))


def turns(text: str, chance: random.Random) -> Turns | None:
    if chance.random() < 0.3:
        return None
    cuts = sorted({0, len(text), *(chance.randrange(len(text)) for _ in range(2))})
    return list(pairwise(cuts))


def places(matches: Any) -> set[tuple[str, int, int]]:
    return {(m.target_id, m.start, m.end) for m in matches}


def find(guard: Guard) -> Callable[[str, Turns | None], list[Match]]:
    return lambda text, turns: guard._find(guard._detector, text, turns)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_is_read_as_it_would_be_whole(guard: Guard, seed: int) -> None:
    chance, beams = random.Random(seed), Beams()
    text = made(chance, 24)
    cut = turns(text, chance)
    position = chance.randrange(len(text) // 3, len(text))
    before: set[tuple[str, int, int]] = set()
    while position < len(text):
        until = [(a, min(b, position)) for a, b in cut if a < position] if cut is not None else None
        grown = places(beams.find(guard._detector.index, text[:position], until, find(guard)))
        whole = places(find(guard)(text[:position], until))
        missed = {m for m in whole - grown if m[0] != "bakery"}  # of a description, a window may be another
        assert not missed
        assert {m for m in grown - whole if m[0] != "bakery"} <= before
        assert ("bakery" in {m[0] for m in whole}) <= ("bakery" in {m[0] for m in grown})
        before |= grown
        position += chance.randrange(1, 250)


@pytest.mark.parametrize("split", range(1, len("The Salt Meadow"), 3))
def test_a_name_on_both_sides_of_the_seam_is_found(guard: Guard, split: int) -> None:
    beams, name = Beams(), "The Salt Meadow"
    prompt = " ".join(FILLER) + " Who wrote "
    for end in (split, len(name)):
        found = beams.find(guard._detector.index, prompt + name[:end], None, find(guard))
    assert ("t1", len(prompt), len(prompt) + len(name)) in places(found)


class Reader:
    """Finds nothing, and counts what it was given."""

    def __init__(self) -> None:
        self.characters = 0

    def __call__(self, text: str, turns: Turns | None) -> list[Match]:
        self.characters += len(text)
        return []


class Index:
    pass


@pytest.fixture
def index() -> Index:
    return Index()


def test_a_beam_search_costs_its_prompt_once_and_its_ends(index: Index) -> None:
    beams, reader, prompt = Beams(), Reader(), "A sentence of some length. " * 2_000
    beams.find(index, prompt, None, reader)
    assert reader.characters == len(prompt)
    for step in range(1, 500):
        for beam in range(2):
            beams.find(index, prompt + f" beam {beam} writes" * step, None, reader)
    assert reader.characters < len(prompt) + 1000 * 4_000


@pytest.mark.parametrize("other", ["a beginning", "turns", "index"])
def test_nothing_is_known_of_another_text(index: Index, other: str) -> None:
    beams, reader, text = Beams(), Reader(), "A sentence of some length. " * 100
    beams.find(index, text, [(0, len(text))], reader)
    before, asked = reader.characters, "Another" + text if other == "a beginning" else text
    another, cut = Index() if other == "index" else index, [(0, len(asked))]
    if other == "turns":
        cut = [(0, 30), (30, len(asked))]
    beams.find(another, asked, cut, reader)
    assert reader.characters == before + len(asked)


def test_what_is_remembered_is_bounded(index: Index) -> None:
    beams = Beams(max_bytes=10_000)
    for number in range(1_000):
        beams.find(index, f"{number} " * 400, None, Reader())
    assert 0 < len(beams._known) < 20


def test_the_guard_reads_so_what_will_grow(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = guard._find

    def find(index: Any, text: str, turns: Turns | None) -> list[Match]:
        read.append(text)
        return whole(index, text, turns)

    monkeypatch.setattr(guard, "_find", find)
    text = " ".join(FILLER * 4) + " Who wrote The Salt"
    for grows in (True, False):
        read.clear()
        with at(Work(grows=grows)):
            assert guard.screen(text).action == "pass"
            assert guard.screen(text + " Meadow").action == "corrupt"
        assert (len(read[1]) < len(text)) is grows
