"""Lines that are kept: drawn once, and the same after a start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from vllm_unlearn.classifiers.background.background import Background, Sides
from vllm_unlearn.classifiers.background.line import Line
from vllm_unlearn.classifiers.background.line_cache import LineCache
from vllm_unlearn.classifiers.encoders.encoder import Vectors


def draw(count: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)


ONE: Sides = draw(20, 1) + 2, draw(0, 0)
OTHER: Sides = draw(30, 2) - 2, draw(5, 3)


class Counting(Background):
    """The real thing, and how many lines it drew."""

    drawn = 0

    def fit(self, sides: Sequence[Sides]) -> list[Line]:
        self.drawn += len(sides)
        return super().fit(sides)


@pytest.fixture
def backgrounds() -> list[Counting]:
    return [Counting(draw(1_000, 4)), Counting(draw(2_000, 5))]


@pytest.fixture
def file(backgrounds: list[Counting], tmp_path: Path) -> Path:
    cache = LineCache(tmp_path / "a.lines")
    for background in backgrounds:
        cache.fit(background, [ONE, OTHER])
    cache.settle()
    return tmp_path / "a.lines"


def same(one: Line, other: Line) -> bool:
    numbers = (one.offset, one.size, one.against) == (other.offset, other.size, other.against)
    return numbers and np.array_equal(one.normal, other.normal) and np.array_equal(one.tail, other.tail)


def test_each_line_is_drawn_once_and_is_the_same_afterwards(backgrounds: list[Counting], file: Path) -> None:
    cache = LineCache(file)
    for background in backgrounds:
        lines = cache.fit(background, [OTHER, ONE])
        assert background.drawn == 2
        assert all(map(same, lines, Background(background.vectors).fit([OTHER, ONE])))


@pytest.mark.parametrize("changed", ["texts", "near texts", "background"])
def test_what_a_line_is_drawn_from_makes_it_another(
    changed: str, backgrounds: list[Counting], file: Path
) -> None:
    inside, outside = OTHER
    sides = (
        (inside[1:] if changed == "texts" else inside),
        (outside[1:] if changed == "near texts" else outside),
    )
    background = Counting(draw(1_000, 6)) if changed == "background" else backgrounds[0]
    before = background.drawn
    LineCache(file).fit(background, [sides])
    assert background.drawn == before + 1


def test_what_a_build_did_not_use_is_forgotten(backgrounds: list[Counting], file: Path) -> None:
    cache = LineCache(file)
    cache.fit(backgrounds[0], [ONE])
    cache.settle()
    assert file.stat().st_mode & 0o777 == 0o600
    LineCache(file).fit(backgrounds[0], [ONE])
    assert backgrounds[0].drawn == 2
    LineCache(file).fit(backgrounds[0], [OTHER])
    assert backgrounds[0].drawn == 3


def test_no_line_is_a_file_too(file: Path) -> None:
    LineCache(file).settle()
    assert LineCache(file).fit(Background(draw(50, 1)), []) == []


def test_lines_of_another_way_are_drawn_anew(
    backgrounds: list[Counting], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vllm_unlearn.classifiers.background.line_cache.METHOD", "another")
    LineCache(file).fit(backgrounds[0], [ONE])
    assert backgrounds[0].drawn == 3
