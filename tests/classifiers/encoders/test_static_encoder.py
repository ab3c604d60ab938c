"""A tiny encoder of random weights where the mechanism is tested, the packaged one where its sense is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from vllm_unlearn.classifiers.encoders import static_encoder
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.static_encoder import StaticEncoder, distil_once
from vllm_unlearn.classifiers.text.segments import segment

WORDS = ["[CLS]", "[SEP]", "[UNK]", "query", ":", "a", "1", *(f"w{number}" for number in range(600))]
DIMENSION = 16


def tiny(folder: Path, prefix: str = "") -> Path:
    """An exported encoder in form: the normalised mean of random token vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer(prefix).save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(len(WORDS), DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["tokens", "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=0),
        helper.make_node("LpNormalization", ["sum"], ["embedding"], axis=-1, p=2),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "token"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "middle"),
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    settings = {"fingerprint": f"tiny{prefix}", "dimension": DIMENSION, "max_tokens": 512}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def _tokenizer(prefix: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    steps = [normalizers.Prepend(prefix)] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    # As some exports come: neither may reach the static encoder.
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(9)
    return tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny(tmp_path / "encoder")


@pytest.fixture(scope="module")
def static(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StaticEncoder:
    folder = tmp_path_factory.mktemp("minilm")
    for name in ("model.onnx", "tokenizer.json", "settings.json"):
        shutil.copy(encoder_folder / name, folder / name)
    return distil_once(folder)


def test_near_in_meaning_is_near(static: StaticEncoder) -> None:
    """More than to another question of the same words of form."""
    question, paraphrase, other, code = static.encode(
        [
            "Which novels did Toni Morrison write?",
            "List the books written by Toni Morrison.",
            "Which valves did the plumber replace?",
            "def add(a, b): return a + b",
        ]
    )
    assert question @ paraphrase > 0.7
    assert question @ paraphrase > question @ other + 0.2
    assert question @ code < 0.3


EXEMPLARS = [
    *(f"{start} Toni Morrison{end}" for start, end in (("Who was", "?"), ("Tell me about the life of", "."))),
    "Which novels did Toni Morrison write?",
    "What prize did Toni Morrison win in 1993?",
    "Who wrote Beloved, the story of Sethe?",
    "Where did the author of Song of Solomon grow up?",
]


def test_fitted_it_is_a_sieve_for_the_encoder(static: StaticEncoder, encoder: OnnxEncoder) -> None:
    """What the encoder finds near to an exemplar is near by the static vector, 0.2 lower."""
    exemplars = encoder.encode(EXEMPLARS)
    fitted = static.fit(EXEMPLARS, exemplars)
    probes = [
        "In 1993, which award did the novelist Toni Morrison receive?",
        "I love Beloved! Who is the writer of that book about Sethe?",
        "Name the novels by Toni Morrison, please.",
        "Where did Toni Morrison, the author of Song of Solomon, grow up?",
    ]
    near = (encoder.encode(probes) @ exemplars.T).max(axis=1) >= 0.65
    assert near.all()
    assert ((fitted.encode(probes) @ exemplars.T).max(axis=1) >= 0.45).all()
    benign = ["How do I descale a coffee machine?", "def add(a, b): return a + b", "Translate: good morning"]
    assert ((fitted.encode(benign) @ exemplars.T).max(axis=1) < 0.45).all()


def test_fitting_brings_the_texts_to_their_vectors(folder: Path) -> None:
    static = distil_once(folder)
    texts = [f"w{n} w{n + 1} w{n + 2}" for n in range(0, 300, 3)]
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(len(texts), DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    before = static.encode(texts)
    fitted = static.fit(texts, vectors)
    assert (static.encode(texts) == before).all()  # it stays as it was
    assert ((fitted.encode(texts) * vectors).sum(axis=1) > 0.9).all()
    np.testing.assert_allclose(fitted.encode(["w500 w501"]), static.encode(["w500 w501"]), atol=1e-6)
    assert len({static.fingerprint, fitted.fingerprint, static.fit(texts[1:], vectors[1:]).fingerprint}) == 3


def test_fitting_again_goes_on_from_there(folder: Path) -> None:
    vectors = np.eye(DIMENSION, dtype=np.float32)[:2]
    once = distil_once(folder).fit(["w1 w2", ""], vectors)
    again = once.fit(["w3 w4"], vectors[1:])
    np.testing.assert_allclose(again.encode(["w1 w2"]), once.encode(["w1 w2"]), atol=1e-6)
    assert again.encode(["w3 w4"])[0, 1] > 0.9


def test_nothing_to_fit_to_changes_nothing(folder: Path) -> None:
    static = distil_once(folder)
    assert static.fit([], np.empty((0, DIMENSION), dtype=np.float32)) is static


def test_the_spans_of_a_prompt_have_the_vectors_of_their_texts(static: StaticEncoder) -> None:
    prompt = (
        "Wer hat »Der Prozeß« geschrieben? 東京はどこですか。 🤖 Naïve café.\n\n" + "word " * 90 + "end! " * 9
    )
    segments = segment(prompt)
    spans = static.encode_spans(prompt, [(s.start, s.end) for s in segments])
    np.testing.assert_array_equal(spans, static.encode([s.text for s in segments]))


def test_every_row_is_of_length_one(folder: Path) -> None:
    static = distil_once(folder)
    vectors = static.encode(["w1 w2", "", " ", "nothing known", "w3"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, static.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert static.encode([]).shape == static.encode_spans("w1", []).shape == (0, static.dimension)
    assert static.encode_spans("", [(0, 0)]).shape == (1, static.dimension)


def test_company_does_not_change_a_vector(folder: Path) -> None:
    static = distil_once(folder)
    texts = [f"w{number} w{number * 7 % 599} w{number % 5}" for number in range(100)]
    together = static.encode(texts)
    for row, text in enumerate(texts):
        np.testing.assert_array_equal(static.encode([text])[0], together[row])


def test_long_texts_are_read_to_their_end(folder: Path) -> None:
    static = distil_once(folder)
    long = "w1 " * 1_000
    assert not np.allclose(static.encode([long + "w2 " * 1_000]), static.encode([long]), atol=0.1)


def test_a_default_prompt_of_the_model_does_not_count(tmp_path: Path) -> None:
    """Else every text would be near every other, and a span would lack what its text has."""
    prompted = distil_once(tiny(tmp_path / "prompted", "query: "))
    plain = distil_once(tiny(tmp_path / "plain"))
    np.testing.assert_array_equal(prompted.encode(["w1 w2", "w3"]), plain.encode(["w1 w2", "w3"]))
    spans = prompted.encode_spans("w1 w2 w3", [(0, 5), (6, 8)])
    np.testing.assert_array_equal(spans, prompted.encode(["w1 w2", "w3"]))


def test_a_large_vocabulary_is_distilled_bare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = distil_once(folder)
    (folder / "static.safetensors").unlink()
    monkeypatch.setattr(static_encoder, "LARGE", 100)
    bare = distil_once(folder)
    texts = ["w1 w2", "w1 w3"]
    assert not np.array_equal(bare.encode(texts), whole.encode(texts))
    assert ((bare.encode(texts) * whole.encode(texts)).sum(axis=1) > 0.9).all()


def test_frequent_tokens_count_less(folder: Path) -> None:
    static = distil_once(folder)
    rare, frequent, both = static.encode(["w599", "[CLS]", "[CLS] w599"])
    assert both @ rare > both @ frequent


def test_it_is_distilled_once(folder: Path) -> None:
    first = distil_once(folder)
    (folder / "model.onnx").unlink()
    again = distil_once(folder)
    np.testing.assert_array_equal(first.encode(["w1 w2", ""]), again.encode(["w1 w2", ""]))
    assert first.fingerprint == again.fingerprint != OnnxEncoder(tiny(folder)).fingerprint
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx",
        "settings.json",
        "static.safetensors",
        "tokenizer.json",
    }


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied", "another encoder", "other tensors"])
def test_a_broken_file_is_made_anew(damage: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    vectors = distil_once(folder).encode(["w1 w2"])
    file = folder / "static.safetensors"
    whole = file.read_bytes()
    if damage == "another encoder":
        whole = whole.replace(b"static1-tiny", b"static1-tidy")
    elif damage == "other tensors":
        whole = whole.replace(b'"empty"', b'"other"')
    broken = {"truncated": whole[:100], "altered": whole[:-1] + bytes([whole[-1] ^ 1]), "emptied": b""}
    file.write_bytes(broken.get(damage, whole))
    np.testing.assert_array_equal(distil_once(folder).encode(["w1 w2"]), vectors)
    assert "made anew" in caplog.text
    caplog.clear()
    distil_once(folder)
    assert not caplog.records


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "static.safetensors").mkdir()
    assert distil_once(folder).encode(["w1"]).shape == (1, DIMENSION)
    assert "distils again" in caplog.text
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".json", ".onnx", ".safetensors"]


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"settings\.json"):
        distil_once(tmp_path)
