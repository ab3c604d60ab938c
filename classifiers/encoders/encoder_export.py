"""Export a sentence-transformers model to ONNX, once, into a cache."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...files import make_folder
from ...vocabulary import UserError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

EXPORT_VERSION = 2
# No segment is longer (segments.py), so the model's own, often shorter, limit cuts nothing off.
MAX_TOKENS = 512


class EncoderError(UserError, ValueError):
    """There is no such sentence encoder; the message names it and what to give instead."""


def export_once(model: str, cache_dir: Path) -> Path:
    """Return the folder with the ONNX form of ``model``, exporting it on first use.

    ``model`` is a folder, ``package:PACKAGE/FOLDER`` for a model that an installed package
    carries, or a name on the Hugging Face hub. A default prompt of the model's stands before every
    text, as in its own ``encode``. Raises ``EncoderError`` naming ``model`` if it is none of these,
    ``WriteError`` where ``cache_dir`` cannot be written.
    """
    source = find_source(model)
    key = hashlib.sha256(f"{EXPORT_VERSION}:{_identity(source)}".encode()).hexdigest()[:16]
    folder = cache_dir / f"encoder-{key}"
    if not (folder / "settings.json").is_file():
        _export(source, folder)
    return folder


def find_source(model: str) -> str:
    """The folder that ``model`` means, or its name on the hub, which is not asked. Raises ``EncoderError`` as
    ``export_once``."""
    if model.startswith("package:"):
        package, _, inner = model.removeprefix("package:").partition("/")
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise EncoderError(f"encoder {model!r}: no package {package!r} is installed; install it")
        folder = Path(spec.submodule_search_locations[0]) / inner
        if not folder.is_dir():
            raise EncoderError(
                f"encoder {model!r}: package {package!r} has no folder {inner!r}; give a "
                "sentence-transformers folder of it"
            )
        return str(folder)
    if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
        raise EncoderError(f"encoder {model!r}: there is no such folder")
    return str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model


def _identity(source: str) -> str:
    """A folder's weights by size and date (they may be replaced in place), a hub model by name."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in (folder, *files))


def _export(source: str, folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    logger.info("exporting the sentence encoder %s to ONNX in %s", source, folder)
    try:
        model = SentenceTransformer(source, device="cpu")
    except Exception as error:
        raise EncoderError(
            f"encoder {source!r} could not be loaded ({error}); give a sentence-transformers "
            "folder, package:PACKAGE/FOLDER, or a hub name with the network on"
        ) from error
    with make_folder(folder) as draft:  # where another process is first, its export is the same
        _write(model, draft)
    if not (folder / "settings.json").is_file():
        raise EncoderError(f"{folder} is in the way of the encoder's export, and is none; delete it")


def _write(model: SentenceTransformer, folder: Path) -> None:
    import torch

    class Embedding(torch.nn.Module):
        """Token ids in, what ``model.encode(normalize_embeddings=True)`` gives out."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(model)

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            token_type_ids: torch.Tensor,
        ) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            if "token_type_ids" in model.tokenizer.model_input_names:
                features["token_type_ids"] = token_type_ids
            for layer in self.layers:
                features = layer(features)
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)

    ids = torch.ones((2, 8), dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        Embedding().eval(),
        (ids, ids, ids * 0),
        str(folder / "model.onnx"),
        input_names=names,
        output_names=["embedding"],
        dynamic_axes={name: {0: "batch", 1: "token"} for name in names},
        dynamo=False,
    )
    (folder / "tokenizer.json").write_text(_tokenizer(model))
    transformer: Any = model[0].auto_model
    positions = getattr(transformer.config, "max_position_embeddings", MAX_TOKENS)
    settings = {
        "fingerprint": _digest(folder / "model.onnx", folder / "tokenizer.json"),
        "dimension": model.get_embedding_dimension(),
        "max_tokens": min(MAX_TOKENS, positions),
    }
    (folder / "settings.json").write_text(json.dumps(settings, indent=1))


def _tokenizer(model: SentenceTransformer) -> str:
    """The model's own as JSON, with its default prompt put before every text that is not empty."""
    tokenizer = json.loads(model.tokenizer.backend_tokenizer.to_str())
    prefix = model.prompts.get(model.default_prompt_name or "", "")
    if prefix:
        steps = [{"type": "Prepend", "prepend": prefix}, tokenizer["normalizer"]]
        tokenizer["normalizer"] = {"type": "Sequence", "normalizers": list(filter(None, steps))}
        # A special token spelt out in a text would part it, and each part would get the prompt.
        tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if not token["special"]]
    return json.dumps(tokenizer)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
