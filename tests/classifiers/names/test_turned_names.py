"""Names in another order than listed, without a comma; and names of Russians, with their patronymics."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget


def named(text: str, listed: str) -> bool:
    index = ForgetIndex(0, [ForgetTarget(id="t", name=listed)], NamesOnly())
    return bool(list(index.names.find(text)))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("Nagy Imre", "Who was Imre Nagy?"),
        ("Imre Nagy", "Nagy Imre élete"),
        ("Andrzej Duda", "Kim jest DUDA ANDRZEJ?"),
        ("Andrzej Duda", "KIM JEST DUDA ANDRZEJ?"),
        ("Ferenc Puskás", "Hány gólt rúgott Puskás Ferenc?"),
        ("Viktor Orbán", "Mit mondott Orbán Viktor?"),
        ("Albert Einstein", "Who is Einstein Albert?"),
        ("George W. Bush", "signed: Bush George W."),
        ("Vincent van Gogh", "What did van Gogh Vincent paint?"),
        ("J.K. Rowling", "Which books are by Rowling JK?"),
        ("J.K. Rowling", "Which books are by Rowling J. K.?"),
        ("John Ronald Reuel Tolkien", "See Tolkien JRR 1954."),
        ("Владимир Путин", "Кто такой Путин Владимир?"),
        ("Владимир Путин", "Кто такой Путин Владимир Владимирович?"),
        ("Владимир Путин", "Кто такой Владимир Владимирович Путин?"),
        ("Владимир Путин", "Расскажи о Владимире Владимировиче Путине."),
        ("Лев Толстой", "Роман Льва Николаевича Толстого"),
        ("Лев Толстой", "Что написал Л. Н. Толстой?"),
        ("Лев Толстой", "Что написал Л.Н.Толстой?"),
        ("Анна Ахматова", "Стихи Анны Андреевны Ахматовой"),
        ("Тарас Шевченко", "Вірші Тараса Григоровича Шевченка"),
    ],
)
def test_another_order_and_a_patronymic_are_the_same_name(listed: str, text: str) -> None:
    assert named(text, listed)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("Stephen King", "When was King Stephen crowned?"),
        ("James Taylor", "Who is Taylor James?"),
        ("George Michael", "Michael George came."),
        ("Mark Brown", "A Brown Mark on it"),
        ("Andrzej Duda", "We met Piotr Duda, Andrzej Wajda and others."),
        ("Andrzej Duda", "We met Piotr Duda. Andrzej left."),
        ("Andrzej Duda", "That was Piotr Duda Andrzej said."),
        ("Andrzej Duda", "duda andrzej"),
        ("Stephen King", "Smith J, King S, Jones P."),
        ("Лев Толстой", "Что написал А. Н. Толстой?"),
        ("Лев Толстой", "Алексей Николаевич Толстой"),
        ("Владимир Путин", "Владимир Владимирович Маяковский"),
    ],
)
def test_other_people_of_these_names_are_not(listed: str, text: str) -> None:
    assert not named(text, listed)
