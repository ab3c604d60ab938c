from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.names.names import NameMatcher
from vllm_unlearn.classifiers.text.folding import normalise


def found(text: str, *names: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in NameMatcher(("t", name) for name in names).find(text)]


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("HARRY pottER", "Harry Potter"),
        ("José", "Jose"),
        ("Jose\u0301 Garcia", "José García"),
        ("Ｈａｒｒｙ　Ｐｏｔｔｅｒ", "Harry Potter"),
        ("Ha\u200brry\u00ad Pot\u2060ter", "Harry Potter"),
        ("Harry-Potter", "Harry Potter"),
        ("Harry   \n Potter", "Harry Potter"),
        ("Harry_Potter", "Harry Potter"),
        ("O’Neil", "O'Neil"),
        ("J. K. Rowling", "J.K. Rowling"),
        ("ﬁona Straße", "Fiona Strasse"),
        ("İstanbul", "istanbul"),
        ("𝐇𝐚𝐫𝐫𝐲 𝕻𝖔𝖙𝖙𝖊𝖗", "Harry Potter"),
        ("ǅemal", "džemal"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_a_name_is_found_however_it_is_written(written: str, listed: str) -> None:
    text = f"Who is {written}, then?"
    matcher = NameMatcher([("t", listed)])
    (hit,) = matcher.find(text)
    assert text[hit.start : hit.end] == written.rstrip("\u0301")
    assert (hit.target_id, hit.name) == ("t", listed)


@pytest.mark.parametrize("invisible", ["\ufe0f", "\u034f", "\u3164", "\u180b", "\U000e0100"])
def test_invisible_characters_hide_no_name(invisible: str) -> None:
    """Variation selectors, grapheme joiners and fillers are no format characters (Cf), but invisible."""
    assert found(f"Who is Har{invisible}ry Potter?", "Harry Potter")


@pytest.mark.parametrize("written", ["Ann's", "Ann’s", '"Ann"', "(Ann)", "Ann.", "¿Ann?"])
def test_possessives_and_quotes_leave_the_name(written: str) -> None:
    assert found(f"It is {written} book", "Ann") == ["Ann"]


@pytest.mark.parametrize("text", ["Annual", "Joann", "Hann0ver", "Annä", "AnnÅ", "An n", "2Ann"])
def test_a_name_inside_of_a_word_is_none(text: str) -> None:
    assert found(text, "Ann") == []


def test_names_in_scripts_without_spaces_need_none() -> None:
    assert found("私は村上春樹の本を読む", "村上春樹") == ["村上春樹"]
    assert found("ฉันชอบสุนทรภู่มาก", "สุนทรภู่") != []


@pytest.mark.parametrize(("text", "name"), [("मादा भेड़िया", "मोदी"), ("रामायण", "राम")])
def test_vowel_signs_are_part_of_the_word(text: str, name: str) -> None:
    """Indic vowel signs are marks, but no accents: two words that differ in them are two words."""
    assert found(text, name) == []
    assert found(f"यह {name} है", name) != []


def test_offsets_are_exact() -> None:
    text = "“Zoë” met  ANN lee — and ann-Lee!"
    assert [(h.name, h.start, h.end) for h in NameMatcher([("1", "Zoe"), ("2", "Ann Lee")]).find(text)] == [
        ("Zoe", 1, 4),
        ("Ann Lee", 11, 18),
        ("Ann Lee", 25, 32),
    ]


def test_every_target_of_a_name_and_every_name_inside_of_another_is_reported() -> None:
    matcher = NameMatcher([("a", "John Smith"), ("b", "JOHN SMITH"), ("c", "Smith"), ("d", "Smith Jr")])
    assert {(h.target_id, h.start, h.end) for h in matcher.find("John Smith Jr")} == {
        ("a", 0, 10),
        ("b", 0, 10),
        ("c", 5, 10),
        ("d", 5, 13),
    }
    assert matcher.size == 3


def test_neighbouring_names_are_all_found() -> None:
    assert found("ann ann, Ann/ann", "Ann") == ["ann", "ann", "Ann", "ann"]


@pytest.mark.parametrize("text", ["", " ", "\n", "...", "\u200b", "\U0001f600"])
def test_texts_without_words_hold_no_names(text: str) -> None:
    assert found(text, "Ann") == []
    assert found(text) == []


def test_no_names_are_found_in_nothing_listed() -> None:
    assert list(NameMatcher([]).find("Ann")) == []


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("Jorgen Lukasz", "Jørgen Łukasz"),
        ("Groenbaum Koehler", "Grönbaum Köhler"),
        ("ONeil", "O'Neil"),
        ("J.K. Rowling", "JK Rowling"),
        ("JK Rowling", "J. K. Rowling"),
        ("JayZ", "Jay-Z"),
        ("HarryPotter", "Harry Potter"),
        ("MegRyan", "Meg Ryan"),
        ("#harrypotter", "Harry Potter"),
        ("H a r r y P o t t e r", "Harry Potter"),
        ("R.u.P.a.u.l", "RuPaul"),
        ("Har ry Pott er", "Harry Potter"),
        ("Rowling, J. K.", "J.K. Rowling"),
        ("Harry Potters", "Harry Potter"),
        ("Harry Potterin", "Harry Potter"),
        ("Гарри Поттера", "Гарри Поттер"),
        ("Adelesta", "Adele"),
        ("스티븐 킹은", "스티븐 킹"),
        ("Stephen King은", "Stephen King"),
        ("Stephen Kingは", "Stephen King"),
        ("والمتنبي", "المتنبي"),
        ("Franklin Delano Roosevelt", "Franklin D. Roosevelt"),
        ("Franklin Roosevelt", "Franklin D. Roosevelt"),
        ("Jason Kent Bateman", "Jason Bateman"),
        ("Dwayne “The Rock” Johnson", "Dwayne Johnson"),
        ("Uneel Cbggre", "Harry Potter"),
        ("rettoP yrraH", "Harry Potter"),
        ("yrraH rettoP", "Harry Potter"),
        ("H\u0489a\u0489r\u0489r\u0489y Potter", "Harry Potter"),
    ],
)
def test_other_ways_to_write_a_name_are_found(written: str, listed: str) -> None:
    text = f"Who is {written}, then?"
    assert any(hit.name == listed for hit in NameMatcher([("t", listed)]).find(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The liming of the lake", "Li Ming"),
        ("Princess of Wales", "Prince"),
        ("50 cents", "50 Cent"),
        ("The Oval Office", "The Office"),
        ("George H. W. Bush", "George W. Bush"),
        ("Jason, the Kent man, met Bateman", "Jason Bateman"),
        ("jason met bateman", "Jason Bateman"),
        ("We saw Jason. Kent Bateman came", "Jason Bateman"),
        ("King Stephen of England", "Stephen King"),
        ("アンケート", "アン"),
        ("mark cubanoamericano", "Mark Cuban"),
        ("스티븐 킹덤", "스티븐 킹"),
    ],
)
def test_what_only_resembles_a_name_is_none(text: str, name: str) -> None:
    assert found(text, name) == []


@settings(deadline=None)
@given(st.text("Ann Bo'.-éß\u200b\u0301가 は\n", max_size=60), st.text(max_size=60))
def test_hits_lie_in_the_text(one: str, other: str) -> None:
    matcher = NameMatcher([("1", "Ann Bo"), ("2", "Bo"), ("3", "Anna Bonanno"), ("4", "가가")])
    for hit in matcher.find(one + other):
        assert 0 <= hit.start < hit.end <= len(one + other)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda name: bool(normalise(name)[0].strip())
)


@settings(deadline=None)
@given(NAMES, st.text(max_size=30), st.text(max_size=30))
def test_what_is_found_is_the_name(name: str, before: str, after: str) -> None:
    text = f"{before} {name} {after}"
    hits = list(NameMatcher([("t", name)]).find(text))
    assert any(hit.start <= len(before) + 1 + len(name) and hit.end > len(before) for hit in hits)
    for hit in hits:
        assert 0 <= hit.start < hit.end <= len(text)
