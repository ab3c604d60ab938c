from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.server.target_file import (
    TargetFileError,
    make_target,
    read_passages,
    read_targets,
    target_id,
)
from vllm_unlearn.vocabulary import MAX_NAME_CHARS, MAX_TEXT_CHARS

GOOD = b'{"name": "Ann Lee"}'


def line(**fields: object) -> bytes:
    return json.dumps({"name": "Zoe"} | fields).encode()


def test_a_file_is_read_line_by_line() -> None:
    whole = line(
        id="z.1",
        kind="work",
        aliases=["Z"],
        exemplars=["e"],
        counterexamples=["c"],
        scope="exemplars",
        note="n",
        expires_at="2030-06-01T12:00:00+02:00",
    )
    first, second = read_targets([b"\n", GOOD + b"\r\n", b"  \n", whole])
    assert (first.id, first.name, first.kind) == ("ann-lee", "Ann Lee", "entity")
    assert (second.id, second.kind, second.names) == ("z.1", "work", ("Zoe", "Z"))
    assert second.expires_at == datetime(2030, 6, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "not JSON: Expecting property name"),
        (b"Ann Lee", "not JSON"),
        (b"\xef\xbb\xbf" + GOOD, "not JSON: a byte order mark inside of the file"),
        (GOOD.decode().encode("utf-16"), "not UTF-8 at byte 0"),
        (b'{"name": "Ann", "kind": "work", "name": "Ben"}', "the field 'name' is given twice"),
        (b'{"name": "Ann", "exemplars": ["e"], "exemplars": []}', "the field 'exemplars' is given twice"),
        (
            line(expires_at="2020-01-01T00:00:00Z"),
            "expires_at: 2020-01-01T00:00:00+00:00 is past, so nothing",
        ),
        (b'{"name": "caf\xe9"}', "not UTF-8 at byte 13"),
        (b'["Ann"]', "a target is an object, got list"),
        (b"null", "a target is an object, got NoneType"),
        (b'{"name": ' + 10_000 * b"7" + b"}", "a number of 10,000 digits is too long to be read"),
        (b"{}", "name: is missing"),
        (line(name=None), "name: must be text (a string)"),
        (line(aliases={"a": 1}), "aliases: must be a list"),
        (line(aliases=["Z", 3]), "aliases.1: must be text (a string)"),
        (line(expires_at=[]), "expires_at: must be a date (2031-01-31) or a date and time with its zone"),
        (line(name=""), "name: a name needs at least one letter or digit"),
        (line(name=" \t "), "name: a name needs at least one letter or digit"),
        (line(name="--- !"), "name: a name needs at least one letter or digit"),
        (line(name="x" * 1_000_000), f"name: must have at most {MAX_NAME_CHARS} characters"),
        (line(name="A\x00nn"), "name: text holds the control character '\\x00' at character 1"),
        (line(aliases=["B\x1b"]), "aliases.0: text holds the control character"),
        (b'{"name": "A\\ud800"}', "name:"),
        (b'{"name": "A", "exemplars": ["\\udfff"]}', "exemplars.0:"),
        (line(id="a/b"), "id: must be letters, digits"),
        (line(id=""), "id: must be letters, digits"),
        (line(id="_canary"), "id: must be letters, digits"),
        (line(id="ok\n"), "id: must be letters, digits"),
        (line(nmae="typo"), "nmae: is not known; did you mean 'name'?"),
        (line(kind="person"), "kind: must be 'entity', 'work', 'topic' or 'passage'"),
        (line(scope="exemplars"), "target: scope 'exemplars' needs at least one exemplar"),
        (line(scope="private"), "target: scope 'private' needs at least one exemplar"),
        (line(scope="Not a word"), "scope: must be `all`, `exemplars`, or a word"),
        (line(exemplars=[""]), "exemplars.0: must have at least 1 character"),
        (line(exemplars="text"), "exemplars: must be a list"),
        (
            line(expires_at="2030-01-01T00:00:00"),
            "expires_at: 2030-01-01T00:00:00 has no time zone; write it as",
        ),
        (
            line(exemplars=["x" * 20_000] * 20, passages=["y" * 20_000] * 31),
            "its texts have 1,020,000 characters together, more than the 1,000,000 that a target takes; give",
        ),
        (line(expires_at="soon"), "expires_at: must be a date"),
        (line(expires_at="2031-02-30"), "expires_at: must be a date"),
        (line(expires_at=1_924_992_000), "expires_at: must be a date"),
        (line(expires_at="9999-12-31T23:59:59-12:00"), "expires_at:"),
        (b'{"name": "A", "note": ' + b"1" * 5_000 + b"}", ""),
        (b'{"name": ' + b"[" * 100_000, ""),
    ],
)
def test_a_bad_line_is_named_with_the_reason(bad: bytes, reason: str) -> None:
    with pytest.raises(TargetFileError) as caught:
        read_targets([GOOD, b"", bad, line(name="Later")])
    assert str(caught.value).startswith("line 3: ")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("written", "expires"),
    [
        ("2031-02-03", "2031-02-03T23:59:59"),
        (" 20310203 ", "2031-02-03T23:59:59"),
        ("2031-02-03T12:00Z", "2031-02-03T12:00:00"),
        ("2031-02-03 12:00:00z", "2031-02-03T12:00:00"),
        ("2031-02-03T12:00:00.5+14:00", "2031-02-02T22:00:00.500000"),
    ],
)
def test_a_date_alone_lasts_to_its_end_and_a_time_has_a_zone(written: str, expires: str) -> None:
    (target,) = read_targets([line(expires_at=written)])
    assert target.expires_at == datetime.fromisoformat(f"{expires}+00:00")
    assert type(target).model_validate_json(target.model_dump_json()) == target


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    """Spreadsheets and editors write one at a file's beginning."""
    mark = b"\xef\xbb\xbf"
    assert [t.name for t in read_targets([mark + GOOD, line()])] == ["Ann Lee", "Zoe"]
    assert [t.name for t in read_targets([mark + b"\r\n", GOOD])] == ["Ann Lee"]
    file = tmp_path / "article.txt"
    file.write_bytes(mark + b"One.")
    assert read_passages(file) == ["One."]


def test_a_long_field_name_is_not_repeated() -> None:
    with pytest.raises(TargetFileError, match=r"line 1: .*is not known; known are id, kind") as caught:
        read_targets([line(**{"k" * 1_000_000: 1})])
    assert len(str(caught.value)) < 1_000


def test_an_id_given_twice_is_named_with_both_lines() -> None:
    with pytest.raises(TargetFileError, match=r"line 3: the id 'ann-lee' was given on line 1"):
        read_targets([GOOD, line(), line(name="Ánn LEE")])


@pytest.mark.parametrize("lines", [[], [b""], [b" \n", b"\r\n"]])
def test_a_file_without_targets_is_a_mistake(lines: list[bytes]) -> None:
    with pytest.raises(TargetFileError, match="no target in the file"):
        read_targets(lines)


@settings(deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: json.dumps({"name": t}).encode()))
)
def test_any_line_is_a_target_or_an_error_that_names_it(content: bytes) -> None:
    try:
        (target,) = read_targets([content])
    except TargetFileError as error:
        assert str(error).startswith("line 1:") or not content.strip()
    else:
        assert type(target).model_validate_json(target.model_dump_json()) == target


@pytest.mark.parametrize(
    ("name", "expected"),
    [("José García", "jose-garcia"), ("  O'Neil, Jr. ", "o-neil-jr"), ("x" * 99, "x" * 48), ("ﬁve", "five")],
)
def test_an_id_is_made_from_the_names_letters(name: str, expected: str) -> None:
    assert target_id(name) == expected


def test_names_without_ascii_letters_get_ids_of_their_own() -> None:
    one, other = target_id("村上春樹"), target_id("東野圭吾")
    assert one.startswith("target-") and one != other
    assert target_id("村上春樹") == one


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_an_id_made_from_a_name_is_valid(name: str) -> None:
    assert make_target(name="Ann", id=target_id(name)).name == "Ann"


def test_a_text_file_becomes_passages_of_bounded_length(tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text("One.\n\nTwo.\n\n" + "x" * (MAX_TEXT_CHARS + 5) + "\n\n \n")
    passages = read_passages(file)
    assert passages[0] == "One.\n\nTwo."
    assert all(0 < len(passage) <= MAX_TEXT_CHARS for passage in passages)
    assert sum(passage.count("x") for passage in passages) == MAX_TEXT_CHARS + 5


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_without_text_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "article.txt"
    if content:
        file.write_bytes(content)
    with pytest.raises(TargetFileError, match=r"article\.txt"):
        read_passages(file)
