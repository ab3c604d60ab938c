from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from vllm_unlearn.server.yaml_setting import YamlSettingError, with_setting, write_setting


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "detection:\n  threshold: 0.6\n"),
        ("store: x.db", "store: x.db\ndetection:\n  threshold: 0.6\n"),
        (
            "# top\nstore: x.db\ndetection:  # ours\n  # a word\n  threshold: 0.5   # before\n  max_fpr: 1\n",
            "# top\nstore: x.db\ndetection:  # ours\n  # a word\n  threshold: 0.6   # before\n  max_fpr: 1\n",
        ),
        (
            "detection:\n    # first\n    max_fpr: 0.01 # k\nmode: off\n",
            "detection:\n    # first\n    threshold: 0.6\n    max_fpr: 0.01 # k\nmode: off\n",
        ),
        ("detection: {max_fpr: 0.01}  # flow\n", "detection: {threshold: 0.6, max_fpr: 0.01}  # flow\n"),
        ("detection: {}\nmode: off\n", "detection: {threshold: 0.6}\nmode: off\n"),
        ("detection: {threshold: 5e-1, max_fpr: 1e-3}", "detection: {threshold: 0.6, max_fpr: 1e-3}"),
        ("{store: x.db, detection: {threshold: 0.5}}", "{store: x.db, detection: {threshold: 0.6}}"),
        ("store: é\r\ndetection:\r\n  threshold: 0.5\r\n", "store: é\r\ndetection:\r\n  threshold: 0.6\r\n"),
    ],
)
def test_one_value_changes_and_nothing_else(before: str, after: str) -> None:
    assert with_setting(before, "detection", "threshold", 0.6) == after
    assert with_setting(after, "detection", "threshold", 0.6) == after


@pytest.mark.parametrize(
    "text",
    [
        "base: &b {threshold: 0.5}\ndetection: *b\n",  # would change base too
        "{store: x.db}\n",  # no line can follow
        "a: &t 0.5\ndetection: {threshold: *t}\n",
        "detection:\nmode: off\n",
        "- a list\n",
    ],
)
def test_an_unusual_form_is_left_alone_with_a_word_on_what_to_write(tmp_path: Path, text: str) -> None:
    file = tmp_path / "unlearn.yaml"
    file.write_text(text)
    with pytest.raises(YamlSettingError, match=r"put `detection: \{threshold: 0.6\}` into it"):
        write_setting(file, "detection", "threshold", 0.6)
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_the_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    file, link = tmp_path / "real.yaml", tmp_path / "unlearn.yaml"
    file.write_text("admin_key: secret\n")
    file.chmod(0o640)
    link.symlink_to(file)
    write_setting(link, "detection", "threshold", 0.6)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    assert yaml.safe_load(file.read_text()) == {"admin_key": "secret", "detection": {"threshold": 0.6}}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(YamlSettingError, match=r"gone.yaml cannot be changed \(No such file"):
        write_setting(tmp_path / "gone.yaml", "detection", "threshold", 0.6)
