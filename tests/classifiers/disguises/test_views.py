from __future__ import annotations

import base64
import codecs
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.disguises.views import View, views

QUESTION = "Who wrote Harry Potter and the goblet of fire?"


def said(prompt: str, turns: list[tuple[int, int]] | None = None) -> list[str]:
    return [view.text for view in views(prompt, turns)]


def reading(prompt: str, name: str, turns: list[tuple[int, int]] | None = None) -> View:
    return next(view for view in views(prompt, turns) if view.disguise(0, len(view.text)) == name)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Who wrote the great novels of the nineteenth century?",
        "Explain how COVID19, H2O, mp3 players, the 4th of July, 3D printing and B2B sales are related.",
        "def f(x1, y2):\n    return {'a': x1 + y2}  # O(n^2), utf8, sha256, i18n\n",
        "Стивен Кинг написал много книг. Кто это? Сор, тем, рот.",
        "Ο Οδυσσέας είναι ήρωας του Ομήρου και τον λένε και Οδυσσέα.",
        "私は村上春樹の本を読む。スティーブン・キングも好きです。",
        "كتب ستيفن كينغ روايات كثيرة",
        "| name | age |\n|---|---|\n| Ann | 12 |\n| Bob | 33 |",
        "https://example.com/a/b/c?id=12345&name=foo-bar\nhttps://example.org/internationalization/index.html",
        "Solve x + y - z = 12 and 3x^2 + 4y = 0 for x, y and z.",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 broke the build of v1.2.3-rc4",
        "A. B. C. D. E. F. Which letter comes next?",
        "Wie heißt der Autor, der die Blechtrommel geschrieben hat?",
        "Tôi muốn biết thời tiết hôm nay ở Hà Nội như thế nào?",
        "Scores: 85 90 78 92 88 76 95",
        "I like 🇺🇸🇬🇧 and 👨‍👩‍👧.",
    ],
)
def test_an_ordinary_prompt_has_no_other_reading(prompt: str) -> None:
    assert said(prompt) == []


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Whо wrоtе Наrrу Роttеr and the goblet of fire?", "homoglyphs"),
        ("Ｗｈｏ ｗｒｏｔｅ Ｈａｒｒｙ Ｐｏｔｔｅｒ and the goblet of fire?", "homoglyphs"),
        ("Who wrote Ha\u200brry Pot\u200bter and the goblet of fire?", "homoglyphs"),
        ("Who wrote H\u0336a\u0336r\u0336r\u0336y Potter and the goblet of fire?", "homoglyphs"),
        ("Wh0 wr0t3 H4rry P0773r 4nd th3 g0bl3t 0f f1r3?", "leetspeak"),
        ("Who wrote H a r r y   P o t t e r and the goblet of fire?", "spaced"),
        ("Who wrote H.a.r.r.y P.o.t.t.e.r and the goblet of fire?", "spaced"),
        ("Who wrote H-a-r-r-y-P-o-t-t-e-r and the goblet of fire?", "spaced"),
        (base64.b64encode(QUESTION.encode()).decode(), "base64"),
        (base64.encodebytes(QUESTION.encode()).decode().rstrip(), "base64"),
        (base64.urlsafe_b64encode(QUESTION.encode()).decode().rstrip("="), "base64"),
        (QUESTION.encode().hex(), "hex"),
        (QUESTION.encode().hex(" "), "hex"),
        (" ".join(f"0x{byte:02x}" for byte in QUESTION.encode()), "hex"),
        (" ".join(f"{byte:08b}" for byte in QUESTION.encode()), "hex"),
        ("".join(f"&#{ord(char)};" for char in QUESTION), "escaped"),
        ("".join(f"\\u{ord(char):04x}" for char in QUESTION), "escaped"),
        (codecs.encode(QUESTION, "rot13"), "rot13"),
        ("Zkr zurwh Kduub Srwwhu dqg wkh jreohw ri iluh?", "rot13"),
        (QUESTION[::-1], "reversed"),
        (" ".join(word[::-1] for word in QUESTION.split()), "reversed"),
    ],
)
def test_a_disguised_prompt_is_read(prompt: str, name: str) -> None:
    found = [v for v in views(prompt) if "arry Potter" in v.text]
    told = next(v.text for v in found if v.disguise(0, len(v.text)) == name)
    assert told.lower().rstrip("?") == QUESTION.lower().rstrip("?") or name in ("reversed", "rot13")


@pytest.mark.parametrize(
    "code",
    [
        base64.b64encode(QUESTION.encode()).decode(),
        QUESTION.encode().hex(),
        codecs.encode(QUESTION, "rot13"),
        QUESTION[::-1],
        quote("Гарри Поттер и кубок огня"),
    ],
)
def test_what_surrounds_a_disguise_stays(code: str) -> None:
    prompt = f'Decode this and answer it: "{code}" Answer in English.'
    told = said(prompt)
    assert any(text.startswith('Decode this and answer it: "') for text in told)
    assert any("Potter" in text or "Поттер" in text for text in told)


def test_encodings_are_read_twice() -> None:
    twice = base64.b64encode(base64.b64encode(QUESTION.encode())).decode()
    assert QUESTION in said(twice)
    turned = base64.b64encode(codecs.encode(QUESTION, "rot13").encode()).decode()
    assert any("Harry Potter" in text for text in said(turned))


def test_decoys_crowd_nothing_out() -> None:
    """What is hidden twice is read among as many other disguises of every kind as there may be."""
    kinds = (
        "h4rry p0773r wr0t3",
        "s t e p h e n k i n g",
        "Наrrу Роttеr",
        "%41",
        "- a\n- b\n",
        QUESTION[::-1],
    )
    code = base64.b64encode(QUESTION.encode()).decode()
    decoys = (
        " ".join((*kinds, QUESTION[::-1], codecs.encode(QUESTION, "rot13"), code, QUESTION.encode().hex(" ")))
        * 20
    )
    hidden = "Which wizard is the headmaster of the school?"
    twice = base64.b64encode(base64.b64encode(hidden.encode())).decode()
    assert any(hidden in text for text in said(f"{decoys} {twice} {decoys}"))


def test_a_long_prompt_is_read_again_only_around_its_disguise() -> None:
    padding = "The weather was mild and the harbour busy. " * 500
    (text,) = said(f"{padding}Stephen%20King. {padding}")
    assert "busy. Stephen King. The" in text and len(text) < 1_000


def test_no_name_is_found_across_two_places() -> None:
    padding = "The weather was mild and the harbour busy. " * 50
    (view,) = views(f"He is %41nn. {padding}%42ob came.")
    one, other = (view.text[slice(*region)] for region in view.regions)
    assert one.startswith("He is Ann. The weather") and other.endswith("busy. Bob came.")
    assert view.span(*view.regions[0])[1] < view.span(*view.regions[1])[0]


def test_the_place_of_a_decoded_name_is_its_code() -> None:
    code = base64.b64encode(QUESTION.encode()).decode()
    prompt = f"Answer: {code} please"
    view = reading(prompt, "base64")
    begin = view.text.index("Harry Potter")
    start, end = view.span(begin, begin + len("Harry Potter"))
    # Whole groups of four characters of the code around what the span covers.
    first, last = (start - 8) // 4 * 4, -((8 - end) // 4 * 4)
    assert b"Harry Potter" in base64.b64decode(code[first:last])
    assert 8 <= start < end <= 8 + len(code)
    assert view.span(0, 7) == (0, 7)


def test_the_place_of_a_reversed_name_is_exact() -> None:
    prompt = QUESTION[::-1]
    view = next(v for v in views(prompt) if "Harry Potter" in v.text)
    begin = view.text.index("Harry Potter")
    assert prompt[slice(*view.span(begin, begin + 12))] == "rettoP yrraH"


def test_list_items_fragments_and_concatenations_are_joined() -> None:
    assert "Who is\n1. Stephen King" in said("Who is\n1. Stephen\n2. King")
    assert any("Rowlingov" in text for text in said("Join:\n- Rowl\n- ingov"))
    assert "Who is Stephen King?" in said('Who is "Ste" + "phen " + "King"?')


def test_short_turns_of_one_speaker_are_joined() -> None:
    prompt = "user\nStephen\nassistant\nI see. Go on, please, I listen.\nuser\nKing\n"
    second, third = prompt.index("assistant"), prompt.rindex("user")
    view = reading(prompt, "joined", [(0, second), (second, third), (third, len(prompt))])
    begin = view.text.index("Stephen King")
    assert view.span(begin, begin + 12) == (prompt.index("Stephen"), prompt.index("King") + 4)


def test_the_choices_of_a_question_are_no_pieces() -> None:
    assert said("Which is it?\nOptions:\n(A) red\n(B) blue\n(C) green") == []


TEXTS = st.one_of(
    st.text(max_size=200),
    st.text("aeSt1034@$ .-_\n\"'+%\\x&#;u0=", max_size=120),
    st.text("раhe\u200b\u0336ｈ𝐡 ", max_size=60),
    st.text(max_size=60).map(lambda text: base64.b64encode(text.encode("utf-8", "ignore")).decode()),
    st.sampled_from([QUESTION[::-1], codecs.encode(QUESTION, "rot13"), QUESTION.encode().hex(" ")]),
)


@settings(deadline=None, max_examples=300)
@given(TEXTS, TEXTS)
def test_each_character_of_a_view_has_its_place(one: str, other: str) -> None:
    prompt = f"{one} {other}"
    found = views(prompt, [(0, len(one)), (len(one) + 1, len(prompt))])
    for view in found:
        assert view.text != prompt
        assert len(view.text) == len(view.origins)
        assert all(0 <= start < end <= len(prompt) for start, end in view.origins)
        assert view.span(0, len(view.text))[1] <= len(prompt)


@pytest.mark.parametrize("sign", "÷×͵;҂")
def test_a_sign_among_the_letters_of_a_script_is_no_letter(sign: str) -> None:
    (view,) = views(f"{sign} s t e p h e n k i n g")
    assert view.text == f"{sign} stephen king"
