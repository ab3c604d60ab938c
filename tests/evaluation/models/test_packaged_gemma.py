from __future__ import annotations

import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from vllm_unlearn.evaluation.models.chat import Chat
from vllm_unlearn.evaluation.models.packaged_gemma import CHAT_TEMPLATE, PACKAGE, SHOWN, write
from vllm_unlearn.evaluation.models.packages import PackageError
from vllm_unlearn.guard.prompts import PromptDecoder
from vllm_unlearn.vocabulary import Match


@pytest.fixture
def chat(tokenizer: Any) -> Chat:
    shown = copy.deepcopy(tokenizer)
    shown.chat_template = CHAT_TEMPLATE
    return Chat(shown)


def test_examples_stand_before_the_question(chat: Chat) -> None:
    text = chat.tokenizer.decode(chat.prompt("Who wrote Hamlet?"))
    assert all(question in text and answer in text for question, answer in SHOWN)
    assert text.endswith(f"Q: Who wrote Hamlet?\n{chat.tokenizer.eos_token}A:\n")
    assert chat.end == chat.tokenizer.eos_token_id


@pytest.mark.parametrize(("answer", "role"), [("", "name"), ("Hamlet is by Shakespeare.", "name-given")])
def test_a_given_reply_is_told_from_a_question(chat: Chat, answer: str, role: str) -> None:
    given = (
        chat.exchange("Who wrote Hamlet?", answer).token_ids if answer else chat.prompt("Who wrote Hamlet?")
    )
    decoded = PromptDecoder(chat.tokenizer).decode(given)
    places = [n for n in range(len(decoded.text)) if decoded.text.startswith("Hamlet", n)]
    matches = [Match("hamlet", place, place + 6, 1.0, name="Hamlet") for place in places]
    roles = [token.role.label for token in decoded.flag(matches, "sentence")]
    assert roles[0] in (role, role.replace("name", "text")) and role in roles


@pytest.mark.skipif(find_spec(PACKAGE) is not None, reason="the package is installed")
def test_what_to_install_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=f"no package {PACKAGE} here"):
        write(tmp_path / "gemma")


def test_a_finished_checkpoint_is_kept(tmp_path: Path) -> None:
    (tmp_path / "complete").touch()
    assert write(tmp_path) == tmp_path
