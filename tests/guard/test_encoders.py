"""Ordinary texts: whose they are, where their vectors are kept, and what becomes of a broken file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from vllm_unlearn.classifiers.calibration.progress import pass_on
from vllm_unlearn.classifiers.encoders.encoder import BATCH, Vectors
from vllm_unlearn.guard import encoders as module
from vllm_unlearn.guard.configuration import DetectionSettings, EncoderSettings, Settings
from vllm_unlearn.guard.encoders import Encoders
from vllm_unlearn.guard.store.store import Store
from vllm_unlearn.vocabulary import ForgetTarget

T = TypeVar("T")

OWN = [f"Is berth {n} free on the night ferry?" for n in range(30)]
OURS = tuple(f"What is the weather like on day {n}?" for n in range(60))


@pytest.fixture
def encoders(
    encoder_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Encoders:
    """With few ordinary texts of ours, and a folder of its own."""
    monkeypatch.setattr(module, "background_texts", lambda: OURS)
    monkeypatch.setattr(module, "ORDINARY_PROMPTS", ())
    benign = tmp_path / "traffic.jsonl"
    benign.write_text("\n".join(json.dumps({"text": text}) for text in OWN))
    own: bool = getattr(request, "param", False)
    detection = DetectionSettings(cascade=False, benign=benign if own else None)
    made = Encoders(EncoderSettings(model=encoder_name), detection)
    made.folder = tmp_path
    return made


def kept(folder: Path) -> Path:
    """The largest: that of ours."""
    return max(folder.glob("ordinary-*.vectors"), key=lambda file: file.stat().st_size)


def test_without_traffic_the_texts_are_ours(encoders: Encoders) -> None:
    backgrounds = encoders.backgrounds()
    assert backgrounds.texts == OURS and backgrounds.private == 0
    assert encoders.backgrounds() is backgrounds


@pytest.mark.parametrize("encoders", [True], indirect=True)
def test_ones_own_traffic_comes_first_and_is_private(encoders: Encoders, tmp_path: Path) -> None:
    backgrounds = encoders.backgrounds()
    assert backgrounds.texts == (*OWN, *OURS[:30]) and backgrounds.private == len(OWN)
    for file in tmp_path.glob("ordinary-*.vectors"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_they_are_encoded_once(encoders: Encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoders.prepare()
    written = kept(tmp_path).stat().st_mtime_ns

    def encode(texts: Any) -> Any:
        raise AssertionError("encoded again")

    monkeypatch.setattr(encoders.full, "encode", encode)
    encoders.prepare()
    assert len(encoders.backgrounds().texts) == len(OURS)
    assert kept(tmp_path).stat().st_mtime_ns == written


def test_whoever_is_stopped_goes_on_where_it_was(
    encoders: Encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_AT_ONCE", BATCH)

    def stop_after_one(what: str, items: Sequence[T], /) -> Iterator[T]:
        yield items[0]
        raise KeyboardInterrupt

    encoders._track = stop_after_one
    with pytest.raises(KeyboardInterrupt):
        encoders.prepare()
    encode, asked = encoders.full.encode, list[str]()

    def count(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        return encode(texts)

    monkeypatch.setattr(encoders.full, "encode", count)
    encoders._track = pass_on
    encoders.prepare()
    assert tuple(asked) == OURS[BATCH:]


def test_what_another_process_prepares_is_waited_for(
    encoders: Encoders, encoder_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    other = Encoders(EncoderSettings(model=encoder_name), DetectionSettings(cascade=False))
    other.folder = tmp_path
    begun, waiting = threading.Event(), threading.Event()

    def begin(what: str, items: Sequence[T], /) -> Iterable[T]:
        begun.set()
        assert waiting.wait(30)
        return items

    encoders._track, other._track = begin, pytest.fail  # type: ignore[assignment]
    with ThreadPoolExecutor() as pool:
        first = pool.submit(encoders.prepare)
        assert begun.wait(30)
        second = pool.submit(other.prepare)
        while "waiting for another process" not in caplog.text:
            assert not second.done()
            time.sleep(0.01)
        waiting.set()
        first.result()
        second.result()


@pytest.mark.parametrize("ask", [Encoders.prepare, Encoders.backgrounds])
def test_a_broken_file_is_made_anew_before_eyes(
    encoders: Encoders, tmp_path: Path, caplog: pytest.LogCaptureFixture, ask: Callable[[Encoders], object]
) -> None:
    encoders.prepare()
    whole, shown = kept(tmp_path).read_bytes(), list[str]()
    kept(tmp_path).write_bytes(whole[: len(whole) // 2])

    def track(what: str, items: Sequence[T], /) -> Iterable[T]:
        shown.append(what)
        return items

    encoders._track = track
    ask(encoders)
    assert "is broken" in caplog.text and len(kept(tmp_path).read_bytes()) == len(whole)
    assert shown == ["ordinary texts"]


def test_what_is_listed_is_encoded_once(
    encoders: Encoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.create(f"sqlite:///{tmp_path / 'forget.db'}")
    settings = Settings(store=store.url)
    target = ForgetTarget(
        id="t", kind="topic", name="tides", exemplars=OURS[:6], counterexamples=tuple(OWN[:2])
    )
    inside, against = encoders.sides(store, settings, [target])["t"]
    assert len(inside) >= 6 and len(against) == 2
    monkeypatch.setattr(encoders.full, "encode", None)
    assert np.array_equal(encoders.sides(store, settings, [target])["t"][0], inside)
    assert encoders.sides(store, settings, []) == {}
