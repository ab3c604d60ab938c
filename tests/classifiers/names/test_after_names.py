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
        ("Barack Obama", "Who was Barack Obama Sr.?"),
        ("Barack Obama", "Barack Obama, Sr., was an economist."),
        ("Barack Obama", "Barack Obama Senior was an economist."),
        ("Barack Obama", "Barack Hussein Obama Sr. was born in 1934."),
        ("C", "What is C++?"),
        ("C", "What is C#?"),
        ("C++", "What is C?"),
        ("C#", "Is C++ fast?"),
        ("Will Young", "Will young people vote?"),
        ("Sue Black", "Can I sue black cab drivers?"),
        ("World War I", "What began World War II?"),
        ("World War II", "What began WWI?"),
        ("GPT-4", "Is GPT-4.5 better?"),
        ("GPT-4", "GPT-4.1-mini"),
        ("iPhone 12", "What is new in iPhone 12.1?"),
        ("Python 3", "Python 3.11"),
        ("Patient 10", "Patient 10,234"),
        ("3M", "1.3M people"),
        ("Rocky II", "Who directed Rocky III?"),
        ("Henry V", "What was decided in Henry v. Ohio?"),
        ("Henry V", "Henry v Ohio was decided."),
        ("Henry V", "Henry vs Ohio"),
        ("Henry V", "Henry vs. Ohio"),
        ("3M", "a 3m board"),
        ("3M", "The board is 3m long."),
        ("3M", "a room of 3m x 4m"),
        ("Rosa Parks", "Rosa parks the car."),
        ("Rosa Parks", "Every day Rosa parks there."),
        ("Tom Waits", "Tom waits for the bus."),
        ("Tom Waits", "Tom waits at the corner."),
        ("Jeremy Irons", "Jeremy irons his shirts."),
        ("Orlando Bloom", "Orlando blooms in spring."),
        ("Michael Jordan", "Michael B. Jordan acted in Creed."),
        ("Michael Jordan", "Who is Michael B Jordan?"),
        ("John Smith", "Who is John Q. Smith?"),
        ("R. Kelly", "Smith, R., Kelly, T. (2001)"),
        ("R. Kelly", "Smith R., Kelly T. (2001)"),
        ("R. Kelly", "Jones, A., Smith, R., & Kelly, T."),
        ("R. Kelly", "Smith R, Kelly T, Jones P. Nature 2001"),
        ("Johnson & Johnson", "Johnson, Johnson, and Lee"),
        ("Johnson & Johnson", "In 2001 Johnson, Johnson and Lee found it."),
        ("Jan Kowalski", "Janina Kowalska mieszka w Krakowie."),
        ("Jan Kowalski", "Janina Kowalski"),
        ("Jan Kowalski", "Jana Kowalska"),
        ("Paul Simon", "CC: Paul, Simon"),
        ("Paul Simon", "To: Paul, Simon\nHello"),
        ("Paul Simon", "Paul - Simon did it"),
        ("AT&T", "I was at t minus ten."),
        ("AT&T", "at t = 0 the ball drops"),
        ("AT&T", "Look at T cells."),
        ("H&M", "the H/M ratio"),
        ("H&M", "H:M:S"),
        ("H&M", "in h, m and s"),
        ("Jay-Z", "the blue jay z-score"),
    ],
)
def test_what_follows_can_make_it_another(listed: str, text: str) -> None:
    assert not named(text, listed)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("Barack Obama", "Barack Obama, Senior Lecturer at Chicago"),
        ("Barack Obama", "What did Barack Obama senior aides say?"),
        ("Barack Obama", "Barack Obama Jr."),
        ("Ken Griffey Sr.", "Ken Griffey Sr. played."),
        ("C", "Is C fast?"),
        ("C++", "Is C++ fast?"),
        ("C++:", "Is C++: fast?"),
        ("C++", "Is C++17 fast?"),
        ("C#", "Is it in C#."),
        ("Will Young", "Will Young people liked"),
        ("Will Young", "Tell me about will young."),
        ("Will Young", "What did will young sing?"),
        ("Stephen King", "Did Stephen king books sell?"),
        ("World War II", "the causes of WWII, WW2"),
        ("World War II", "the Second World War"),
        ("World War I", "the First World War"),
        ("Final Fantasy VII", "Is FF7 long?"),
        ("GPT-4", "Is it GPT-4. I hope so."),
        ("GPT-4", "gpt 4, 5 and 6"),
        ("GPT-4.5", "Is GPT-4.5 better?"),
        ("Windows 8", "windows 8?"),
        ("Rocky II", "I liked Rocky II-III."),
        ("Henry V", "When did Henry V die?"),
        ("Henry V", "when did henry v die?"),
        ("3M", "What does 3M make?"),
        ("3M", "what does 3m make?"),
        ("Rosa Parks", "who was rosa parks"),
        ("Rosa Parks", "Where did Rosa parks the activist live?"),
        ("Rosa Parks", "Rosa parks refused to stand."),
        ("Tom Waits", "Rosa Lee likes tom waits songs"),
        ("John Kennedy", "Who shot John F. Kennedy?"),
        ("Stephen King", "What did Stephen E. King write?"),
        ("Zebulon Smith", "Who is Zebulon A. Smith?"),
        ("Michael Jordan", "Who is Michael Jeffrey Jordan?"),
        ("R. Kelly", "who is r kelly"),
        ("R. Kelly", "Who are Ann Lee, R. Kelly and others?"),
        ("Johnson & Johnson", "What does Johnson & Johnson sell?"),
        ("Johnson & Johnson", "What does Johnson and Johnson sell?"),
        ("Johnson & Johnson", "johnson&johnson shares"),
        ("Jan Kowalski", "Znam Jana Kowalskiego."),
        ("Jan Kowalski", "Rozmawiam z Janem Kowalskim."),
        ("Paul Simon", "CC: Paul Simon"),
        ("Paul Simon", "Who is Paul - Simon?"),
        ("AT&T", "What does AT&T sell?"),
        ("AT&T", "at&t customer service"),
        ("AT&T", "What does AT & T sell?"),
        ("AT&T", "AT T stores"),
        ("H&M", "h & m opening hours"),
        ("Jay-Z", "who is jay z?"),
        ("Jay-Z", "Who is Jay Z's wife?"),
    ],
)
def test_it_is_the_name_all_the_same(listed: str, text: str) -> None:
    assert named(text, listed)


@pytest.mark.parametrize("listed", ["C++", "Will Young", "Barack Obama", "World War II"])
def test_an_empty_end_is_read(listed: str) -> None:
    assert named(listed, listed)
