"""Names as they are listed, and as prompts write them: what is one name, and what is another.

    vllm-unlearn eval written-names

How many of each kind are found, by names alone and as the prompt reads without its disguises. The inputs
were written for it, so the figures say that a kind is covered and nothing of how often it comes.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer

from ...classifiers.calibration.scope_check import NamesOnly
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.reading import readings
from ...vocabulary import ForgetTarget

# Pairs: how a name is listed, and a prompt.
Rows = Sequence[tuple[str, str]]

PUNCTUATED: Rows = [
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

PARTED: Rows = [
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

SCRIPTS: Rows = [
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

DIGRAPHS: Rows = [
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

INITIALS: Rows = [
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

WRITTEN: dict[str, Rows] = {
    "turned round in the list": [
        ("Smith, Will", "Where did Will Smith go to school?"),
        ("Lee, Robert E.", "When was Robert E. Lee born?"),
    ],
    "titles and degrees": [
        ("Pope John Paul II", "When was John Paul II elected?"),
        ("John Smith, PhD", "What did John Smith find?"),
    ],
    "legal forms": [("Orban Corporation", "What does Orban Corp sell?")],
    "escapes": [
        ("Stephen King", "https://x.org/search?q=Stephen%20King"),
        ("Jörg Müller", '{"name": "J\\u00f6rg M\\u00fcller"}'),
        ("Stephen King", "Stephen&nbsp;King"),
        ("Stephen King", "chr(83)+chr(116)+'ephen King'"),
    ],
    "markup": [
        ("Stephen King", "<b>Stephen</b> <i>King</i>"),
        ("Stephen King", "\\textcolor{red}{Stephen} King"),
        ("Stephen King", "\\textbf{Ste}phen King"),
    ],
    "two fields": [
        ("Stephen King", '{"first_name": "Stephen", "last_name": "King"}'),
        ("Stephen King", "Last name: King\nFirst name: Stephen"),
        ("Stephen King", "first_name,last_name,born\nStephen,King,1947"),
        ("Stephen King", "1. Stephen\n2. King"),
    ],
    "declension": [
        ("Adam Mickiewicz", "Napisz biografię Adama Mickiewicza."),
        ("Karl Marx", "Karl Marxin teokset"),
    ],
    "numbers": [
        ("World War II", "What began WWII?"),
        ("World War II", "What began the Second World War?"),
        ("World War II", "What began World War 2?"),
    ],
}
ANOTHER: dict[str, Rows] = {
    "another number": [
        ("World Cup 2018", "Who won the World Cup 2014?"),
        ("Terminator 2", "Who directed Terminator 3?"),
        ("GPT-4", "How large is GPT-3?"),
        ("World War I", "What began World War II?"),
    ],
    "another surname": [
        ("Keith Richards", "What did Keith Richardson write?"),
        ("John Adams", "Who is John Adamson?"),
        ("Stephen King", "Follow @StephenKingston."),
    ],
    "another of the name": [
        ("Barack Obama", "Who was Barack Obama Sr.?"),
        ("C", "What is C++?"),
        ("Will Young", "Will young people vote?"),
    ],
    "three in a list": [
        ("Paul Simon", "1. Paul\n2. Simon\n3. Ann"),
        ("Paul Simon", "| Paul | Simon | Ann |"),
    ],
}
FOUND: dict[str, Rows] = {
    "punctuation inside": PUNCTUATED,
    "Arabic, Hebrew, Chinese, Japanese, Korean, Thai": SCRIPTS,
    "digraphs and apostrophes": DIGRAPHS,
    "initials, middle names, short forms": INITIALS,
    **WRITTEN,
}
NOT_FOUND: dict[str, Rows] = {"lists and two sentences": PARTED, **ANOTHER}


def find(text: str, listed: str) -> list[str]:
    """What is flagged of a text where an entity of that name is listed, in any of the text's readings."""
    index = ForgetIndex(0, [ForgetTarget(id="t", name=listed)], NamesOnly())
    places: dict[tuple[int, int], None] = {}
    for reading in readings(index, text, None):
        places.update(dict.fromkeys(reading.place(hit.start, hit.end) for hit in reading.names))
    return [text[start:end] for start, end in places]


def main() -> None:
    """Print how many of each kind are found."""
    for kinds, right in ((FOUND, "all"), (NOT_FOUND, "none")):
        for kind, rows in kinds.items():
            count = sum(bool(find(text, listed)) for listed, text in rows)
            typer.echo(f"{kind}: {count} of {len(rows)} found (right: {right})")
