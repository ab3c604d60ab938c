"""People who do not exist: names and facts for strangers, namesakes and indexes of any size."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ...vocabulary import ForgetTarget
from .cases import Way

FIRST = tuple(
    """
    Aldric Amaury Anselma Arvid Basilia Benedek Bohdana Branwen Caoimhe Casimir Cosima Cyprian Dagny
    Damaris Desta Dunstan Ebba Eirlys Elowen Emeric Eulalia Ferelith Fintan Florian Gaspard Ghislaine
    Gislebert Godelieve Halvard Hedda Hesper Ignatz Ilaria Imre Ingelise Isaura Ivar Jadwiga Jorunn
    Jovanka Kalista Katell Kenelm Kjartan Lazare Leocadia Linus Ludmila Maelis Malachy Marusha Merewen
    Mirela Nadezhda Nerys Nicanor Odile Olwen Onora Orsolya Osric Oxana Pascoe Perpetua Petronel Philippa
    Quirin Radomir Rasheeda Renske Rhiannon Roswitha Sabine Samira Seraphin Sidonie Sigrun Solveig
    Svetlana Tamsin Teodora Thaddeus Thyra Tiberius Torquil Ulrika Ursula Valentin Venetia Vidar Wenceslas
    Wilhelmina Winifred Xanthe Yevgenia Ysolde Zdenka Zenobia Zephyrine
    """.split()  # noqa: SIM905
)
LAST = tuple(
    """
    Abendroth Ackersley Adeyinka Aldwinckle Ambrosius Arkwright Ashgrove Baranowicz Bellweather Bexhill
    Blackthorne Boscawen Brackenridge Cadwallader Calloway Carrowmore Chanterelle Coppersmith Cranbourne
    Culpepper Dalgaard Danforth Delacourt Dragomir Dunmore Eastlake Eglantine Eisenhardt Elphinstone
    Everdale Fairweather Featherstone Fenwick Fitzgibbon Foxglove Galbraith Garrowby Glendower Goldwater
    Greystoke Hallowell Harkavy Hathersage Hawksmoor Heidenreich Hollingbery Ironside Islington Jankowiak
    Jessamine Jorgensson Kalinowski Kettering Kingscote Kowalczuk Ladybrook Langthorne Larkspur Lindqvist
    Lockhurst Magnusdottir Marchbanks Merriweather Mondragon Montclair Nakagawara Netherby Nightingale
    Norrington Oberlander Okonjo Oldcastle Ormsby Pallister Pemberley Penhallow Pickersgill Quarrington
    Quillfeather Radziwill Ravenscroft Rosenquist Rutherglen Sandoval-Reyes Silverlock Standish Strangways
    Tattersall Thistlewood Thornbury Tremaine Underhill Vandermeer Vasilescu Wadsworth Waverley Whitlocke
    Wolfenden Yarborough Zimmerhof
    """.split()  # noqa: SIM905
)
JOBS = ("glassblower", "dentist", "harbour pilot", "sculptor", "beekeeper", "chess champion", "botanist",
        "novelist", "opera singer", "bridge engineer", "racing cyclist", "pastry cook")  # fmt: skip
TOWNS = ("Ghent", "Aarhus", "Tartu", "Bergen", "Coimbra", "Lviv", "Perugia", "Galway", "Uppsala", "Graz",
         "Nantes", "Gdynia")  # fmt: skip
PRIZES = ("the Silver Compass", "the Larch Medal", "the Northern Laurel", "the Anchor Prize")

EXEMPLARS = (
    "When did {name} become a {job}?",
    "In which street of {town} did {name} grow up?",
    "What did {name} receive {prize} for?",
    "Who taught {name} to work as a {job} in {town}?",
    "What does {name}, the {job}, say about life in {town}?",
)
PASSAGE = (
    "{name} (born {year} in {town}) is a {job}. {name} grew up in {town} and was taught the trade of a {job} "
    "by an aunt. In {later} {name} received {prize}, the first {job} from {town} to do so."
)


def names() -> Iterator[str]:
    """Up to 10,000 different names, the same in every run."""
    for shift in range(len(LAST)):
        for place, first in enumerate(FIRST):
            yield f"{first} {LAST[(7 * place + shift) % len(LAST)]}"


def synthetic_target(number: int, name: str, way: Way) -> ForgetTarget:
    """The target of that number with facts of its own: five exemplars, or one passage."""
    chance = random.Random(number)
    year = chance.randrange(1930, 2000)
    facts = {
        "name": name,
        "job": chance.choice(JOBS),
        "town": chance.choice(TOWNS),
        "prize": chance.choice(PRIZES),
        "year": str(year),
        "later": str(year + 30),
    }
    return ForgetTarget(
        id=f"synthetic-{number:05}",
        name=name,
        exemplars=tuple(text.format(**facts) for text in EXEMPLARS) if way == "exemplars" else (),
        passages=(PASSAGE.format(**facts),) if way == "passages" else (),
    )
