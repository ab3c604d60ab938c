"""How a name is written in a prompt, against how it is listed: what is the same name, and what is none."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.names import NameMatcher
from vllm_unlearn.classifiers.scope_check import NamesOnly
from vllm_unlearn.vocabulary import ForgetTarget


def found(text: str, listed: str) -> list[str]:
    """What is flagged of a text where an entity of that name is listed."""
    index = ForgetIndex(0, [ForgetTarget(id="t", name=listed)], NamesOnly())
    return [text[hit.start : hit.end] for hit in index.find_names(text)]


PUNCTUATED = [
    ("Paul Simon", "It was Paul-Simon."),
    ("Paul Simon", "mail Paul.Simon@x.org now"),
    ("Paul Simon", "the handle Paul_Simon"),
    ("Paul Simon", "about Paul\nSimon, please"),
    ("Paul Simon", "Simon, Paul: when was he born?"),
    ("Paul Simon", "P.a.u.l S.i.m.o.n"),
    ("Paul Simon", "P*a*u*l S*i*m*o*n"),
    ("Paul Simon", "Who is Paul, Simon?"),
    ("Stephen King", "Who is Stephen. King?"),
    ("Stephen King", "Who is Stephen. King and what did he write?"),
    ("Stephen King", "What did Stephen, King write?"),
    ("Stephen King", "stephen, king books"),
    ("Stephen King", "Tell me about Stephen, King of horror"),
    ("Stephen King", "Who is “Stephen” (King)?"),
    ("Stephen King", "1,Stephen,King,1947"),
    ("Stephen King", "King, Stephen wrote it."),
    ("J. K. Rowling", "Who is J. K. Rowling?"),
    ("St. Vincent", "Who is St. Vincent really?"),
    ("St Vincent", "I heard St. Vincent play."),
    ("Mr Robot", "I watched Mr. Robot yesterday."),
    ("Martin Luther King Jr.", "We honour Martin Luther King, Jr. today."),
    ("Crouching Tiger, Hidden Dragon", "Who directed Crouching Tiger Hidden Dragon?"),
    ("Crouching Tiger, Hidden Dragon", "I saw Crouching Tiger, Hidden Dragon and liked it."),
    ("Kill Bill: Vol. 2", "I saw Kill Bill Vol. 2 there."),
    ("Tyler the Creator", "Tyler, The Creator released an album in 2017."),
    ("Catherine Princess of Wales", "Catherine, Princess of Wales, was there."),
    ("Peter Paul and Mary", "Peter, Paul & Mary sang it for us."),
    ("Emerson, Lake & Palmer", "Emerson Lake and Palmer played it."),
    ("Simon & Garfunkel", "Simon and Garfunkel sang it."),
    ("Romeo and Juliet", "a play like Romeo & Juliet"),
]


@pytest.mark.parametrize(("listed", "text"), PUNCTUATED)
def test_punctuation_of_its_own_or_put_in_leaves_a_name(listed: str, text: str) -> None:
    assert found(text, listed)


@pytest.mark.parametrize(
    ("listed", "text", "span"),
    [
        ("Venus Williams", "Did Venus and Serena Williams win?", "Venus and Serena Williams"),
        ("Bill Clinton", "Bill & Hillary Clinton met", "Bill & Hillary Clinton"),
        ("Vincent van Gogh", "Vincent und Theo van Gogh malten", "Vincent und Theo van Gogh"),
        ("Paul Simon", "Paul and Art met Simon", ""),
        ("Paul Simon", "Paul and Art. Simon left.", ""),
        ("Stephen King", "Stephen and the King", ""),
    ],
)
def test_two_may_share_a_surname(listed: str, text: str, span: str) -> None:
    assert found(text, listed) == ([span] if span else [])


PARTED = [
    ("Paul Simon", "Paul, Simon and Ann are coming."),
    ("Paul Simon", "I met Paul. Simon left."),
    ("Paul Simon", "i met paul. simon left early"),
    ("Paul Simon", "Ann, Paul, Simon and Bob"),
    ("Paul Simon", "paul, simon and ann are coming"),
    ("Paul Simon", "Did Paul, Simon or Ann win?"),
    ("Paul Simon", "When I met Paul, Simon left."),
    ("Paul Simon", "Did you see Paul? Simon left."),
    ("Paul Simon", "I saw Paul! Simon was there."),
    ("Paul Simon", "It was Paul; Simon had left by then."),
    ("Paul Simon", "I met Paul... Simon left."),
    ("Paul Simon", "Hi Paul, Simon here. Can you call?"),
    ("Paul Simon", "Paul: Simon, where are you going?"),
    ("Paul Simon", "Paul & Simon are here"),
    ("Paul Simon", "I met Simon, Paul and Ann."),
    ("Paul Simon", "Paul, Simons and Ann are coming."),
    ("Meg Ryan", "Meg; Ryan; Tom"),
    ("Meg Ryan", "Meg, Ryan und Tom kamen."),
    ("Will Smith", "We met Will. Smith was late."),
    ("Will Smith", "Will, Smith and Jones are lawyers."),
    ("Elton John", "According to Elton, John left early."),
    ("Larry Bird", "I saw Larry. Bird watching is fun."),
    ("Stephen King", "He baptised Stephen. King Henry was angry."),
    ("Anna Nicole Smith", "We met Anna. Nicole Smith left."),
    ("村上春樹", "村上、春樹と花子が来た。"),
]


@pytest.mark.parametrize(("listed", "text"), PARTED)
def test_a_list_and_two_sentences_are_no_name(listed: str, text: str) -> None:
    assert found(text, listed) == []


SCRIPTS = [
    ("محمد علي كلاي", "من هو محـمد علی کلای؟"),
    ("فاطمة الزهراء", "من هي فاطمه الزهراء؟"),
    ("مصطفى كمال", "مصطفي كمال"),
    ("أحمد زويل", "من هو احمد زويل؟"),
    ("محمد علي", "مُحَمَّد عليّ"),
    ("Apollo ١٣", "When did Apollo 13 fly?"),
    ("Apollo 13", "Apollo ۱۳"),
    ("שרון יוסף", "שָׁרוֹן יוֹסֵף"),
    ("村上春樹", "村上 春樹の本"),
    ("村上春樹", "村上・春樹は誰"),
    ("村上春樹", "村上　春樹"),
    ("村上春樹", "村上春树是谁"),
    ("村上 春樹", "村上春樹は誰ですか"),
    ("毛泽东", "毛澤東是誰"),
    ("黒澤明", "黑泽明的电影"),
    ("渡辺謙", "渡邊謙"),
    ("李白", "李 白 是谁"),
    ("김철수", "김 철수는 누구"),
    ("김 철수", "김철수가 누구"),
    ("スティーブン・キング", "スティーブンキングの本"),
    ("スティーブン・キング", "スティーブン＝キングの本"),
    ("スティーブンキング", "スティーブン・キングの本"),
    ("สุนทรภู่", "สุนทร ภู่"),
]


@pytest.mark.parametrize(("listed", "text"), SCRIPTS)
def test_names_of_other_scripts_are_found_as_they_are_typed(listed: str, text: str) -> None:
    assert found(text, listed)


@pytest.mark.parametrize(
    ("listed", "text"), [("李白", "桃李 白天"), ("김철수", "김 철수하다가"), ("اب", "ابن")]
)
def test_other_words_of_these_scripts_are_none(listed: str, text: str) -> None:
    assert found(text, listed) == []


DIGRAPHS = [
    ("Loeb Aron Baer", "Löb Aron Bär"),
    ("Löb Aron Bär", "Loeb Aron Baer"),
    ("Löb Aron Bär", "Loeb Aron Bär"),
    ("Loeb Aron Baer", "Lo\u0308b Aron Ba\u0308r"),
    ("Jürgen Müller", "Juergen Karl Mueller"),
    ("Juergen Mueller", "Jürgen Karl Müller"),
    ("Novak Djokovic", "Novak Đoković"),
    ("Novak Đoković", "Novak Djokovic"),
    ("Aarhus Hansen", "Århus Hansen"),
    ("Aeroe Ferry", "Ærø Ferry"),
    ("Soeren Kierkegaard", "Søren Kierkegaard"),
    ("Strauss Mueller", "Strauß Müller"),
    ("Thor Sigurdsson", "Þor Sigurðsson"),
    ("Conan O'Brien", "Conan OʼBrien"),
    ("Conan OʼBrien", "Conan O'Brien"),
    ("Conan O'Brien", "Conan OBrien"),
    ("Hawaiʻi", "Hawaii"),
    ("Hawaiʻi", "Hawai'i"),
    ("Gal·la Placídia", "Galla Placidia"),
]


@pytest.mark.parametrize(("listed", "written"), DIGRAPHS)
def test_letters_that_are_also_written_as_two_are_found_exactly(listed: str, written: str) -> None:
    assert written in found(f"Who is {written}, then?", listed)


@pytest.mark.parametrize(
    ("listed", "text"), [("Joe Cole", "Jo Colette"), ("Shell", "she'll come"), ("Loeb", "lob")]
)
def test_two_letters_are_not_one(listed: str, text: str) -> None:
    assert found(text, listed) == []


INITIALS = [
    ("John Ronald Reuel Tolkien", "JRR Tolkien"),
    ("John Ronald Reuel Tolkien", "J.R.R. Tolkien"),
    ("John Ronald Reuel Tolkien", "j r r tolkien"),
    ("John Ronald Reuel Tolkien", "jrr tolkien"),
    ("John Ronald Reuel Tolkien", "J. Tolkien"),
    ("John Ronald Reuel Tolkien", "Tolkien, J. R. R"),
    ("Clive Staples Lewis", "C. S. Lewis"),
    ("Clive Staples Lewis", "CS Lewis"),
    ("Clive Staples Lewis", "C. Staples Lewis"),
    ("Edward Estlin Cummings", "e.e. cummings"),
    ("J. K. Rowling", "Joanne Kathleen Rowling"),
    ("JK Rowling", "Joanne Kathleen Rowling"),
    ("H. G. Wells", "Herbert George Wells"),
    ("George R. R. Martin", "G. R. R. Martin"),
    ("George R. R. Martin", "George Raymond Richard Martin"),
    ("Antoine de Saint-Exupéry", "A. de Saint-Exupéry"),
    ("Vincent van Gogh", "Vincent Willem van Gogh"),
    ("Robert Downey Jr.", "Robert John Downey Jr"),
    ("Rob Schneider", "Robert Michael Schneider"),
    ("Ted Danson", "Edward Danson"),
]


@pytest.mark.parametrize(("listed", "written"), INITIALS)
def test_given_names_may_be_initials_or_longer(listed: str, written: str) -> None:
    assert written in found(f"What of {written}?", listed)


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("John Ronald Reuel Tolkien", "Christopher J. Tolkien edited it."),
        ("John Ronald Reuel Tolkien", "R. J. Tolkien"),
        ("Clive Staples Lewis", "Who is J. R. Lewis?"),
        ("Stephen King", "S. King"),
        ("Sam Adam King", "that's a king"),
        ("Ian Andrew King", "am i a king"),
        ("Michael Roy King", "Mr King"),
        ("Adrienne Irwin Field", "experience in the AI field"),
        ("J. K. Rowling", "Oliver Rowling, and John Ann Rowling"),
        ("Chris Brown", "Christopher Lee Brown"),
        ("Jim Parsons", "James Parsons"),
    ],
)
def test_initials_of_others_and_of_nobody_are_none(listed: str, text: str) -> None:
    assert found(text, listed) == []


@pytest.mark.parametrize(
    "text", ["J. R. R. Tolkien, ", "Stephen, King. ", "Löb Aron Bär ", "村上 春樹", "C. S. "]
)
def test_hits_of_every_way_lie_in_the_text_and_hold_the_name(text: str) -> None:
    names = ["John Ronald Reuel Tolkien", "Stephen King", "Loeb Aron Baer", "村上春樹", "Clive Staples Lewis"]
    for hit in NameMatcher(enumerate_names(names)).find(text * 50):
        written = (text * 50)[hit.start : hit.end]
        assert written == written.strip(" ,") and len(written) > 3


def enumerate_names(names: list[str]) -> list[tuple[str, str]]:
    return [(f"t{number}", name) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("listed", "prompt"),
    [
        ("will.i.am", "Who is William Shakespeare?"),
        ("a-ha", "aha!"),
        ("Jo-Ann", "Who is Joann Smith?"),
        ("Smith, Will", "Smith will go home."),
        ("Smith, Will", "Ask Smith. Will he come?"),
        ("Brown, Mark", "a brown mark on my skin"),
        ("Pope John Paul II", "Who was Pope John Paul I?"),
        ("Pope John Paul II", "Who was Pope Paul II?"),
        ("Star Wars: Episode IV", "Star Wars Episode V"),
        ("Paul Simon", '["Paul", "Simon", "Ann"]'),
    ],
)
def test_what_is_written_alike_is_another(listed: str, prompt: str) -> None:
    assert list(NameMatcher([("t", listed)]).find(prompt)) == []


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("What does Orban sell?", True),
        ("What does Orban Corp sell?", True),
        ("what does orban gmbh sell?", True),
        ("Who is Viktor Orban?", False),
    ],
)
def test_one_rare_word_of_a_company_is_no_persons_surname(prompt: str, found: bool) -> None:
    assert bool(list(NameMatcher([("t", "Orban Corporation")], [("t", "Orban")]).find(prompt))) == found
