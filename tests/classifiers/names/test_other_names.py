from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly, shorter_names
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.names.legal_forms import without_legal_form
from vllm_unlearn.classifiers.names.other_names import names_to_propose, other_names
from vllm_unlearn.vocabulary import ForgetTarget, Kind


@pytest.mark.parametrize(
    ("listed", "other"),
    [
        ("Smith, Will", "Will Smith"),
        ("SMITH, Will", "Will SMITH"),
        ("smith, will", "will smith"),
        ("Lee, Robert E.", "Robert E. Lee"),
        ("King, Martin Luther, Jr.", "Martin Luther King Jr."),
        ("García Márquez, Gabriel", "Gabriel García Márquez"),
        ("van Gogh, Vincent", "Vincent van Gogh"),
        ("Gogh, Vincent van", "Vincent van Gogh"),
        ("Mao, Zedong", "Zedong Mao"),
        ("O'Neal, Shaquille", "Shaquille O'Neal"),
        ("Smith, Dr. John A.", "John A. Smith"),
        ("Pope John Paul II", "John Paul II"),
        ("John Smith, PhD", "John Smith"),
        ("Jane Doe, M.D., Ph.D.", "Jane Doe"),
        ("Bob Odenkirk, Esq.", "Bob Odenkirk"),
        ("Dr. Martin Luther King Jr.", "Martin Luther King Jr."),
        ("Sir Elton John CBE", "Elton John"),
        ("Prof. Dr. Hans Müller", "Hans Müller"),
        ("Elizabeth II, Queen of England", "Elizabeth II"),
        ("Sarah Ferguson, Duchess of York", "Sarah Ferguson"),
        ("John Smith (actor)", "John Smith"),
        ("Beatles, The", "The Beatles"),
        ("World War II", "World War 2"),
        ("World War II", "World War two"),
        ("Henry VIII", "Henry the eighth"),
        ("Louis XIV", "Louis the 14th"),
        ("Apollo 11", "Apollo XI"),
        ("Catch-22", "Catch-twenty-two"),
        ("Maroon Five", "Maroon 5"),
        ("Goldman Sachs Group, Inc.", "Goldman Sachs Group"),
        ("Robert Bosch GmbH", "Robert Bosch"),
        ("Lidl Stiftung & Co. KG", "Lidl Stiftung"),
        ("株式会社任天堂", "任天堂"),
        ("삼성전자 주식회사", "삼성전자"),
    ],
)
def test_what_is_listed_has_another_name_in_full(listed: str, other: str) -> None:
    assert other in other_names(listed, "entity")


@pytest.mark.parametrize(
    "listed",
    [
        "Crosby, Stills, Nash & Young",
        "Earth, Wind & Fire",
        "The Lion, the Witch and the Wardrobe",
        "Eat, Pray, Love",
        "Harry, Duke of Sussex",
        "Queen of the South",
        "Will Smith",
        "Blink-182",
        "50 Cent",
        "Lady Gaga",
        "Doctor Who",
        "Robert Downey Jr.",
        "Apple Inc.",
        "Best Buy Co., Inc.",
        "GmbH",
        "村上春樹",
    ],
)
def test_titles_lists_and_what_would_mean_others_have_none(listed: str) -> None:
    assert other_names(listed, "entity") == ()


@pytest.mark.parametrize(
    ("listed", "kind", "other"),
    [
        ("Lion King, The", "work", ("The Lion King",)),
        ("The Shining (film)", "work", ("The Shining",)),
        ("The Lord of the Rings", "work", ("Lord of the Rings",)),
        ("A Tale of Two Cities", "work", ("A Tale of 2 Cities", "Tale of Two Cities")),
        ("The Last Day", "work", ()),
        ("Smith, Will", "work", ()),
        ("Smith, Will", "topic", ()),
    ],
)
def test_works_keep_their_commas(listed: str, kind: Kind, other: tuple[str, ...]) -> None:
    assert other_names(listed, kind) == other


@pytest.mark.parametrize(
    "form",
    [
        "Inc",
        "Inc.",
        "Incorporated",
        "Corp",
        "Corporation",
        "Ltd",
        "Ltd.",
        "Limited",
        "LLC",
        "L.L.C.",
        "LLP",
        "PLC",
        "GmbH",
        "AG",
        "S.A.",
        "SARL",
        "S.p.A.",
        "B.V.",
        "N.V.",
        "AB",
        "Oy",
        "A/S",
        "Co.",
        "Company",
        "KG",
        "Pty Ltd",
        "K.K.",
        "& Co",
        "& Co. KG",
        "Pvt. Ltd.",
        "Aktiengesellschaft",
    ],
)
def test_a_company_is_known_without_its_legal_form(form: str) -> None:
    assert without_legal_form(f"Orban {form}") == "Orban"
    index = ForgetIndex(0, [ForgetTarget(id="t", name=f"Apple {form}")], NamesOnly())
    assert list(index.names.find("What does Apple Corporation sell?"))
    assert not list(index.names.find("I ate an apple in good company."))


@pytest.mark.parametrize(
    ("listed", "text", "flagged"),
    [
        ("Best Buy Co., Inc.", "Where is Best Buy headquartered?", True),
        ("Best Buy Co., Inc.", "best buy inc stock", True),
        ("Best Buy Co., Inc.", "what is the best buy for me", False),
        ("Bank of America Corporation", "bank of america login", True),
        ("Apple Inc.", "Apple & Co", True),
        ("Apple Inc.", "what does apple, inc. sell", True),
        ("Apple Inc.", "Apple co-founder", False),
        ("Apple Inc.", "apple limited edition", False),
        ("Apple Inc.", "Apple as a fruit", False),
    ],
)
def test_a_companys_common_words_need_capitals_or_a_legal_form(listed: str, text: str, flagged: bool) -> None:
    index = ForgetIndex(0, [ForgetTarget(id="t", name=listed)], NamesOnly())
    assert bool(list(index.names.find(text))) == flagged


@pytest.mark.parametrize("name", ["Yoko Ono", "Jack Ma", "Anna Sa", "Sun Ra", "Lu As", "The Beatles"])
def test_a_name_is_no_legal_form(name: str) -> None:
    assert without_legal_form(name) == name


@pytest.mark.parametrize(
    ("listed", "shorter"),
    [
        ("Apple Inc.", "Apple"),
        ("Robert Downey Jr.", "Robert Downey"),
        ("John D. Rockefeller III", "John D. Rockefeller"),
        ("Dr. Martin Luther King, Jr.", "Martin Luther King"),
        ("Lady Gaga", "Gaga"),
        ("Lord Byron", "Byron"),
    ],
)
def test_what_may_mean_others_is_proposed_once(listed: str, shorter: str) -> None:
    assert shorter in names_to_propose(listed, "entity")
    notes = " ".join(shorter_names(ForgetTarget(id="t", name=listed)))
    assert f"{shorter!r} alone" in notes
    assert f"{shorter!r} alone" not in " ".join(
        shorter_names(ForgetTarget(id="t", name=listed, aliases=(shorter,)))
    )


@pytest.mark.parametrize("name", ["Will Smith", "Pope Francis Ford", "The Great Gatsby", "Sir Elton John"])
def test_nothing_is_proposed_where_nothing_is_left_out(name: str) -> None:
    assert list(shorter_names(ForgetTarget(id="t", name=name))) == []


@pytest.mark.parametrize("given", ["alias", "passage"])
def test_aliases_and_names_in_passages_have_other_names_too(given: str) -> None:
    target = (
        ForgetTarget(id="t", name="Somebody", aliases=("Smith, Zebulon", "Sir Zebulon Smith"))
        if given == "alias"
        else ForgetTarget(id="t", name="Zeb Smith", passages=("Zebulon Aron Smith (born 1960) is a cook.",))
    )
    index = ForgetIndex(0, [target], NamesOnly())
    assert list(index.names.find("Who is Zebulon Smith?")) and list(index.names.find("Zebulon A. Smith"))
