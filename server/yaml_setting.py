"""Set one value in a YAML file and leave every other character of it, comments too, as it is."""

from __future__ import annotations

from pathlib import Path

import yaml

from ..files import WriteError, replace_file
from ..vocabulary import UserError


class YamlSettingError(UserError, ValueError):
    """The value cannot be put in without touching the rest; the message says what to write where."""


def write_setting(file: Path, section: str, name: str, value: float) -> None:
    """Put ``name: value`` into ``section`` of ``file``, at once or not at all, with the file's mode kept.

    Raises ``YamlSettingError`` where the file cannot be read or written, or is of an unusual form.
    """
    line = f"`{section}: {{{name}: {value}}}`"
    try:
        changed = with_setting(file.read_bytes().decode(), section, name, value)
        with replace_file(file) as draft:
            draft.write_bytes(changed.encode())
    except (OSError, WriteError) as error:
        reason = error.reason if isinstance(error, WriteError) else error.strerror
        raise YamlSettingError(f"{file} cannot be changed ({reason}); put {line} into it") from None
    except (ValueError, yaml.YAMLError):
        raise YamlSettingError(f"{file} has a form that is not changed here; put {line} into it") from None


def with_setting(text: str, section: str, name: str, value: float) -> str:
    """``text`` with the value put in. Raises ``ValueError`` where it would then say anything else too."""
    wanted = yaml.safe_load(text) or {}
    if not isinstance(wanted, dict):
        raise ValueError("a configuration holds settings (name: value)")
    changed = _change(text, section, name, value)
    wanted[section] = {**(wanted.get(section) or {}), name: value}
    if yaml.safe_load(changed) != wanted:
        raise ValueError(f"{section}.{name} cannot be set by changing one place")
    return changed


def _change(text: str, section: str, name: str, value: float) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    inside = _value(root, section)
    before = _value(inside, name)
    if before is not None:
        return f"{text[: before.start_mark.index]}{value}{text[before.end_mark.index :]}"
    if inside is None:
        end = "" if text.endswith("\n") or not text else "\n"
        return f"{text}{end}{section}:\n  {name}: {value}\n"
    if not isinstance(inside, yaml.MappingNode):
        raise ValueError(f"{section} holds no settings")
    start = inside.start_mark
    if inside.flow_style:
        comma = ", " if inside.value else ""
        return f"{text[: start.index + 1]}{name}: {value}{comma}{text[start.index + 1 :]}"
    return f"{text[: start.index]}{name}: {value}\n{' ' * start.column}{text[start.index :]}"


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            of_key: yaml.Node = value
            return of_key
    return None
