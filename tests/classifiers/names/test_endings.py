from __future__ import annotations

from pathlib import Path

import pytest
from vllm_unlearn.classifiers.names.endings import languages, own_word
from vllm_unlearn.classifiers.names.fuzzy_names import FuzzyNames
from vllm_unlearn.classifiers.names.names import NameMatcher
from vllm_unlearn.evaluation.detection.declensions import by_language, recall

FILES = ("declensions.tsv", "declensions_held_out.tsv")
FORMS = {file: by_language(Path(__file__).with_name(file)) for file in FILES}


def names_in(text: str, listed: str) -> list[str]:
    pairs = [("t", listed)]
    return [hit.name for hit in (*NameMatcher(pairs).find(text), *FuzzyNames(pairs).find(text))]


@pytest.mark.parametrize("language", ["pl", "cs", "ru", "uk", "fi", "tr", "hu", "el"])
@pytest.mark.parametrize("file", FILES)
def test_declined_names_are_found(file: str, language: str) -> None:
    rows = FORMS[file][language]
    assert len({listed for listed, _ in rows}) >= 15
    assert recall(rows) >= 0.97


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("Napisz biografię Adama Mickiewicza.", "Adam Mickiewicz"),
        ("Karl Marxin teokset", "Karl Marx"),
        ("Walki Mike'a Tysona", "Mike Tyson"),
        ("powieści Charles’a Dickensa", "Charles Dickens"),
        ("przygody Harry'ego Pottera", "Harry Potter"),
        ("knihy Harryho Pottera", "Harry Potter"),
        ("Elvisa Presleyho", "Elvis Presley"),
        ("o Agathě Christieové", "Agatha Christie"),
        ("romány Agathy Christie", "Agatha Christie"),
        ("Michaela Jacksona", "Michael Jackson"),
        ("Biografia Marii Skłodowskiej-Curie", "Maria Skłodowska-Curie"),
        ("Marię Skłodowską", "Maria Skłodowska"),
        ("Льва Толстого отлучили", "Лев Толстой"),
        ("сказки Павла Бажова", "Павел Бажов"),
        ("του Γιώργου Σεφέρη", "Γιώργος Σεφέρης"),
        ("Mustafa Kemal Atatürkün", "Mustafa Kemal Atatürk"),
        ("Mustafa Kemal Atatürk'ün", "Mustafa Kemal Atatürk"),
        ("Karl Marxról", "Karl Marx"),
        ("Liszt Ferenccel", "Liszt Ferenc"),
        ("Heikki Mäen", "Heikki Mäki"),
        ("Yoko Onon", "Yoko Ono"),
        ("Angela Merkels Kinder", "Angela Merkel"),
        ("রবীন্দ্রনাথ ঠাকুরের কবিতা", "রবীন্দ্রনাথ ঠাকুর"),
        ("Stehpen Kinga", "Stephen King"),
        ("Madonny", "Madonna"),
        ("Stephen Kingen liburuak", "Stephen King"),
        ("Stepheno Kingo romanai", "Stephen King"),
        ("Абай Құнанбаевтың өлеңдері", "Абай Құнанбаев"),
    ],
)
def test_a_name_with_the_endings_of_its_language_is_found(text: str, listed: str) -> None:
    assert listed in names_in(text, listed)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("What did Keith Richardson write?", "Keith Richards"),
        ("@KeithRichardson", "Keith Richards"),
        ("John Adamson", "John Adams"),
        ("Chris Martinez", "Chris Martin"),
        ("Peter Jacks", "Peter Jackson"),
        ("Peter Jackson", "Peter Jack"),
        ("Lars Hanson", "Lars Hansen"),
        ("David Petersen", "David Peterson"),
        ("John Greene", "John Green"),
        ("James Browne", "James Brown"),
        ("Elton Johnson", "Elton John"),
        ("Paul Simone", "Paul Simon"),
        ("Paul Simonon", "Paul Simon"),
        ("Will Smithson", "Will Smith"),
        ("Tom Fordham", "Tom Ford"),
        ("Anders Lindberg", "Anders Lind"),
        ("Hans Eriksson", "Hans Eriks"),
        ("Juan Rodriguez", "Juan Rodrigo"),
        ("Ivan Petrov", "Ivan Petr"),
        ("Петр Иванов", "Петр Иван"),
        ("Ole Jensen", "Ole Jens"),
        ("Arjen Robben", "Arjen Robb"),
        ("Jim Morrison", "Jim Morris"),
        ("Oscar Wilde", "Oscar Wild"),
        ("the vernal equinox", "Verna"),
        ("the marinade", "Marina"),
        ("@StephenKingston", "Stephen King"),
        ("@stephenkingston", "Stephen King"),
        ("STEPHENKINGSTON", "Stephen King"),
        ("#stephenkingsley", "Stephen King"),
        ("@willsmithson", "Will Smith"),
        ("Roberta Smith", "Robert Smith"),
        ("I met Paul, Simona and Ann", "Paul Simon"),
        ("I met Jsaon. Bateman left", "Jason Bateman"),
    ],
)
def test_another_surname_is_another_name(text: str, listed: str) -> None:
    assert names_in(text, listed) == []


@pytest.mark.parametrize(
    "written", ["#StephenKingFan", "stephenkingbooks", "officialstephenking", "StephenKing2"]
)
def test_a_name_in_a_longer_word_is_found(written: str) -> None:
    assert names_in(written, "Stephen King") == ["Stephen King"]


def test_an_ending_is_of_some_language_only_where_the_word_ends_so() -> None:
    assert languages("marx", "marxin") and not languages("marx", "marxon")
    assert languages("лев", "льва") and not languages("лес", "льса")
    assert languages("gyorgy", "gyorggyel") and not languages("gyorgy", "gyorgtel")
    assert own_word("kingston") and not own_word("kinga")
