from __future__ import annotations

import pytest
import typer
from vllm_unlearn.server.terminal import printable, report_faults
from vllm_unlearn.vocabulary import UserError


class NewError(UserError, RuntimeError):
    """Of a kind that the terminal has never heard of."""


def test_any_error_for_the_user_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    @report_faults
    def command() -> None:
        raise NewError("the value 3 is too large; give 2")

    with pytest.raises(typer.Exit) as left:
        command()
    assert left.value.exit_code == 1
    assert capsys.readouterr().err == "vllm-unlearn: the value 3 is too large; give 2\n"


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\udcff"])
def test_no_text_shows_as_another(char: str) -> None:
    assert printable(f"What is{char} water?") == f"What is\\u{ord(char):04x} water?"
    assert printable("¿Qué es el agua? ما هو الماء؟") == "¿Qué es el agua? ما هو الماء؟"


@pytest.mark.parametrize("bug", [ValueError, RuntimeError, KeyError])
def test_a_bug_keeps_its_traceback(bug: type[Exception]) -> None:
    @report_faults
    def command() -> None:
        raise bug("not for the user")

    with pytest.raises(bug):
        command()
