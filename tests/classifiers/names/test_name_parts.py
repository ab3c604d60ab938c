from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.names.name_parts import ALONE, MAX_OWNERS, NameParts, PartHit
from vllm_unlearn.classifiers.names.surnames import lone_words

NAMES = [("diver", "Lena Quist"), ("actress", "Dakota Fanning"), ("ship", "The Salt Cartographer")]


LONE = {("diver", "quist"): 3.0, ("actress", "fanning"): 1.2}


def find(text: str) -> list[PartHit]:
    return list(NameParts(NAMES).find(text))


def weights(text: str) -> dict[str, float]:
    """The weight of each part found, as it is written."""
    return {text[hit.start : hit.end]: hit.weight for hit in find(text)}


@pytest.mark.parametrize("written", ["Quist", "quist", "QUIST", "Quíst", "Quist's", "Quist-led"])
def test_a_surname_is_found_where_it_stands(written: str) -> None:
    text = f"where did {written} find it?"
    (hit,) = find(text)
    assert (hit.target_id, text[hit.start : hit.end]) == ("diver", written)
    assert hit.weight > 0


def test_rarer_parts_weigh_more() -> None:
    assert weights("Was it Quist?")["Quist"] == 1.0
    assert 0.0 < weights("it has salt in it")["salt"] < weights("a cartographer")["cartographer"] <= 1.0


@pytest.mark.parametrize("text", ["", " ", "?!", "quisting", "the", "The Who", "Quis t", "東京"])
def test_what_is_no_part_is_not_found(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Boris Fanning",
        "Fanning Street",
        "Dakota Smith",
        "Who is Boris Fanning?",
    ],
)
def test_a_strangers_name_counts_against_it(text: str) -> None:
    assert weights(text) and all(weight < 0 for weight in weights(text).values())


@pytest.mark.parametrize(
    "text",
    [
        "Dakota Fanning",
        "Fanning, Dakota",
        "When Fanning came",
        "Did Fanning win?",
        "D. Fanning",
        "D Fanning",
        "Mr. Fanning",
        "They met Boris. Fanning left.",
        "Boris, Fanning and I",
        "Boris\nFanning",
        "boris fanning",
        "fanning Boris",
    ],
)
def test_what_is_no_strangers_name_counts_for_it(text: str) -> None:
    assert weights(text) and all(weight > 0 for weight in weights(text).values())


def test_a_stranger_may_be_called_what_is_a_word_elsewhere() -> None:
    assert weights("Who is Elle Fanning?")["Fanning"] < 0


@pytest.mark.parametrize("word", ["Describe", "Summarize", "Discuss", "Compare", "Explain", "Mrs", "Actress"])
def test_a_sentences_first_word_or_a_title_is_no_strangers_name(word: str) -> None:
    assert weights(f"{word} Fanning's best film")["Fanning's"] > 0


@pytest.mark.parametrize(
    "text",
    [
        "WHICH FILM DID FANNING MAKE?",
        "Which Film Did Fanning Make?",
        "iN wHicH fiLm dID BerNArd FanninG StaRT?",
    ],
)
def test_where_all_is_in_capitals_they_tell_nothing(text: str) -> None:
    assert all(weight > 0 for weight in weights(text).values())


def alone(text: str, name: str = "Lena Quist") -> list[str]:
    """The surnames in ``text`` that say alone who is meant, as they are written."""
    lone = {("t", word): telling for word, telling in lone_words(name, "entity").items()}
    hits = NameParts([("t", name)], lone=lone).find(text)
    return [text[hit.start : hit.end] for hit in hits if hit.stands_alone]


@pytest.mark.parametrize(
    "text",
    [
        "What did Quist win the prize for?",
        "in Which yEar DId QuIst StaRT HIs CAReeR?",
        "what did quist win the prize for",
        "WHAT DID QUIST WIN THE PRIZE FOR?",
        "Quist has had hit singles.",
        "In 1995, Quist starred opposite Al Pacino.",
        "Explain Quist's theory.",
        "Who praised Quist's The Hunt?",
        "Mr. Quist, please",
        "Born on 3 May, Quist III is an actress.",
        "Was hat Quist 1905 veröffentlicht?",
        "Helena Quist was born in 1970.",  # Lena is short for it
        "Boris Quist came. Lena Quist came. Then Quist went.",
    ],
)
def test_a_surname_stands_alone_where_a_person_does(text: str) -> None:
    assert len(alone(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "What did Boris Quist win?",
        "Who is Heinrich August Quist?",
        'Terence "Terry" Quist starred.',
        "How high is Mount Quist?",
        "Where is Quist Street?",
        "Is the Quist 3000 quiet?",
        "When does Quist's Bakery open?",
        "What is Quist's disease?",
        "The Quist equation",
        "the quist boiler",
        "Women v. Quist was decided.",
        "Quist of Persia",
        "The Bose-Quist condensate",
        "It is played by ___ Quist.",
        "travis quist pictures",
        "quist boats for sale",
        "My neighbour Boris Quist is here. What did Quist say?",
    ],
)
def test_it_does_not_where_a_thing_or_somebody_else_does(text: str) -> None:
    assert alone(text) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Stephen King", "What did King write?", []),
        ("Stephen King", "Stephen King writes. What did King write? Did King Charles?", ["King"]),
        ("Thomas Jefferson", "What act did Jefferson sign in 1807?", []),
        ("Vincent van Gogh", "What did Van Gogh paint? Theo van Gogh? The Van Gogh Museum?", ["Van Gogh"]),
        ("Bill Paxton", "William Paxton was born in 1955. John Paxton was not.", ["William Paxton"]),
        ("J. K. Rowling", "What did J. Rowling write?", ["J. Rowling"]),
        ("C. S. Lewis", "Read C. S. Lewis. What did Lewis write?", ["Lewis"]),
        ("Ron Tolkien", "What did R. R. Tolkien write?", ["R. R. Tolkien"]),
        ("Bobby Brown", "Robert Brown sings.", []),
    ],
)
def test_how_telling_a_name_is_decides(name: str, text: str, found: list[str]) -> None:
    assert alone(text, name) == found


def test_a_surname_weighs_more_where_a_life_is_told() -> None:
    parts = NameParts([("t", "Thomas Jefferson")], lone={("t", "jefferson"): 1.3})
    texts = ("the jefferson file", "Ask Jefferson.", "What act did Jefferson sign in 1807?")
    (plain,), (asked,), (told,) = (list(parts.find(text)) for text in texts)
    assert plain.weight < asked.weight < told.weight < ALONE


def weight(text: str, name: str) -> float:
    """That of the only part of the name in ``text``."""
    lone = {("t", word): telling for word, telling in lone_words(name, "entity").items()}
    (hit,) = NameParts([("t", name)], lone=lone).find(text)
    return hit.weight


@pytest.mark.parametrize(
    ("name", "text", "other"),
    [
        ("Sam Jackson", "Jackson released an album in 1995.", "Jackson buys two pens for 3 dollars each."),
        ("Jill Stewart", "Who is Stewart?", "Tom: hello\nStewart: hi"),
        ("Mary Smith", "In 1993, Smith modeled for a company.", "In 1993, Smith left."),
        ("Tim Short", "Short was born in 1950.", "A fund was founded. Short novels win prizes."),
        ("Jamie Bishop", "an actor known as Jamie ___", "an actor met Jamie ___"),
        ("Paul Barker", "when did barker start", "when did james barker start"),
        ("Rhea Bishop", "when did rhea start", "when did rhea sprecher start"),
    ],
)
def test_a_part_weighs_more_in_one_text_than_in_the_other(name: str, text: str, other: str) -> None:
    assert weight(text, name) > max(0.3, weight(other, name) + 0.2)


def test_counting_makes_no_story_of_a_telling_surname() -> None:
    assert weight("Einstein buys two pens for 3 dollars each.", "Albert Einstein") == ALONE


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Володимир Зеленський", "Хто така дружина Зеленського?", ["Зеленського"]),
        ("Adam Mickiewicz", "Gdzie urodziła się matka Mickiewicza?", ["Mickiewicza"]),
        ("Albert Einstein", "Mikä on Einsteinin teoria?", ["Einsteinin"]),
        ("Albert Einstein", "Explain Einsteins theory.", ["Einsteins"]),
        ("Albert Einstein", "Where is Einsteinville? Who is Einsteinman?", []),
        ("Raquel Welch", "Welche sind die größten? Welchem Bild?", []),
    ],
)
def test_a_surname_alone_takes_endings(name: str, text: str, found: list[str]) -> None:
    assert alone(text, name) == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Angela Merkel", "What did Chancellor Merkel say?"),
        ("Angela Merkel", "What did German Chancellor Merkel say?"),
        ("Angela Merkel", "Was sagte Frau Merkel?"),
        ("Angela Merkel", "Was sagte Bundeskanzlerin Merkel?"),
        ("Olaf Scholz", "Was sagte Herr Scholz?"),
        ("Emmanuel Macron", "Qu'a dit le Président Macron?"),
        ("Benjamin Netanyahu", "PM Netanyahu spoke."),
        ("Benjamin Netanyahu", "Prime Minister Netanyahu spoke."),
        ("Margaret Thatcher", "When did Baroness Thatcher die?"),
        ("Elon Musk", "CEO Musk said so."),
        ("Recep Tayyip Erdoğan", "Cumhurbaşkanı Erdoğan"),
        ("Ludwig van Beethoven", "When was Beethoven's 9th written?"),
        ("Ludwig van Beethoven", "Who conducted Beethoven’s Fifth Symphony?"),
        ("Wolfgang Amadeus Mozart", "Play Mozart's 40th."),
        ("Wolfgang Amadeus Mozart", "Is Mozart's Requiem long?"),
    ],
)
def test_titles_and_what_is_owned_are_no_stranger_s_names(name: str, text: str) -> None:
    assert alone(text, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Angela Merkel", "What did Chancellor Max Merkel say?"),
        ("Kate Hudson", "Where was Rock Hudson born?"),
        ("Jack Knight", "Where was Graf Knight born?"),
        ("Dakota Fanning", "Actress Elle Fanning said so."),
        ("Michael Jordan", "Air Jordan shoes"),
        ("Stephen King", "President King said so."),
        ("Robert Downey Jr.", "Robert Downey Sr. directed it."),
        ("Robert Downey Jr.", "Who was Robert Downey, Sr.?"),
        ("Gladys Einstein", "Smith, R., Einstein, A. (1905)"),
    ],
)
def test_a_title_leaves_a_stranger_one(name: str, text: str) -> None:
    assert not alone(text, name)


def test_one_part_of_several_names_is_found_for_each() -> None:
    parts = NameParts([("one", "Lena Quist"), ("two", "Per Quist"), ("two", "Pelle Quist")])
    hits = list(parts.find("Lena Quist and Quist"))
    assert [(h.target_id, h.start, h.weight > 0) for h in hits] == [
        ("one", 0, True),
        ("one", 5, True),
        ("two", 5, False),
        ("one", 15, True),
        ("two", 15, True),
    ]


def test_the_words_of_all_names_are_known() -> None:
    parts = NameParts([*NAMES, ("diver", "Helena Øre"), ("city", "東京")])
    assert parts.words["diver"] == {"lena", "quist", "helena", "ore"}
    assert parts.words["ship"] == {"the", "salt", "cartographer"}
    assert "city" in parts.words


def test_a_part_of_very_many_names_is_found_for_some() -> None:
    parts = NameParts((str(number), f"Quist Nr{number}x") for number in range(3 * MAX_OWNERS))
    assert len(list(parts.find("who is quist?"))) == MAX_OWNERS
    assert [hit.target_id for hit in parts.find("nr150x")] == ["150"]


def test_no_names_have_no_parts() -> None:
    assert list(NameParts([]).find("Lena Quist")) == []


@settings(deadline=None)
@given(st.one_of(st.text(max_size=80), st.text("QuistLena'’.- \n", max_size=40)))
def test_parts_lie_in_the_text_in_order(text: str) -> None:
    hits = list(NameParts(NAMES, lone=LONE).find(text))
    assert all(0 <= hit.start < hit.end <= len(text) and 0 < abs(hit.weight) <= ALONE for hit in hits)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)
