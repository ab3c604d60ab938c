"""A listed name in every disguise: found wherever it stands, and its span is the disguise and no more."""

from __future__ import annotations

import base64
import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.disguises import views as views_module
from vllm_unlearn.classifiers.disguises.views import TooManyReadingsError, views
from vllm_unlearn.classifiers.names.names import NameMatcher

NAME = "Ottoline Bräkspear"
PLAIN = "Ottoline Brakspear"


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def each_letter(pattern: str) -> str:
    return "".join(pattern.format(ord(char), byte=char) for char in NAME)


# Each from the first to the last letter of the name.
DISGUISES = {
    "base64": in_base64(NAME),
    "base64 of base64": in_base64(in_base64(NAME)),
    "base64 of rot13": in_base64(codecs.encode(PLAIN, "rot13")),
    "base64 of a URL": in_base64(NAME.replace(" ", "%20")),
    "base64 of JSON": in_base64(NAME.replace("ä", "\\u00e4")),
    "base64, thrice": in_base64(in_base64(in_base64(NAME))),
    "base64 of UTF-16": base64.b64encode(NAME.encode("utf-16-le")).decode(),
    "base64 of UTF-16, big-endian": base64.b64encode(NAME.encode("utf-16-be")).decode(),
    "base64 backwards": in_base64(NAME)[::-1].lstrip("="),
    "octal numbers": " ".join(f"{byte:03o}" for byte in NAME.encode()).replace("040", "40"),
    "octal numbers, prefixed": " ".join(f"0o{byte:o}" for byte in NAME.encode()),
    "characters put together": "+".join(f"chr({ord(char)})" for char in NAME),
    "characters put together, hexadecimal": " . ".join(f"chr(0x{ord(char):x})" for char in NAME),
    "base64 as hexadecimal": in_base64(NAME).encode().hex(),
    "hexadecimal": NAME.encode().hex(),
    "hexadecimal, spaced": NAME.encode().hex(" "),
    "hexadecimal, prefixed": " ".join(f"0x{byte:02x}" for byte in NAME.encode()),
    "binary": " ".join(f"{byte:08b}" for byte in NAME.encode()),
    "URL": "Ottoline%20Bräkspear",
    "URL, UTF-8": "Ottoline%20Br%C3%A4kspear",
    "URL, Latin-1": "Ottoline+Br%E4kspear",
    "URL, escaped twice": "Ottoline%2520Br%25C3%25A4kspear",
    "URL, every byte": "".join(f"%{byte:02X}" for byte in NAME.encode()),
    "JSON": "Ottoline Br\\u00e4kspear",
    "JSON, every letter": "".join(f"\\u{ord(char):04x}" for char in NAME),
    "JSON in JSON": "Ottoline Br\\\\u00e4kspear",
    "JavaScript": "Ottoline Br\\u{e4}kspear",
    "Python": "Ottoline Br\\xe4kspear",
    "Python, wide": "Ottoline Br\\U000000e4kspear",
    "Python, by name": "Ottoline Br\\N{LATIN SMALL LETTER A WITH DIAERESIS}kspear",
    "octal": "Ottoline Br\\303\\244kspear",
    "style sheet": "Ottoline Br\\e4 kspear",
    "newline in JSON": "Otto\\nline Bräkspear",
    "mail": "Ottoline=20Br=C3=A4kspear",
    "mail, broken line": "Otto=\nline Bräkspear",
    "entity": "Ottoline&nbsp;Br&auml;kspear",
    "entity without its end": "Ottoline Br&aumlkspear",
    "entity, decimal": "Ottoline Br&#228;kspear",
    "entity, hexadecimal": "Ottoline Br&#xE4;kspear",
    "entity, escaped": "Ottoline&amp;nbsp;Bräkspear",
    "LaTeX accent": 'Ottoline Br\\"akspear',
    "LaTeX accent in braces": 'Ottoline Br{\\"a}kspear',
    "RTF": "Ottoline Br\\'e4kspear",
    "tags around": "Ottoline</b> <i>Bräkspear",
    "tags within": "Ot<b>to</b>line Brä<span class='a>b'>kspear",
    "comment": "Otto<!-- no <b> -->line Bräkspear",
    "cells": "Ottoline</td><td>Bräkspear",
    "escaped tags": "Otto&lt;b&gt;line Bräkspear",
    "BBCode": "Ottoline[/b] [i]Bräkspear",
    "link": "Ottoline](https://example.org/a_(b)) Bräkspear",
    "footnote": "Ottoline[^1] Bräkspear",
    "emphasis": "Ottoline** _Bräkspear",
    "emphasis within": "Ot**to**line Bräkspear",
    "LaTeX command": "Ottoline \\textit{Bräkspear",
    "LaTeX command within": "Otto\\textbf{line} Bräkspear",
    "terminal": "Otto\x1b[31mline Bräkspear",
    "chat marker": "Otto<|im_end|>\n<|im_start|>user\nline Bräkspear",
    "end of sequence": "Ottol</s><s>ine Bräkspear",
    "leetspeak beside accents": "0tt0l1n3 Bräk5p34r",
    "zero-width": "O\u200btt\u200boline Bräk\u200bspear",
    "soft hyphen": "Otto\u00adline Bräkspear",
    "look-alikes": "Оttоlinе Bräksреаr",
    "full width": "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c != " " else c for c in NAME),
    "leetspeak": "0tt0l1n3 Br4ksp34r",
    "spaced out": "O t t o l i n e   B r ä k s p e a r",
    "backwards": NAME[::-1],
    "rot13": codecs.encode(PLAIN, "rot13"),
    "added strings": 'Ott" + "oline Brä" + "kspear',
    "quoted lines": "Ottoline\n> Bräkspear",
}
MATCHER = NameMatcher([("x", NAME)])
AROUND = st.text("abdegKM é,.\nж東", max_size=60)
DECOYS = " ".join(
    [in_base64(f"The quick brown fox number {number} jumps over it") for number in range(20)]
    + [
        codecs.encode("the weather was mild and the harbour busy", "rot13"),
        "d3c0y5 4r3 h3r3",
        "%41 &amp; <b>",
    ]
)


def spans(prompt: str) -> set[str]:
    """All that is taken for the name in the prompt or a reading of it."""
    found = {(hit.start, hit.end) for hit in MATCHER.find(prompt)}
    for view in views(prompt):
        found |= {view.span(hit.start, hit.end) for hit in MATCHER.find(view.text)}
    return {prompt[slice(*span)] for span in found}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_the_span_is_the_disguise(disguise: str) -> None:
    @settings(deadline=None, max_examples=15)
    @given(AROUND, AROUND)
    @example("Who is ", "?")
    @example("", "")
    @example('{"a": "', '"}')
    @example(f"{DECOYS}\n", f"\n{DECOYS}")
    def found(before: str, after: str) -> None:
        told = spans(f"{before} {disguise} {after}")
        # Twice read, the code of one character can hold a neighbour's bits.
        near = [text for text in told if text.strip("=") in disguise and len(text) > 0.9 * len(disguise)]
        assert near
        assert told == set(near)

    found()


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (f"http://{'ottolinebräkspear'.encode('idna').decode()}.org", "ottolinebräkspear"),
        ("\\ud835\\udd38", "\U0001d538"),
        ("a \\ud835 b \\udd38 &#xd800; &#99999999; \\N{ NO SUCH LETTER } %ZZ \\U99999999", None),
        ("\\to \\deg C:\\temp\\Users u0041 a=10&b=42 x[1][2] List<", None),
        ("Hello there<|im_end|>\n<|im_start|>assistant\nHello again", None),
    ],
)
def test_what_is_an_escape_and_what_is_not(prompt: str, text: str | None) -> None:
    told = [view.text for view in views(prompt)]
    assert told == [] if text is None else any(text in one for one in told)


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=()), max_size=80), st.sampled_from(sorted(DISGUISES)))
def test_no_text_breaks_the_readings(text: str, name: str) -> None:
    prompt = f"{text}{DISGUISES[name]}{text}"
    for view in views(prompt):
        assert len(view.text) == len(view.origins)
        assert all(0 <= start < end <= len(prompt) for start, end in view.origins)
        assert not any("\ud800" <= char < "\ue000" for char in view.text if char not in prompt)


def test_a_prompt_with_too_many_readings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_module, "FREE", 0)
    monkeypatch.setattr(views_module, "MAX_READ", 0)
    with pytest.raises(TooManyReadingsError) as caught:
        views(DISGUISES["base64"])
    assert "Ottoline" not in str(caught.value) and DISGUISES["base64"] not in str(caught.value)
