"""The endings that a name takes: "Adama Mickiewicza", "Karl Marxin", "Льва Толстого".

A known ending makes a form of the name; any other ("Richardson", "Martinez") makes another name.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..text.numerals import is_number
from ..text.word_frequency import ORDINARY_ZIPF, english_rarity

# A shorter word is too often another one with an ending ("the", "then").
MIN_LETTERS = 3
# What English texts write once in five million words or more often is a word or a name of its own.
KNOWN_ZIPF = 2.3

# By language: what a listed word ends in, and what may stand in its place, folded as names are. ``C`` and
# ``V`` stand for any consonant and any vowel, which stay; ``D`` for a consonant, which is doubled. Singular
# cases of the languages measured (docs/results/detection.md), and the commonest of some others.
# fmt: off
_TABLE = {
    "pl": """C: a owi em iem ie u e ia iowi iu; d: dzie; t: cie; st: scie; r: rze; ek: ka kowi kiem ku;
        el: la lowi lem le; iol: la lowi lem le; iek: ka kowi kiem ku; er: ra rowi rem rze;
        ec: ca cowi cem cu; i: iego iemu im; y: ego emu ym; e: ego emu; a: y i e o ie iej ej; ka: ce;
        ga: dze; ra: rze; ta: cie; da: dzie; sta: scie; cha: sze; ja: i;
        o: i y e a ie owi em ona onowi onem onie; ko: ce; ro: rze""",
    "cs": """C: a ovi em e i u y ovy om ova ove ovou ovo uv; ek: ka kovi kem ku; el: la lovi lem le lu;
        ec: ce cem ci; en: na novi nem; a: y e u ou i o ovi; ka: ce; ha: ze; ga: ze; cha: se;
        y: eho emu ym em yho ymu; e: eho emu; i: iho imu im; V: ova ove ovou; o: a y ovi em u""",
    "hr": """C: a u om em e ov ova ovo ovi ovim; a: e i u o om in ina; o: a u om; ar: ra ru rom re;
        ac: ca cu cem ce""",
    "ru": """C: а у ом ем е ы ым и; ь: я ю ем е и ью; и: я ю ем е и; ии: ого его ому ему им ом ем;
        ыи: ого ому ым ом; ои: ого ому ым им ом; а: ы и е у ои ою; я: и е ю еи ею; ая: ои ую;
        ев: ьва ьву ьвом ьве; ел: ла лу лом ле; ец: ца цу цом цем це; ок: ка ку ком ке; о: а у ом""",
    "uk": """C: а у ові ом ем і е ови им я ю еві; ь: я ю еві ем і; и: я ю єві єм і; ии: ого ому им ім;
        а: и і у ою о оі іи; я: і ю ею єю; ів: ова ову овом ові; ев: ева; ець: ця цю цем цеві;
        ок: ка ку ком кові; ел: ла лу лом лові; о: а у ом ові; га: зі; ка: ці; ха: сі""",
    "el": """οσ: ου ο ε ουσ; ησ: η; ασ: α; εσ: ε; ισ: ι; ευσ: εα; η: ησ; α: ασ; ω: ωσ""",
    "fi": """V: n ta a ssa sta lla lta lle na ksi an en in on un yn han hen hin hon hun tta kin;
        C: in ia iin issa ista illa ilta ille ina iksi ta;
        nen: sen sta seen sessa sesta sella selta selle sena seksi;
        s: ksen ksessa ksesta kseen ksella kselta kselle ksena kseksi; as: aan;
        e: een etta eessa eesta eella eelta eelle eeksi eena eeseen;
        nne: nteen nteessa nteesta nteella nteelta nteelle nteeksi nteena nteeseen;
        i: en essa esta ella elta elle ea ena eksi een; ki: en essa esta ella elta elle eksi; ti: den;
        mpi: mmen; pi: ven veksi vessa vesta vella velta velle; ri: rta""",
    "et": "C: i it ile ilt iga ist is; V: le lt ga st",
    "hu": """C: t ot et at nak nek ra re rol tol ban ben bol ba be hoz hez nal nel ert kent e ek ja je;
        V: t nak nek val vel ra re rol tol ban ben bol ba be hoz hez nal nel ert kent ja je; D: al el;
        cs: ccsal ccsel; sz: sszal sszel; zs: zzsal zzsel; gy: ggyal ggyel; ny: nnyal nnyel;
        ly: llyal llyel""",
    "tr": """C: in un e a i u de da den dan te ta ten tan le la ler lar li lu deki daki;
        V: nin nun ye ya yi yu de da den dan yle yla ler lar deki daki; k: gin gun ge ga gi gu;
        t: din dun de da di du; p: bin bun be ba bi bu""",
    "be": """C: а у ам ем е ым; а: ы е у аи аю; я: і ю яи; ь: я ю ем; и: я ю ем; ии: ага аму ім""",
    "kk": """C: ның нің дың дің тың тің ға ге қа ке ды ді ты ті да де та те дан ден тан тен пен мен бен;
        V: ның нің ға ге ны ні да де дан ден мен""",
    "lt": """C: o ui u e as; as: o ui u e; is: io iui iu; us: aus ui u; a: os ai; e: es ei""",
    "lv": """C: a am u; s: a am u; is: a im i; a: as ai u; e: es ei i""",
    "eu": "C: en ek i ekin; V: ren k ri rekin",
    "sq": "C: i u it ut in un",
    "ro": "C: ului; a: ei",
    "id": "C: nya; V: nya",
}
# fmt: on
_WEAKENED = dict(zip("kk pp tt nt lt rt mp nk t".split(), "k p t nn ll rr mm ng d".split(), strict=True))  # noqa: SIM905
_AFTER_WEAKENED = ("n", "ssa", "sta", "lla", "lta", "lle", "ksi")
_VOWELS = frozenset("aeiouyаеиоуыэюяієαεηιουω")
# What makes other surnames of one. Where a name stands inside of a longer word, no list of endings helps.
_SURNAMES = frozenset(
    "son sen sson ssen man mann ton ston ley ham ford berg stein ez es er ers ing".split()  # noqa: SIM905
)
# Languages that are not in the table, in scripts that are not either: a few letters of any kind.
OTHER_LETTERS = 3
OTHER_WORD_LETTERS = 4


def _rules() -> Iterator[tuple[str, str, str]]:
    """(language, what a word ends in, what stands in its place)."""
    for language, rows in _TABLE.items():
        for row in rows.split(";"):
            old, _, new = row.strip().partition(": ")
            for ending in new.split():
                yield language, old, ending
    for strong, weak in _WEAKENED.items():
        for vowel in "aeiouy":
            for ending in _AFTER_WEAKENED:
                yield "fi", strong + vowel, weak + vowel + ending


_BITS = {language: 1 << i for i, language in enumerate(_TABLE)}


def _masks() -> dict[tuple[str, str], int]:
    """The languages of each rule, a bit each."""
    masks: dict[tuple[str, str], int] = {}
    for language, old, new in _rules():
        masks[old, new] = masks.get((old, new), 0) | _BITS[language]
    return masks


_MASKS = _masks()
# Where only the last word of a name takes an ending: no Finnish "Janina Kowalski" is Jan's.
LAST_ALONE = sum(map(_BITS.__getitem__, ("fi", "et", "hu", "tr", "eu", "kk")))
# What a man's surname ends in, and a woman's.
_GENDERS = frozenset((("ski", "ska"), ("cki", "cka"), ("zki", "zka"), ("sky", "ska")))
_OTHER = 1 << len(_TABLE)
_REPLACED = frozenset(old for old, _ in _MASKS if old not in "CVD")
_MOST_REPLACED = max(map(len, _REPLACED))
# No ending has more letters than this.
MOST_LETTERS = max(len(new) for _, new in _MASKS) + 1
# Endings that stand after an apostrophe inside of a name ("Mike'a Tysona"), with their languages.
AFTER_APOSTROPHE = {new: _MASKS["C", new] for new in ("a", "owi", "em", "u", "e", "ie", "ovi", "om")}
AFTER_APOSTROPHE |= {new: _MASKS["y", new] for new in ("ego", "emu", "ym")}


def languages(word: str, form: str) -> int:
    """The languages (bits) in which ``form`` can be ``word`` with an ending; 0 if in none.

    Both folded (``normalise``); ``form`` is another word than ``word``.
    """
    shared = _common_prefix(word, form)
    mask = 0
    for cut in range(min(_MOST_REPLACED, len(word) - 1) + 1):
        stem = len(word) - cut
        if stem <= shared:
            mask |= languages_of_ending(word, stem, form[stem:])
    return mask


def languages_of_ending(word: str, stem: int, ending: str) -> int:
    """The languages (bits) in which ``word`` keeps its first ``stem`` letters before ``ending``."""
    if stem < len(word):
        return _MASKS.get((word[stem:], ending), 0)
    if not declinable(word):
        return 0
    if not _is_in_table(word[-1]):
        known = len(word) >= OTHER_WORD_LETTERS and 0 < len(ending) <= OTHER_LETTERS and not is_number(ending)
        return _OTHER if known else 0
    mask = _MASKS.get(("V", ending), 0) if word[-1] in _VOWELS else 0
    if word[-1] not in _VOWELS or word[-1] == "y":  # a vowel of Finnish, and a consonant of Turkish
        mask |= _MASKS.get(("C", ending), 0)
        mask |= _MASKS.get(("D", ending[1:]), 0) if ending[:1] == word[-1] else 0
    return mask


def other_gender(word: str, form: str) -> bool:
    """Whether one is a man's surname and the other a woman's: Kowalski, Kowalska."""
    same = word[:-3] == form[:-3]
    return same and ((word[-3:], form[-3:]) in _GENDERS or (form[-3:], word[-3:]) in _GENDERS)


def _common_prefix(one: str, other: str) -> int:
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return i
    return min(len(one), len(other))


def stems(word: str) -> Iterator[str]:
    """What may stay of a listed word under its endings."""
    if declinable(word):
        yield word
        for cut in range(1, min(_MOST_REPLACED, len(word) - 1) + 1):
            if word[-cut:] in _REPLACED:
                yield word[:-cut]


def declinable(word: str) -> bool:
    return len(word) >= MIN_LETTERS and not is_number(word)


def own_word(word: str) -> bool:
    """Whether a folded word is known by itself, so that it is no form of another on its face."""
    return ORDINARY_ZIPF - english_rarity(word) >= KNOWN_ZIPF


def _is_in_table(char: str) -> bool:
    """Latin, Greek or Cyrillic: the scripts whose endings the table knows."""
    return char < "\u0530"


def another_name(word: str, rest: str) -> bool:
    """Whether a listed word and the letters right after it are another name: "Kingston" for King.

    ``rest`` may go on, as in "kingstonfans".
    """
    if rest in _SURNAMES:
        return True
    longest = min(len(rest), 2 + len(word))
    return any(own_word(word + rest[:letters]) for letters in range(2, longest + 1))
