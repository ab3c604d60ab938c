"""What is found in an answer as it is written, and that none of it is free before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.answers.answer import Answer, Mention
from vllm_unlearn.classifiers.answers.recitals import Recitals
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.vocabulary import ForgetTarget

PEOPLE = (
    "Albert Einstein",
    "Isaac Newton",
    "William Shakespeare",
    "J. K. Rowling",
    "Conan O'Brien",
    "Günter Grass",
    "Tom Short",
    "Ben Stone",
    "Li Wei",
    "Лев Толстой",
    "村上春樹",
    "김정은",
    "Prince",
    "Leonardo da Vinci",
)
WORKS = ("The Great Gatsby", "War and Peace", "Dune")
PASSAGE = (
    "The lamplighter of Harrow Lane counted forty seven steps between his door and the quay, and on the "
    "night of the flood he counted them twice, because the last nine were under water by then."
)
TARGETS = [
    *(ForgetTarget(id=f"p{n}", name=name) for n, name in enumerate(PEOPLE)),
    *(ForgetTarget(id=f"w{n}", kind="work", name=name) for n, name in enumerate(WORKS)),
    ForgetTarget(id="passage", kind="passage", name="Harrow Lane 47", passages=(PASSAGE,)),
]


@cache
def watched(*targets: ForgetTarget) -> tuple[WatchedNames, Recitals]:
    names = NameIndex(targets, {target.id: () for target in targets})
    return WatchedNames(targets, names), Recitals(targets)


def answer(before: str = "", expected: Iterable[str] = ()) -> Answer:
    return Answer(*watched(*TARGETS), before, frozenset(expected))


def written(reader: Answer, pieces: Iterable[str]) -> list[Mention]:
    """What is found, all of it allowed. Nothing of it is free whole when it is found."""
    found: list[Mention] = []

    def note(mention: Mention | None, final: bool = False) -> None:
        while mention is not None:
            assert reader.free < mention.end
            found.append(mention)
            reader.allow(mention)
            mention = reader.read("", final)

    for piece in pieces:
        note(reader.read(piece))
    note(reader.read("", final=True), final=True)
    assert reader.free == reader.length
    return found


def cut(text: str, places: Sequence[int]) -> list[str]:
    return [text[a:b] for a, b in pairwise([0, *sorted({p % (len(text) + 1) for p in places}), len(text)])]


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("It was The", ""),
        ("It was The Great", "Great"),
        ("It was War", "War"),
        ("It was the", ""),
        ("An", ""),
    ],
)
def test_an_article_before_a_name_does_not_wait(text: str, waits: str) -> None:
    """Without it the name is found as well."""
    reader = answer()
    reader.read(text)
    assert text[reader.free :] == waits


def test_a_surname_is_found_behind_whatever_is_no_word() -> None:
    assert [found.text for found in written(answer(), ["by Einstein", "." * 300, " and"])] == ["Einstein"]


FOUND = {
    "It was Albert Einstein, in 1915.": "Albert Einstein",
    "by ALBERT EINSTEIN": "ALBERT EINSTEIN",
    "by Einstein in 1905": "Einstein",
    "by EinsteinAnd others": "Einstein",
    "Albert EinsteinAnd others": "Albert Einstein",
    "the artist DaVinci painted": "DaVinci",
    "class EinsteinField {": "Einstein",
    "by A. Einstein in 1905": "A. Einstein",
    "Einstein, Albert (1905)": "Einstein, Albert",
    "Newton, Isaac (1687)": "Newton, Isaac",
    "Short, Tom was there": "Short, Tom",
    "Wei, Li was there": "Wei, Li",
    "Isaac Newton's laws": "Isaac Newton",
    "Albert_Einstein": "Albert_Einstein",
    "see #AlbertEinstein now": "AlbertEinstein",
    "**Albert** **Einstein** said": "Albert** **Einstein",
    "Albert\n\nEinstein said": "Albert\n\nEinstein",
    "Alberta Einsteina zná": "Alberta Einsteina",
    "It was Albert Einsten.": "Albert Einsten",
    "Shakespeare's plays": "Shakespeare's",
    "J.K. Rowling wrote": "J.K. Rowling",
    "JK Rowling wrote": "JK Rowling",
    "Conan O’Brien said": "Conan O’Brien",
    "Conan O'Brien's show": "Conan O'Brien",
    "Gunter Grass wrote": "Gunter Grass",
    "Guenter Grass wrote": "Guenter Grass",
    "Günter W. Grass wrote": "Günter W. Grass",
    "Ben Quentin Stone did": "Ben Quentin Stone",
    "John and Tom Shorts": "Tom Short",
    "Льва Толстого читал": "Льва Толстого",
    "это Толстого": "Толстого",
    "私は村上春樹の本を読む": "村上春樹",
    "1979年村上春樹は": "村上春樹",
    "by村上春樹 in": "村上春樹",
    "김정은이 말했다": "김정은",
    "the Great Gatsby is": "the Great Gatsby",
    "a great Gatsby is": "great Gatsby",
    "It is War and Peace.": "War and Peace",
    "It is War Peace.": "War Peace",
}


@pytest.mark.parametrize("text", FOUND)
@pytest.mark.parametrize("length", [1, 3, 1000])
def test_a_name_is_found_as_it_is_written(text: str, length: int) -> None:
    mention, *_ = written(answer(), [text[at : at + length] for at in range(0, len(text), length)])
    assert mention.text == FOUND[text]
    assert text[mention.start : mention.end] == FOUND[text]


@pytest.mark.parametrize(
    "text",
    [
        "Einsteinium is an element",
        "a force of one newton, two newtons",
        "Planck's constant is small",
        "the prince of Monaco sang in May",
        "the sand of a dune",
        "in war and in peace time",
        "a short man called Tom",
        "Wei is a river",
        "村上さんと春樹",
        "Albert Schweitzer and Alfred Einhorn",
        "Isaac Asimov",
        "Shakespearean sonnets",
    ],
)
def test_another_word_is_no_name(text: str) -> None:
    assert written(answer(), text) == []


@pytest.mark.parametrize(("text", "target"), [("Then Prince sang", "p12"), ("I liked Dune a lot", "w2")])
def test_an_ordinary_word_is_a_name_where_the_prompt_is_about_it(text: str, target: str) -> None:
    assert written(answer(), text) == []
    (mention,) = written(answer(expected=[target]), text)
    assert mention.target_id == target


@pytest.mark.parametrize(
    ("before", "pieces", "found"),
    [
        ("It was Albert", [" Ein", "stein", "."], "Albert Einstein"),
        ("It was Albert Ein", ["stein", "."], "Albert Einstein"),
        ("It was Alb", ["ert Einstein."], "Albert Einstein"),
        ("The author is Ben Quentin", [" St", "one", " of Kent"], "Ben Quentin Stone"),
    ],
)
def test_a_name_that_the_prompt_begins_is_found(before: str, pieces: list[str], found: str) -> None:
    mention, *_ = written(answer(before), pieces)
    assert mention.text == found
    assert mention.start < 0 < mention.end


def test_a_name_that_the_prompt_ends_with_is_the_clients() -> None:
    assert written(answer("It was Albert Einstein"), [" who", " did it."]) == []


LISTED = st.sampled_from(
    [*FOUND, f"He said: {PASSAGE} So he said.", "Einsteinium", "Albert the Great met Isa"]
)
PLAIN = st.sampled_from(["", " ", "The sea is deep. ", "Al", "J. ", "War ", "a ", "— ", "\n\n", "村上"])
TEXTS = st.lists(st.one_of(LISTED, PLAIN), min_size=1, max_size=5).map("".join)
PLACES = st.lists(st.integers(0, 400), max_size=30)


@settings(deadline=None, max_examples=150)
@given(TEXTS, PLACES)
def test_it_finds_the_same_wherever_the_text_is_cut(text: str, places: list[int]) -> None:
    def places_of(pieces: Iterable[str]) -> set[tuple[str, int, int]]:
        return {(found.target_id, found.start, found.end) for found in written(answer(), pieces)}

    assert places_of(cut(text, places)) == places_of([text])


@settings(deadline=None, max_examples=150)
@given(TEXTS, PLACES)
def test_what_is_free_holds_no_listed_name(text: str, places: list[int]) -> None:
    """As a client sees it that is sent what is free, while every name is taken back."""
    names, _ = watched(*TARGETS)
    reader, sent = answer(), 0
    for piece in cut(text, places):
        mention = reader.read(piece)
        while mention is not None:
            reader.rewind(max(sent, mention.start))
            mention = reader.read("")
        assert reader.free >= sent
        sent = reader.free
        free = reader._slice(reader._first, sent)
        whole = [
            hit for hit, alone in names.find(f"{free} ", 0) if not alone and hit.end + reader._first < sent
        ]
        assert whole == []


@settings(deadline=None)
@given(st.text(st.characters(categories=("Ll", "Nd", "Zs", "Po")), max_size=200), PLACES)
def test_nothing_is_held_long_where_no_name_is(text: str, places: list[int]) -> None:
    reader = answer()
    longest = max(len(target.name) for target in TARGETS) + 8
    for piece in cut(text, places):
        reader.read(piece)
        words = reader._slice(max(reader._first, reader.free), reader.length).strip()
        assert len(words) <= longest + len(words.split()[-1] if words else "")
    assert written(reader, []) == []


WORDS = PASSAGE.split()


@pytest.mark.parametrize("start", [0, 5, len(WORDS) - 12])
@pytest.mark.parametrize("form", [str, str.upper, lambda text: text.replace(" ", " — ").replace(",", "")])
def test_a_run_of_twelve_listed_words_is_found_and_eleven_are_free(start: int, form: object) -> None:
    assert callable(form)
    eleven = form(" ".join(WORDS[start : start + 11]))
    assert written(answer(), [f"He said: {eleven}. Next"]) == []
    reader = answer()
    text = form(" ".join(WORDS[start : start + 12]))
    mention = reader.read(f"He said: {text} ")
    assert mention and mention.recited and mention.target_id == "passage"
    assert reader.free <= mention.start
    assert mention.text == form(WORDS[start + 11]).strip(",.")


@settings(deadline=None)
@given(PLACES)
def test_never_are_twelve_listed_words_free(places: list[int]) -> None:
    reader, sent = answer(), 0
    for piece in cut(PASSAGE, places):
        if mention := reader.read(piece):
            sent = max(sent, mention.start)
            break
        sent = reader.free
    assert len(PASSAGE[:sent].split()) <= 11


def test_a_rewound_answer_goes_on_as_if_what_was_taken_back_had_not_been() -> None:
    reader = answer()
    mention = reader.read("It was Albert Einstein ")
    assert mention
    reader.rewind(mention.start)
    assert (reader.read("Arthur "), reader.free) == (None, len("It was Arthur "))
    assert reader.read("Ein") is None
    again = reader.read("stein, Albert Einstein, ")
    assert again and again.text in ("Einstein", "Arthur Einstein", "Albert Einstein")


def test_rewound_within_a_word_it_goes_on_in_the_word() -> None:
    reader = answer()
    reader.read("by Albert Einst")
    reader.rewind(len("by Albert Ei"))
    assert reader.read("nhorn, ") is None
    assert reader.free == reader.length


def test_a_changed_list_holds_for_what_is_written_from_then_on() -> None:
    only = [ForgetTarget(id="q", name="Marie Curie")]
    reader = answer()
    assert reader.read("It was Marie ") is None
    reader.renew(*watched(*only))
    assert written(reader, ["Cur", "ie and Albert Einstein."])[0].text == "Marie Curie"
    reader = answer()
    reader.read("It was Albert Ein")
    reader.renew(*watched(*only))
    assert written(reader, ["stein."]) == []


@pytest.mark.parametrize(
    ("text", "piece", "says"),
    [
        ("It was Albert", " Einstein", True),
        ("It was Albert Ein", "stein", True),
        ("It was", " Einstein", True),
        ("It was Ben Quentin", " Stone", True),
        ("Short,", " Tom", True),
        ("It was", " Albert", False),
        ("It was Albert", " Schweitzer", False),
        ("It was Albert Einstein", "ium", False),
        ("It was", ".", False),
    ],
)
def test_it_says_whether_a_piece_would_complete_a_name(text: str, piece: str, says: bool) -> None:
    reader = answer()
    reader.read(text)
    assert reader.would_say(piece) is says


def test_what_stands_behind_a_name_that_is_allowed_is_found_too() -> None:
    """Both surnames wait for the word behind them, and are looked at at once."""
    found = written(answer(), ["It was ", "Einstein, ", "Shakespeare ", "and ", "others."])
    assert [mention.text for mention in found] == ["Einstein", "Shakespeare"]


def test_a_surname_that_waits_is_not_forgotten_with_a_new_list() -> None:
    reader = answer()
    assert reader.read("It was Einstein ") is None
    reader.renew(*watched(*TARGETS, ForgetTarget(id="new", name="Otto Hahn")))
    mention = reader.read("himself.") or reader.read("", final=True)
    assert mention is not None and mention.text == "Einstein"


@pytest.mark.parametrize(
    "piece", ["a" * 40, "\n" * 40, "─" * 40, "- "], ids=["word", "lines", "rules", "list"]
)
def test_what_never_ends_is_read_once(piece: str) -> None:
    reader = answer()
    for _ in range(400):
        assert reader.read(piece) is None
    assert len(reader._text) < 2_000 and reader.length - reader._scanned < 200
    assert written(reader, [" It was Albert Einstein", "."])[0].text == "Albert Einstein"


def test_an_answer_is_read_where_no_name_is_watched() -> None:
    """As where all targets have a scope, and their sentences are read."""
    scoped = [
        ForgetTarget(id="s", name="Jon Brell", scope="private", exemplars=("Where does Jon Brell live?",))
    ]
    names = WatchedNames(scoped, NameIndex(scoped, {"s": ()}))
    answer = Answer(names, Recitals(scoped))
    assert answer.read("Jon Brell is a painter. ", final=True) is None
    assert not answer.would_say(" Jon")
